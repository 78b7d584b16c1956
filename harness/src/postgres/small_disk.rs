//! A disk that is soon full: a tmpfs with a tablespace on it. Only root may mount one.

use super::Server;
use crate::program;
use anyhow::{Result, bail};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

/// A small disk of its own, which holds the tablespace `small` of a server.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
}

/// The folder of the disk below the server's, and what takes its room.
const FOLDER: &str = "small-disk";
const BALLAST: &str = "ballast";

impl SmallDisk {
    pub(super) fn create(server: &Server, bytes: u64) -> Result<Self> {
        if !program::is_root() {
            bail!(
                "a full disk is made of a small tmpfs, which only root may mount: run this test \
                 as root, in a container with the capability SYS_ADMIN"
            );
        }
        let disk = Self { folder: server.folder.join(FOLDER) };
        fs::create_dir_all(&disk.folder)?;
        let options = format!("size={bytes},mode=0755");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&disk.folder);
        program::run(&mut mount)?;
        fs::create_dir(disk.tablespace())?;
        super::files::own(&disk.folder)?;
        let location = disk.tablespace().display().to_string();
        server.sql("postgres", &format!("CREATE TABLESPACE small LOCATION '{location}'"))?;
        Ok(disk)
    }

    /// Leaves so many bytes free.
    pub fn fill(&self, free: u64) -> Result<()> {
        let there = rustix::fs::statvfs(&self.folder)?;
        let bytes = (there.f_bavail * there.f_frsize).saturating_sub(free);
        let mut ballast = File::create(self.folder.join(BALLAST))?;
        std::io::copy(&mut std::io::Read::take(std::io::repeat(1), bytes), &mut ballast)?;
        Ok(())
    }

    /// Makes room again.
    pub fn clear(&self) -> Result<()> {
        Ok(fs::remove_file(self.folder.join(BALLAST))?)
    }

    fn tablespace(&self) -> PathBuf {
        self.folder.join("small")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if let Some(server) = self.folder.parent() {
            detach(server);
        }
    }
}

/// Takes the disk of a server away, if it has one, also while it is in use.
pub(super) fn detach(server: &Path) {
    let folder = server.join(FOLDER);
    if folder.exists() {
        let _ = Command::new("umount").arg("--lazy").arg(folder).output();
    }
}
