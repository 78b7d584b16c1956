//! Debian packages that the harness needs: installed where they are missing and this is root,
//! named where it is not. Never: removes or upgrades any.

use crate::{program, progress};
use anyhow::{Context, Result, bail};
use std::{path::Path, process::Command};

/// A package, told to be there by a file that it holds.
#[derive(Clone, Copy, Debug)]
pub struct Package {
    name: &'static str,
    file: &'static str,
}

/// What a PostgreSQL server needs.
pub const DATABASE: &[Package] = &[Package { name: "postgresql", file: "/usr/bin/psql" }];

/// What fetches and unpacks archives of Maven Central.
pub const MAVEN: &[Package] = &[
    Package { name: "maven", file: "/usr/bin/mvn" },
    Package { name: "unzip", file: "/usr/bin/unzip" },
    Package { name: "xz-utils", file: "/usr/bin/xz" },
];

/// What a Go build with cgo needs, and the pause image.
pub const BUILD: &[Package] = &[
    Package { name: "gcc", file: "/usr/bin/gcc" },
    Package { name: "libc6-dev", file: "/usr/include/stdio.h" },
    Package { name: "libseccomp-dev", file: "/usr/include/seccomp.h" },
    Package { name: "pkg-config", file: "/usr/bin/pkg-config" },
];

/// What a node needs to run Pods.
pub const NODE: &[Package] = &[
    Package { name: "conntrack", file: "/usr/sbin/conntrack" },
    Package { name: "containernetworking-plugins", file: "/usr/lib/cni/bridge" },
    Package { name: "curl", file: "/usr/bin/curl" },
    Package { name: "iproute2", file: "/bin/ip" },
    Package { name: "iptables", file: "/usr/sbin/iptables" },
    Package { name: "nftables", file: "/usr/sbin/nft" },
];

/// What builds images.
pub const IMAGES: &[Package] = &[Package { name: "buildah", file: "/usr/bin/buildah" }];

/// What puts load on a server.
pub const LOAD: &[Package] = &[
    Package { name: "curl", file: "/usr/bin/curl" },
    Package { name: "wrk", file: "/usr/bin/wrk" },
];

/// The quickest digest of a file that everybody has.
pub const DIGEST: &[Package] = &[Package { name: "openssl", file: "/usr/bin/openssl" }];

/// Loaders of CSV files that Debian has.
pub const LOADERS: &[Package] = &[Package { name: "pgloader", file: "/usr/bin/pgloader" }];

/// Makes sure that all of `packages` are installed.
pub fn ensure(packages: &[Package]) -> Result<()> {
    let missing: Vec<_> =
        packages.iter().filter(|p| !Path::new(p.file).exists()).map(|p| p.name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !program::is_root() || program::find("apt-get").is_none() {
        bail!("these Debian packages are missing: {names}\n  sudo apt-get install {names}");
    }
    let _lock = crate::cache::lock("packages")?;
    progress::during(&format!("Install {names}"), || install(&missing))
}

/// Downloads packages into `folder`, without installing them.
pub fn download(names: &[&str], folder: &Path) -> Result<()> {
    apt_get(|apt| apt.arg("download").args(names).current_dir(folder))
}

fn install(names: &[&str]) -> Result<()> {
    apt_get(|apt| apt.args(["install", "-y", "--no-install-recommends"]).args(names))
}

/// Tries again with fresh lists of packages: a bare machine has none, or old ones.
fn apt_get(arguments: impl Fn(&mut Command) -> &mut Command) -> Result<()> {
    if program::run(arguments(&mut apt())).is_err() {
        program::run(apt().arg("update")).context("can't fetch the lists of packages")?;
        program::run(arguments(&mut apt()))?;
    }
    Ok(())
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.args(["-q", "-o", "DPkg::Lock::Timeout=120"]).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
