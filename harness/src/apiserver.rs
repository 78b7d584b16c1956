//! A real Kubernetes API server without a cluster: etcd and kube-apiserver alone.
use anyhow::{Result, bail};
use std::path::PathBuf;

/// A running API server; whoever uses it works in namespaces of its own.
#[derive(Debug)]
pub struct ApiServer;

impl ApiServer {
    /// The API server that all tests share; starts it where it does not run.
    pub fn shared() -> Result<Self> {
        bail!("not yet")
    }

    /// An administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        PathBuf::new()
    }
}
