//! What runs Pods: containerd, kubelet and kube-proxy.

use super::{network, pause};
use crate::{
    cache,
    control_plane::{ControlPlane, User},
    program, tools,
};
use anyhow::Result;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

pub(super) const KUBELET: User =
    User { name: "kubelet", account: "system:node:takings", group: Some("system:nodes") };
pub(super) const PROXY: User =
    User { name: "kube-proxy", account: "system:kube-proxy", group: None };

const CONTAINERD: &str = "containerd";

/// Starts what does not run.
pub(super) fn start(control_plane: &ControlPlane) -> Result<()> {
    start_containerd(control_plane)?;
    pause::load()?;
    start_kubelet(control_plane)?;
    start_proxy(control_plane)
}

/// Stops all three. Their Pods go on: that is what lets containerd be restarted.
pub(super) fn stop(control_plane: &ControlPlane) -> Result<()> {
    for name in [KUBELET.name, PROXY.name, CONTAINERD] {
        control_plane.daemon(name).stop(Signal::KILL, Duration::from_secs(5))?;
    }
    Ok(())
}

/// Makes an image (an OCI archive) known to the node.
pub(super) fn load_image(archive: &Path) -> Result<()> {
    program::run(ctr()?.args(["images", "import"]).arg(archive))?;
    Ok(())
}

/// Whether the node knows the image.
pub(super) fn has_image(name: &str) -> Result<bool> {
    let known = program::run(ctr()?.args(["images", "list", "--quiet"]))?;
    Ok(known.lines().any(|line| line == name))
}

fn ctr() -> Result<Command> {
    let mut ctr = Command::new(tools::path("ctr")?);
    ctr.arg("--address").arg(socket()).args(["--namespace", "k8s.io"]);
    Ok(ctr)
}

fn socket() -> PathBuf {
    Path::new(network::RUN).join("containerd.sock")
}

fn start_containerd(control_plane: &ControlPlane) -> Result<()> {
    let settings = control_plane.file("containerd.toml");
    cache::write(&settings, containerd_settings(&control_plane.folder)?)?;
    let plugins = cache::created(control_plane.file("cni"))?;
    let addresses = control_plane.file("addresses");
    cache::write(&plugins.join("takings.conflist"), pod_network(&addresses).to_string())?;
    let mut containerd = Command::new(tools::path(CONTAINERD)?);
    containerd.env("PATH", search_path()?).arg("--config").arg(settings);
    control_plane.ensure(CONTAINERD, &containerd)?;
    let daemon = control_plane.daemon(CONTAINERD);
    daemon.wait_until(Duration::from_secs(30), || has_image("").is_ok())
}

fn containerd_settings(folder: &Path) -> Result<String> {
    let (folder, run, socket) = (folder.display(), network::RUN, socket());
    let (socket, runc) = (socket.display(), tools::path("runc")?);
    let (runc, pause) = (runc.display(), pause::IMAGE);
    Ok(format!(
        r#"version = 3
root = "{folder}/containerd"
state = "{run}/containerd"
[grpc]
address = "{socket}"
[plugins.'io.containerd.internal.v1.opt']
path = "{folder}/opt"
[plugins.'io.containerd.nri.v1.nri']
disable = true
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{pause}"
[plugins.'io.containerd.cri.v1.runtime']
netns_mounts_under_state_dir = true
# A machine without CAP_SYS_RESOURCE can't lower it, and then no sandbox would start.
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["/usr/lib/cni"]
conf_dir = "{folder}/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
BinaryName = "{runc}"
Root = "{run}/runc"
SystemdCgroup = false
"#
    ))
}

fn pod_network(addresses: &Path) -> Value {
    json!({
        "cniVersion": "1.0.0",
        "name": "takings",
        "plugins": [
            {
                "type": "bridge",
                "bridge": network::BRIDGE,
                "isGateway": true,
                "hairpinMode": true,
                "ipam": {
                    "type": "host-local",
                    "dataDir": addresses,
                    "ranges": [[{"subnet": network::PODS}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            },
        ],
    })
}

fn start_kubelet(control_plane: &ControlPlane) -> Result<()> {
    let settings = control_plane.file("kubelet.json");
    cache::write(&settings, kubelet_settings(control_plane).to_string())?;
    let mut kubelet = Command::new(tools::path(KUBELET.name)?);
    kubelet.env("PATH", search_path()?).arg("--config").arg(settings);
    kubelet.arg("--kubeconfig").arg(control_plane.kubeconfig_of(KUBELET.name));
    kubelet.arg("--root-dir").arg(control_plane.file("pods"));
    kubelet.args(["--hostname-override", "takings", "--node-ip", network::HOST]);
    control_plane.ensure(KUBELET.name, &kubelet)
}

fn kubelet_settings(control_plane: &ControlPlane) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": network::HOST,
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": control_plane.file("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "clusterDNS": [network::HOST],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": format!("unix://{}", socket().display()),
        // A full disk is for its owner to see, not for Pods to be thrown out.
        "evictionHard": {"memory.available": "50Mi"},
        "failCgroupV1": false,
        "failSwapOn": false,
        "healthzPort": 0,
        // Images come from nowhere but this machine: none may be cleaned up.
        "imageGCHighThresholdPercent": 100,
        "makeIPTablesUtilChains": false,
        "podLogsDir": control_plane.file("logs"),
        "resolvConf": "",
        "tlsCertFile": control_plane.file("kubelet.crt"),
        "tlsPrivateKeyFile": control_plane.file("kubelet.key"),
        "volumePluginDir": control_plane.file("volume-plugins"),
    })
}

fn start_proxy(control_plane: &ControlPlane) -> Result<()> {
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

fn search_path() -> Result<std::ffi::OsString> {
    tools::search_path(&["containerd-shim-runc-v2", "runc"])
}
