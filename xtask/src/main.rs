//! The project's chores: `cargo xtask --help` lists them.

use anyhow::Result;
use clap::{Parser, Subcommand};
use harness::tools;

/// The project's chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Chore {
    /// Build the programs of Kubernetes and around it into the cache
    Tools,
}

fn main() -> Result<()> {
    match Chore::parse() {
        Chore::Tools => tools::ensure_all(),
    }
}
