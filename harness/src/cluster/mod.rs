//! A one-node Kubernetes on this machine, without docker.
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// The running cluster.
#[derive(Debug)]
pub struct Cluster;

impl Cluster {
    /// The cluster that all tests share; brings it up where it does not run.
    pub fn shared() -> Result<Self> {
        bail!("not yet")
    }

    /// An administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        PathBuf::new()
    }

    /// Runs kubectl and returns what it printed.
    pub fn kubectl(&self, _arguments: &[&str]) -> Result<String> {
        bail!("not yet")
    }

    /// Runs helm and returns what it printed.
    pub fn helm(&self, _arguments: &[&str]) -> Result<String> {
        bail!("not yet")
    }

    /// The address on which Pods reach this machine.
    #[must_use]
    pub fn host_address(&self) -> String {
        String::new()
    }

    /// Makes an image (an OCI archive) known to the node.
    pub fn load_image(&self, _archive: &Path) -> Result<()> {
        bail!("not yet")
    }
}
