//! The image that the programs' images stand on here: what distroless' cc image holds, from
//! Debian's packages.

use super::buildah::{self, Recipe};
use crate::{cache, packages, program, progress};
use anyhow::{Context, Result};
use std::{fs, path::Path, process::Command};

const NAME: &str = "localhost/takings-base:local";
const PACKAGES: &[&str] = &["ca-certificates", "libc6", "libgcc-s1", "tzdata"];

/// Makes sure that it is there; returns its name.
pub(super) fn ensure() -> Result<&'static str> {
    if !buildah::has(NAME)? {
        progress::during("Build the images' base", build)?;
    }
    Ok(NAME)
}

fn build() -> Result<()> {
    let folder = cache::folder("images/base")?;
    let root = cache::created(folder.join("root"))?;
    packages::download(PACKAGES, &folder).context("the base image is made of Debian's packages")?;
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            program::run(Command::new("dpkg").arg("-x").arg(path).arg(&root))?;
        }
    }
    write_authorities(&root)?;
    cache::write(&root.join("etc/passwd"), "nonroot:x:65532:65532::/:/sbin/nologin\n")?;
    cache::write(&folder.join("Dockerfile"), "FROM scratch\nCOPY root /\nUSER 65532:65532\n")?;
    buildah::store(&Recipe::new(NAME, &folder))?;
    Ok(fs::remove_dir_all(folder)?)
}

/// Debian puts the authorities into one file when the package is configured.
fn write_authorities(root: &Path) -> Result<()> {
    let mut all = Vec::new();
    for entry in fs::read_dir(root.join("usr/share/ca-certificates/mozilla"))? {
        all.extend(fs::read(entry?.path())?);
    }
    let folder = cache::created(root.join("etc/ssl/certs"))?;
    cache::write(&folder.join("ca-certificates.crt"), all)
}
