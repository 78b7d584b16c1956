//! A real Kubernetes API server without a cluster: etcd and kube-apiserver alone, ready in
//! seconds. Objects can be made and watched; no controller acts on them and no Pod ever runs.

use crate::{cache, control_plane::ControlPlane, progress};
use anyhow::Result;
use std::path::PathBuf;

/// A running API server; whoever uses it works in namespaces of its own.
#[derive(Debug)]
pub struct ApiServer {
    control_plane: ControlPlane,
}

impl ApiServer {
    /// The API server that all tests share; starts it where it does not run.
    pub fn shared() -> Result<Self> {
        let _lock = cache::lock("apiserver")?;
        let control_plane = control_plane()?;
        if !control_plane.is_ready() {
            progress::during("Start kube-apiserver", || {
                // Nothing in it is worth keeping, and what was killed may have left halves.
                control_plane.remove()?;
                control_plane.start(&[])
            })?;
        }
        Ok(Self { control_plane })
    }

    /// An administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.control_plane.kubeconfig()
    }

    /// Runs kubectl and returns what it printed.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<String> {
        self.control_plane.kubectl(arguments)
    }
}

/// Stops the shared API server.
pub fn stop() -> Result<()> {
    let _lock = cache::lock("apiserver")?;
    control_plane()?.remove()
}

fn control_plane() -> Result<ControlPlane> {
    Ok(ControlPlane {
        folder: cache::root()?.join("apiserver"),
        address: "127.0.0.1",
        services: "10.97.0.0/16",
        first_service: "10.97.0.1",
        extra_arguments: vec![
            // Without a controller there are no service accounts, which Pods would need.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            "--endpoint-reconciler-type=none".to_owned(),
        ],
    })
}
