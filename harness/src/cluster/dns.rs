//! The names of Services: CoreDNS, on this machine, at the bridge's address.

use super::network;
use crate::{
    cache,
    control_plane::{ControlPlane, User},
    tools,
};
use anyhow::Result;
use rustix::process::Signal;
use std::{fs, process::Command, time::Duration};

pub(super) const COREDNS: User = User { name: "coredns", account: "takings-coredns", group: None };

const RIGHTS: &str = r"
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: takings-coredns}
rules:
- apiGroups: ['']
  resources: [namespaces, pods, services]
  verbs: [list, watch]
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: takings-coredns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: takings-coredns}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: User, name: takings-coredns}
";

/// Starts it where it does not run.
pub(super) fn start(control_plane: &ControlPlane) -> Result<()> {
    control_plane.apply(RIGHTS)?;
    let corefile = control_plane.file("Corefile");
    let kubeconfig = control_plane.kubeconfig_of(COREDNS.name);
    let content = format!(
        ".:53 {{\n bind {}\n errors\n kubernetes cluster.local {{\n  kubeconfig {} takings\n }}\n\
         {} cache 5\n}}\n",
        network::HOST,
        kubeconfig.display(),
        forward()
    );
    cache::write(&corefile, content)?;
    let mut coredns = Command::new(tools::path("coredns")?);
    coredns.arg("-conf").arg(corefile);
    control_plane.ensure(COREDNS.name, &coredns)
}

/// Stops it.
pub(super) fn stop(control_plane: &ControlPlane) -> Result<()> {
    control_plane.daemon(COREDNS.name).stop(Signal::KILL, Duration::from_secs(5))
}

/// Other names are asked where this machine asks, if it does.
fn forward() -> &'static str {
    let resolver = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    if resolver.lines().any(|line| line.starts_with("nameserver")) {
        " forward . /etc/resolv.conf\n"
    } else {
        ""
    }
}
