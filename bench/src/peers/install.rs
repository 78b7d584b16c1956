//! Installs the peers into the cache, each of exactly one version.

use std::{path::PathBuf, process::Command};

use anyhow::Result;
use harness::{
    cache,
    packages::{self, LOADERS},
    program, progress,
};

use super::tools::Peer;

/// Where a peer comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// Packages of PyPI, into a venv of their own.
    Pip(&'static [&'static str]),
    /// A program of a Go module.
    Go(&'static str),
    /// A package of Debian.
    Debian,
}

/// The folder that its programs are in.
pub(super) fn ensure(peer: &Peer) -> Result<PathBuf> {
    match peer.source {
        Source::Pip(requirements) => venv(requirements),
        Source::Go(module) => go(module),
        Source::Debian => packages::ensure(LOADERS).map(|()| PathBuf::from("/usr/bin")),
    }
}

fn venv(requirements: &[&str]) -> Result<PathBuf> {
    let name = cache::fingerprint(requirements.join(" ").as_bytes());
    let folder = cache::folder("peers")?.join(name);
    let done = folder.join("installed");
    if !done.is_file() {
        progress::during(&format!("Install {}", requirements.join(", ")), || {
            let mut venv = Command::new("python3");
            program::run(venv.args(["-m", "venv", "--clear"]).arg(&folder))?;
            let mut pip = Command::new(folder.join("bin/pip"));
            program::run(pip.args(["install", "--quiet"]).args(requirements))?;
            cache::write(&done, "")
        })?;
    }
    Ok(folder.join("bin"))
}

fn go(module: &str) -> Result<PathBuf> {
    let folder = cache::folder("peers")?.join(cache::fingerprint(module.as_bytes()));
    let name = module.rsplit('/').next().and_then(|last| last.split('@').next());
    if !folder.join(name.unwrap_or_default()).is_file() {
        progress::during(&format!("Install {module}"), || {
            let mut go = Command::new("go");
            program::run(go.args(["install", module]).env("GOBIN", &folder))
        })?;
    }
    Ok(folder)
}
