//! Images without a registry: built by buildah, kept as OCI archives.

use crate::{cache, packages, program};
use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The images' full names with their tags.
#[derive(Clone, Debug)]
pub struct Images {
    /// `takings-operator`
    pub operator: String,
    /// `takings-importer`
    pub importer: String,
    /// `takings-api`
    pub api: String,
}

/// What an image is built from.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// The image's full name with its tag.
    pub name: &'a str,
    /// The folder whose files it may copy; holds the Dockerfile unless that is given.
    pub context: &'a Path,
    /// The Dockerfile, where it is not in the context.
    pub dockerfile: Option<&'a Path>,
    /// The Dockerfile's stage.
    pub target: Option<&'a str>,
    /// The Dockerfile's arguments, as `NAME=VALUE`.
    pub arguments: &'a [String],
}

impl<'a> Recipe<'a> {
    /// A Dockerfile in `context` without anything special.
    #[must_use]
    pub fn new(name: &'a str, context: &'a Path) -> Self {
        Self { name, context, dockerfile: None, target: None, arguments: &[] }
    }
}

/// Builds all images from the binaries in the target folder and makes them known to the cluster.
pub fn build_all() -> Result<Images> {
    anyhow::bail!("not yet")
}

/// Builds an image and writes it to `archive`.
pub fn build(recipe: &Recipe<'_>, archive: &Path) -> Result<()> {
    packages::ensure(packages::IMAGES)?;
    let _lock = cache::lock("buildah")?;
    let mut build = buildah()?;
    build.args(["build", "--isolation", "chroot", "--tag", recipe.name]);
    let dockerfile =
        recipe.dockerfile.map_or_else(|| recipe.context.join("Dockerfile"), Path::to_owned);
    build.arg("--file").arg(dockerfile);
    if let Some(target) = recipe.target {
        build.args(["--target", target]);
    }
    for argument in recipe.arguments {
        build.args(["--build-arg", argument]);
    }
    program::run(build.arg(recipe.context))?;
    let _ = fs::remove_file(archive);
    let destination = format!("oci-archive:{}:{}", archive.display(), recipe.name);
    program::run(buildah()?.args(["push", recipe.name, &destination]))?;
    Ok(())
}

/// buildah with a store of its own, so that the machine's other images are left alone.
fn buildah() -> Result<Command> {
    let store = cache::folder("images/store")?;
    let run = PathBuf::from("/run/takings-buildah");
    let mut buildah = Command::new("buildah");
    buildah.arg("--root").arg(store).arg("--runroot").arg(run);
    buildah.args(["--storage-driver", "vfs"]);
    Ok(buildah)
}
