//! kube-proxy: it leads the addresses of Services to their Pods.

use super::{PROXY, search_path};
use crate::{cache, cluster::network, control_plane::ControlPlane, tools};
use anyhow::Result;
use serde_json::json;
use std::process::Command;

/// Starts it where it does not run.
pub(super) fn start(control_plane: &ControlPlane) -> Result<()> {
    let settings = control_plane.file("kube-proxy.json");
    let content = json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "clientConnection": {"kubeconfig": control_plane.kubeconfig_of(PROXY.name)},
        "clusterCIDR": network::PODS,
        "conntrack": {"maxPerCore": 0},
        "healthzBindAddress": format!("{}:10256", network::HOST),
        "hostnameOverride": "takings",
        "metricsBindAddress": format!("{}:10249", network::HOST),
        "mode": "nftables",
        // Two Pods of one bridge would answer each other past this machine, with an address
        // that the caller never asked.
        "nftables": {"masqueradeAll": true, "minSyncPeriod": "100ms"},
    });
    cache::write(&settings, content.to_string())?;
    let mut proxy = Command::new(tools::path(PROXY.name)?);
    proxy.env("PATH", search_path()?).arg("--config").arg(settings);
    control_plane.ensure(PROXY.name, &proxy)
}
