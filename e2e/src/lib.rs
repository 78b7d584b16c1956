//! What the tests of the whole stand on: the chart installed on a real cluster, shops that import
//! into it, and a web server that serves files as badly as a test wants.
//!
//! Everything goes by the ways that users have: kubectl, helm, HTTP, psql. Nothing here links the
//! programs under test.

pub mod file_server;
pub mod gate;
pub mod http;
pub mod importer;
pub mod install;
pub mod pod;
pub mod policy;
pub mod sales;
pub mod schemas;
pub mod shop;
pub mod takings;
pub mod volume;

pub use file_server::FileServer;
pub use importer::Importer;
pub use pod::pod;
pub use policy::Policy;
pub use shop::Shop;
pub use takings::Takings;
pub use volume::Volume;

use anyhow::Result;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A path of the repository.
#[must_use]
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The manifests in `examples/`, in their order.
pub fn examples() -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(repository("examples"))? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    Ok(files)
}
