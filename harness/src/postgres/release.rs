//! Which PostgreSQL the servers are: Debian's, or the newer one that `TAKINGS_POSTGRES=18` asks
//! for, so that the same tests run on both.
//!
//! In: the environment. Out: where the newer one's programs lie. They come from Maven Central,
//! through Maven. Never: an archive whose digest is not the one that stands here.

use crate::{cache, packages, program, progress};
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const VERSION: &str = "18.6.0";
const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1";

/// The programs for this machine: how their archive is called, and its SHA-256.
const ARCHIVE: (&str, &str) = if cfg!(target_arch = "aarch64") {
    ("linux-arm64v8", "5f54e016723afa6213925a8acb939bac52944b1d348f65c7a20f0cd2928c31be")
} else {
    ("linux-amd64", "008ee189eaa7ca2b58bd01dd950291e638b998392cf982297acd4779ec898ac1")
};

/// A PostgreSQL that servers are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// The newest that is installed.
    Debian,
    /// The pinned one.
    Newer,
}

impl Release {
    /// The one that the environment asks for.
    pub(super) fn chosen() -> Result<Self> {
        match env::var("TAKINGS_POSTGRES").unwrap_or_default().as_str() {
            "" => Ok(Self::Debian),
            "18" => Ok(Self::Newer),
            other => bail!(
                "TAKINGS_POSTGRES is {other:?}: leave it out for Debian's PostgreSQL, or set it to 18"
            ),
        }
    }

    /// A server's name with its release: one can't read the other's data.
    pub(super) fn named(self, server: &str) -> String {
        match self {
            Self::Debian => server.to_owned(),
            Self::Newer => format!("{server}-18"),
        }
    }

    /// The folder of its own programs, fetched where it is missing; none of Debian's.
    pub(super) fn programs(self) -> Result<Option<PathBuf>> {
        if self == Self::Debian {
            return Ok(None);
        }
        // Beside the servers, where the account that runs them can read.
        let mut folder = super::files::base()?.into_os_string();
        folder.push(format!("-{VERSION}"));
        let folder = PathBuf::from(folder);
        if !folder.is_dir() {
            let _lock = cache::lock("postgresql")?;
            if !folder.is_dir() {
                packages::ensure(packages::MAVEN)?;
                progress::during(&format!("Fetch PostgreSQL {VERSION}"), || fetch(&folder))?;
            }
        }
        Ok(Some(folder.join("bin")))
    }
}

fn fetch(folder: &Path) -> Result<()> {
    let unfinished = folder.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished)?;
    }
    fs::create_dir_all(&unfinished)?;
    let archive = download(&unfinished)?;
    program::run(Command::new("unzip").args(["-q", "-o"]).arg(&archive).current_dir(&unfinished))?;
    for entry in fs::read_dir(&unfinished)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "txz") {
            let mut unpack = Command::new("tar");
            unpack.args(["-xJf"]).arg(&path).arg("--no-same-owner").current_dir(&unfinished);
            program::run(&mut unpack)?;
            fs::remove_file(path)?;
        }
    }
    fs::remove_file(archive)?;
    Ok(fs::rename(unfinished, folder)?)
}

fn download(folder: &Path) -> Result<PathBuf> {
    let (machine, digest) = ARCHIVE;
    let name = format!("embedded-postgres-binaries-{machine}");
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B"]).arg(format!("{PLUGIN}:copy"));
    maven.arg(format!("-Dmaven.repo.local={}", cache::folder("maven")?.display()));
    maven.arg(format!("-Dartifact=io.zonky.test.postgres:{name}:{VERSION}"));
    maven.arg(format!("-DoutputDirectory={}", folder.display())).current_dir(folder);
    program::run(&mut maven).context("can't fetch PostgreSQL from Maven Central")?;
    let archive = folder.join(format!("{name}-{VERSION}.jar"));
    let found = cache::digest(&archive)?;
    if found != digest {
        bail!("{} has the SHA-256 {found}, not {digest}", archive.display());
    }
    Ok(archive)
}
