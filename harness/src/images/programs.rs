//! The workspace's own programs, as cargo builds them.

use crate::program;
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// How the names begin of what cargo tells a process that it starts.
const TOLD: [&str; 6] =
    ["CARGO_BIN", "CARGO_CRATE", "CARGO_MANIFEST", "CARGO_PKG", "CARGO_PRIMARY", "OUT_DIR"];

/// A program that was built.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) name: String,
    pub(super) path: PathBuf,
}

/// The workspace's folder.
pub(super) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Builds all programs, as `cargo test --workspace` builds them, so that nothing is built twice.
pub(super) fn compile() -> Result<Vec<Program>> {
    let mut cargo = Command::new(program::find("cargo").context(
        "Rust is missing: install it from https://rustup.rs; rust-toolchain.toml has the version",
    )?);
    cargo.current_dir(workspace()).args(["build", "--workspace", "--bins"]);
    cargo.args(["--features", "importer/failpoints,operator/failpoints"]);
    cargo.args(["--message-format", "json-render-diagnostics"]);
    // What the cargo that started this process told it about its own crate: some build scripts
    // ask to be run anew where any of that differs, and everything above them with it.
    for (name, _) in env::vars_os() {
        let told = name.to_string_lossy();
        if TOLD.iter().any(|prefix| told.starts_with(prefix)) {
            cargo.env_remove(name);
        }
    }
    let output = cargo.stderr(Stdio::inherit()).output().context("can't start cargo")?;
    anyhow::ensure!(output.status.success(), "cargo build ended with {}", output.status);
    let messages = String::from_utf8(output.stdout)?;
    Ok(messages.lines().filter_map(built).collect())
}

/// The program of `takings-NAME`.
pub(super) fn find<'a>(programs: &'a [Program], name: &str) -> Result<&'a Program> {
    let name = format!("takings-{name}");
    let found = programs.iter().find(|program| program.name == name);
    found.with_context(|| format!("cargo built no {name}"))
}

fn built(message: &str) -> Option<Program> {
    let message: Value = serde_json::from_str(message).ok()?;
    let path = PathBuf::from(message["executable"].as_str()?);
    Some(Program { name: message["target"]["name"].as_str()?.to_owned(), path })
}
