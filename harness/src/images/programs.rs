//! The workspace's own programs, as cargo builds them.

use crate::program;
use anyhow::{Context, Result, ensure};
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
pub struct Program {
    /// Such as `takings-api`.
    pub name: String,
    /// The binary.
    pub path: PathBuf,
}

/// All of them.
#[derive(Debug)]
pub struct Programs(Vec<Program>);

/// The workspace's folder.
pub(super) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Programs {
    /// Builds them as `cargo test --workspace` does, so that nothing is built twice, and with the
    /// points at which tests kill them.
    pub fn compile() -> Result<Self> {
        let output = cargo()?.stderr(Stdio::inherit()).output().context("can't start cargo")?;
        ensure!(output.status.success(), "cargo build ended with {}", output.status);
        let messages = String::from_utf8(output.stdout)?;
        Ok(Self(messages.lines().filter_map(built).collect()))
    }

    /// The program `takings-NAME`.
    pub fn find(&self, name: &str) -> Result<&Program> {
        let name = format!("takings-{name}");
        let found = self.0.iter().find(|program| program.name == name);
        found.with_context(|| format!("cargo built no {name}"))
    }
}

fn cargo() -> Result<Command> {
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
    Ok(cargo)
}

fn built(message: &str) -> Option<Program> {
    let message: Value = serde_json::from_str(message).ok()?;
    let path = PathBuf::from(message["executable"].as_str()?);
    Some(Program { name: message["target"]["name"].as_str()?.to_owned(), path })
}
