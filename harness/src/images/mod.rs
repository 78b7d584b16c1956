//! The images of the three programs, from the very binaries that the tests use.
//!
//! In: the workspace. Out: images on the cluster's node, each tagged by its program's content, so
//! that a program that was built anew rolls out and one that was not costs nothing. Never: a
//! registry.

mod base;
pub(crate) mod buildah;
mod programs;

pub use programs::{Program, Programs};

use crate::{cache, cluster::Cluster, progress};
use anyhow::Result;
use std::{fs, path::Path, process::Command};

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

/// Builds all images from the binaries in the target folder and makes them known to the cluster.
pub fn build_all() -> Result<Images> {
    Programs::compile()?.images(&Cluster::shared()?)
}

impl Programs {
    /// Builds their images and makes them known to the cluster.
    pub fn images(&self, cluster: &Cluster) -> Result<Images> {
        let _lock = cache::lock("images")?;
        let image = |name| build(cluster, self.find(name)?, name);
        Ok(Images {
            operator: image("operator")?,
            importer: image("importer")?,
            api: image("api")?,
        })
    }
}

fn build(cluster: &Cluster, program: &Program, target: &str) -> Result<String> {
    let content = cache::fingerprint(&fs::read(&program.path)?);
    let name = format!("localhost/{}:dev-{content}", program.name);
    if !cluster.has_image(&name)? {
        progress::during(&format!("Build the image of {}", program.name), || {
            let base = base::ensure()?;
            let folder = cache::folder(&format!("images/{target}"))?;
            strip(&program.path, &folder.join(&program.name))?;
            let archive = folder.join("image.tar");
            let recipe = buildah::Recipe {
                name: &name,
                context: &folder,
                dockerfile: Some(&programs::workspace().join("Dockerfile")),
                target: Some(target),
                arguments: &[
                    format!("--build-arg=BASE={base}"),
                    format!("--build-context=programs={}", folder.display()),
                ],
            };
            buildah::build(&recipe, &archive)?;
            cluster.load_image(&archive)?;
            Ok(fs::remove_dir_all(&folder)?)
        })?;
    }
    Ok(name)
}

/// What only a debugger reads is most of a binary.
fn strip(program: &Path, copy: &Path) -> Result<()> {
    let mut strip = Command::new("strip");
    crate::program::run(strip.arg("--strip-debug").arg(program).arg("-o").arg(copy)).map(drop)
}
