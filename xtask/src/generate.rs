//! Files that are generated: written, or compared with what would be written.

use anyhow::{Result, bail};
use harness::{cache, images::Programs, program, progress};
use std::{path::Path, process::Command};

/// Where the CRD lies: for people, and for the chart, which can't look outside itself.
const CRDS: [&str; 2] = ["crds", "charts/takings/files/crds"];

/// Writes them all, or fails where one is not what it would be.
pub(crate) fn generate(check: bool) -> Result<()> {
    let programs = Programs::compile()?;
    let crd = program::run(Command::new(&programs.find("operator")?.path).arg("crd"))?;
    for folder in CRDS {
        let name = format!("{folder}/salesimports.takings.dev.yaml");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(&name);
        if !check {
            cache::write(&path, &crd)?;
        } else if std::fs::read_to_string(&path).unwrap_or_default() != crd {
            bail!("{name} is not what operator/src/crd says: run `make generate`");
        }
    }
    progress::say(if check { "Generated files are up to date" } else { "Generated files written" });
    Ok(())
}
