//! The image that holds a Pod's namespaces.

use super::node;
use crate::{cache, images::buildah, tools};
use anyhow::Result;
use std::{fs, path::Path};

/// The name that containerd is told.
pub(super) const IMAGE: &str = "localhost/takings-pause:local";

/// Makes the node know it.
pub(super) fn load() -> Result<()> {
    if node::has_image(IMAGE)? {
        return Ok(());
    }
    let program = tools::pause()?;
    let archive = program.with_extension("tar");
    if !archive.exists() {
        build(&program, &archive)?;
    }
    node::load_image(&archive)
}

fn build(program: &Path, archive: &Path) -> Result<()> {
    let context = cache::created(program.with_extension("context"))?;
    fs::copy(program, context.join("pause"))?;
    let dockerfile = "FROM scratch\nCOPY pause /pause\nUSER 65535\nENTRYPOINT [\"/pause\"]\n";
    cache::write(&context.join("Dockerfile"), dockerfile)?;
    buildah::build(&buildah::Recipe::new(IMAGE, &context), archive)
}
