//! The programs that are measured: release builds, made now, or those of a folder.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use harness::{program, progress};

/// Where the programs lie.
#[derive(Debug)]
pub(crate) struct Programs(PathBuf);

impl Programs {
    /// Those of the folder, else of a release build of the ones that are named.
    pub(crate) fn find(folder: Option<&Path>, names: &[&str]) -> Result<Self> {
        match folder {
            Some(folder) => Ok(Self(std::path::absolute(folder)?)),
            None => Self::build(names),
        }
    }

    fn build(names: &[&str]) -> Result<Self> {
        let mut build = Command::new("cargo");
        // All at once and of no package in particular, as this program was built: otherwise what
        // they share would be built anew with other features.
        build.args(["build", "--release", "--locked"]);
        build.args(names.iter().flat_map(|name| ["--bin", name]));
        progress::during("Build the programs", || program::show(&mut build))?;
        let here = std::env::current_exe()?;
        Ok(Self(here.parent().context("a program without a folder")?.to_owned()))
    }

    /// A program's path.
    pub(crate) fn path(&self, program: &str) -> Result<PathBuf> {
        let path = self.0.join(program);
        ensure!(
            path.exists(),
            "{} is missing: run the bench itself with --release",
            path.display()
        );
        Ok(path)
    }
}
