//! What runs Pods: containerd, kubelet and kube-proxy.

mod containerd;
mod kubelet;
mod proxy;

pub(super) use containerd::{has_image, load_image};

use super::pause;
use crate::{
    control_plane::{ControlPlane, User},
    tools,
};
use anyhow::Result;
use rustix::process::Signal;
use std::{ffi::OsString, time::Duration};

pub(super) const KUBELET: User =
    User { name: "kubelet", account: "system:node:takings", group: Some("system:nodes") };
pub(super) const PROXY: User =
    User { name: "kube-proxy", account: "system:kube-proxy", group: None };

/// Starts what does not run.
pub(super) fn start(control_plane: &ControlPlane) -> Result<()> {
    containerd::start(control_plane)?;
    pause::load()?;
    kubelet::start(control_plane)?;
    proxy::start(control_plane)
}

/// Stops all three. Their Pods go on: that is what lets containerd be restarted.
pub(super) fn stop(control_plane: &ControlPlane) -> Result<()> {
    for name in [KUBELET.name, PROXY.name, containerd::NAME] {
        control_plane.daemon(name).stop(Signal::KILL, Duration::from_secs(5))?;
    }
    Ok(())
}

/// Where programs of the node find those that they call.
fn search_path() -> Result<OsString> {
    tools::search_path(&["containerd-shim-runc-v2", "runc"])
}
