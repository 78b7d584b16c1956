//! Builds an image and keeps it as an archive.

use crate::{cache, packages, program};
use anyhow::Result;
use std::{fs, path::Path, process::Command};

/// What an image is built from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe<'a> {
    /// The image's full name with its tag.
    pub(crate) name: &'a str,
    /// The folder whose files it may copy; holds the Dockerfile unless that is given.
    pub(crate) context: &'a Path,
    /// The Dockerfile, where it is not in the context.
    pub(crate) dockerfile: Option<&'a Path>,
    /// The Dockerfile's stage.
    pub(crate) target: Option<&'a str>,
    /// Further arguments of `buildah build`.
    pub(crate) arguments: &'a [String],
}

impl<'a> Recipe<'a> {
    /// A Dockerfile in `context` without anything special.
    pub(crate) fn new(name: &'a str, context: &'a Path) -> Self {
        Self { name, context, dockerfile: None, target: None, arguments: &[] }
    }
}

/// Builds an image and writes it to `archive`; the store then forgets it.
pub(crate) fn build(recipe: &Recipe<'_>, archive: &Path) -> Result<()> {
    store(recipe)?;
    let _ = fs::remove_file(archive);
    // Layers in an OCI archive are compressed, which takes longer than all the rest.
    let destination = format!("docker-archive:{}:{}", archive.display(), recipe.name);
    program::run(buildah()?.args(["push", recipe.name, &destination]))?;
    program::run(buildah()?.args(["rmi", recipe.name]))?;
    Ok(())
}

/// Builds an image that others are built on.
pub(crate) fn store(recipe: &Recipe<'_>) -> Result<()> {
    packages::ensure(packages::IMAGES)?;
    let mut build = buildah()?;
    build.args(["build", "--isolation", "chroot", "--pull-never", "--tag", recipe.name]);
    let inside = recipe.context.join("Dockerfile");
    build.arg("--file").arg(recipe.dockerfile.unwrap_or(&inside));
    if let Some(target) = recipe.target {
        build.args(["--target", target]);
    }
    program::run(build.args(recipe.arguments).arg(recipe.context))?;
    Ok(())
}

/// Whether the store has the image.
pub(crate) fn has(name: &str) -> Result<bool> {
    packages::ensure(packages::IMAGES)?;
    Ok(program::run(buildah()?.args(["inspect", "--type", "image", name])).is_ok())
}

/// buildah with a store of its own, so that the machine's other images are left alone.
fn buildah() -> Result<Command> {
    // Copies of whole layers are slow, but go anywhere.
    let driver = if cache::is_on_overlay()? { "vfs" } else { "overlay" };
    let mut buildah = Command::new("buildah");
    buildah.arg("--root").arg(cache::folder(&format!("images/{driver}"))?);
    buildah.args(["--runroot", "/run/takings-buildah", "--storage-driver", driver]);
    Ok(buildah)
}
