//! A PersistentVolume: a folder of this machine, which is the cluster's only node.

use crate::Shop;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

/// A volume, and the claim in a shop's namespace that it is kept for.
#[derive(Debug)]
pub struct Volume<'a> {
    shop: &'a Shop,
    claim: String,
    access: &'static str,
    folder: PathBuf,
}

impl<'a> Volume<'a> {
    /// A volume that holds these files. Its claim is to be made yet.
    pub fn make(
        shop: &'a Shop,
        (claim, access): (&str, &'static str),
        files: &[(&str, &str)],
    ) -> Result<Self> {
        let claim = claim.to_owned();
        let folder = std::env::temp_dir().join(format!("{}-{claim}", shop.namespace));
        let volume = Self { shop, claim, access, folder };
        for (name, content) in files {
            volume.put(name, content)?;
        }
        let mut spec = volume.spec();
        spec["capacity"] = json!({"storage": "1Gi"});
        spec["claimRef"] = json!({"namespace": shop.namespace, "name": volume.claim});
        spec["hostPath"] = json!({"path": volume.folder, "type": "Directory"});
        volume.apply("PersistentVolume", &volume.name(), &spec)?;
        Ok(volume)
    }

    /// Claims it.
    pub fn claim(&self) -> Result<()> {
        let mut spec = self.spec();
        spec["volumeName"] = json!(self.name());
        spec["resources"] = json!({"requests": {"storage": "1Gi"}});
        self.apply("PersistentVolumeClaim", &self.claim, &spec)
    }

    /// Removes it with its files.
    pub fn remove(&self) -> Result<()> {
        let delete = ["delete", "pv", &self.name(), "--wait=false"];
        self.shop.takings.cluster.kubectl(&delete)?;
        Ok(fs::remove_dir_all(&self.folder)?)
    }

    /// Writes a file that the importer's user may read.
    fn put(&self, name: &str, content: &str) -> Result<()> {
        let file = self.folder.join(name);
        let within = file.parent().context("no folder")?.to_owned();
        fs::create_dir_all(&within)?;
        fs::write(&file, content)?;
        for (path, mode) in [(&self.folder, 0o755), (&within, 0o755), (&file, 0o644)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
        Ok(())
    }

    fn name(&self) -> String {
        format!("{}-{}", self.shop.namespace, self.claim)
    }

    fn spec(&self) -> Value {
        json!({"accessModes": [self.access], "storageClassName": ""})
    }

    fn apply(&self, kind: &str, name: &str, spec: &Value) -> Result<()> {
        self.shop.apply(&json!({
            "apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "spec": spec,
        }))
    }
}
