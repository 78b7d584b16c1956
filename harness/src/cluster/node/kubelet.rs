//! kubelet: it makes Pods of what the API server says.

use super::{KUBELET, containerd, search_path};
use crate::{cache, cluster::network, control_plane::ControlPlane, tools};
use anyhow::Result;
use serde_json::{Value, json};
use std::process::Command;

/// Starts it where it does not run.
pub(super) fn start(control_plane: &ControlPlane) -> Result<()> {
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
        "containerRuntimeEndpoint": format!("unix://{}", containerd::socket().display()),
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
