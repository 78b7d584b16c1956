//! Files that are generated: written, or compared with what would be written.

use anyhow::{Context as _, Result, bail};
use harness::{cache, images::Programs, program, progress};
use std::{path::Path, process::Command};

/// Where the CRDs lie: for people, and for the chart, which can't look outside itself.
const CRDS: [&str; 2] = ["crds", "charts/takings/files/crds"];

/// Writes them all, or fails where one is not what it would be.
pub(crate) fn generate(check: bool) -> Result<()> {
    let programs = Programs::compile()?;
    let crds = program::run(Command::new(&programs.find("operator")?.path).arg("crd"))?;
    for crd in crds.split_inclusive("\n---\n") {
        let crd = crd.strip_suffix("---\n").unwrap_or(crd);
        let name = crd.lines().find_map(|line| line.strip_prefix("  name: "));
        write(name.context("A CRD has no name.")?, crd, check)?;
    }
    progress::say(if check { "Generated files are up to date" } else { "Generated files written" });
    Ok(())
}

fn write(crd: &str, text: &str, check: bool) -> Result<()> {
    for folder in CRDS {
        let name = format!("{folder}/{crd}.yaml");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&name);
        if !check {
            cache::write(&path, text)?;
        } else if std::fs::read_to_string(&path).unwrap_or_default() != text {
            bail!("{name} is not what operator/src/crd says: run `make generate`");
        }
    }
    Ok(())
}
