//! How fast Takings is: each figure a ratio against a peer in the same run, or beside the least
//! that anything takes on this machine.
//!
//! In come the release builds of the programs and generated files; out comes a markdown table.
//! The rule for every figure, and what each row is: docs/benchmarks.md. A time alone says nothing
//! and is never asserted.

mod again;
mod api;
mod bare;
mod copy;
mod figures;
mod files;
mod full;
mod import;
mod long;
mod operator;
mod peers;
mod process;
mod programs;
mod rig;
#[allow(dead_code, reason = "its totals by day are for the importer's tests")]
#[path = "../../importer/examples/generate/sales.rs"]
mod sales;
mod server;
mod small;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use figures::Table;
use programs::Programs;
use rig::Rig;

/// Measures Takings against peers.
#[derive(Debug, Parser)]
struct Cli {
    /// A folder with programs built already [default: a release build, made now]
    #[arg(long, global = true, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Imports ÷ `psql \copy`, with bad lines, again, reverted; and the real-size file
    Import {
        #[command(flatten)]
        size: Size,
    },
    /// Imports of ten times the lines, and into a dataset that holds as many
    Long {
        #[command(flatten)]
        size: Size,
    },
    /// Other loaders of CSV files, and ours, ÷ `psql \copy`
    Peers {
        #[command(flatten)]
        size: Size,
    },
    /// The revenue query ÷ a bare axum handler that returns the same bytes
    Api {
        /// Rounds that count
        #[arg(long, default_value_t = 7)]
        rounds: usize,
        /// Seconds of load on each side in a round
        #[arg(long, default_value_t = 5)]
        seconds: u32,
    },
    /// The operator with thousands of SalesImports, in a cluster of simulated nodes
    Operator {
        #[command(flatten)]
        size: operator::Size,
    },
    /// A small file on the one-node cluster of the end-to-end tests, step by step
    OneNode {
        /// Rounds that count
        #[arg(long, default_value_t = 15)]
        rounds: usize,
    },
    /// The peer of `api`: a server that answers every request with the same bytes
    #[command(hide = true)]
    Bare {
        /// Where it listens
        listen: SocketAddr,
        /// What it answers
        body: String,
    },
}

impl Bench {
    /// The programs that it measures.
    fn programs(&self) -> &'static [&'static str] {
        match self {
            Self::Operator { .. } => &["takings-operator"],
            _ => &["takings-importer", "takings-api"],
        }
    }
}

#[derive(Args, Clone, Copy, Debug)]
struct Size {
    /// Lines of the file [default: 5000000; 300000 of `peers`]
    #[arg(long)]
    lines: Option<u64>,
    /// Rounds that count [default: 7; 3 of `long` and `peers`]
    #[arg(long)]
    rounds: Option<usize>,
}

impl Size {
    /// Lines and rounds, as they are where nothing is said.
    fn or(self, lines: u64, rounds: usize) -> (u64, usize) {
        (self.lines.unwrap_or(lines), self.rounds.unwrap_or(rounds))
    }
}

fn main() -> anyhow::Result<()> {
    let Cli { programs, bench } = Cli::parse();
    match bench {
        Bench::Bare { listen, body } => return bare::serve(listen, body),
        Bench::OneNode { rounds } => return operator::one_node::run(&mut Table::begin()?, rounds),
        _ => {}
    }
    let programs = Programs::find(programs.as_deref(), bench.programs())?;
    let mut table = Table::begin()?;
    match bench {
        Bench::Import { size } => {
            let (lines, rounds) = size.or(5_000_000, 7);
            let rig = Rig::new(&programs)?;
            import::run(&rig, &mut table, lines, rounds)?;
            small::run(&rig, &mut table, rounds)?;
            again::run(&rig, &mut table, lines / 5, rounds)
        }
        Bench::Long { size } => {
            let (lines, rounds) = size.or(5_000_000, 3);
            let rig = Rig::new(&programs)?;
            full::run(&rig, &mut table, lines, rounds)?;
            long::run(&rig, &mut table, lines, rounds)
        }
        Bench::Peers { size } => {
            let (lines, rounds) = size.or(300_000, 3);
            peers::run(&Rig::new(&programs)?, &mut table, lines, rounds)
        }
        Bench::Operator { size } => operator::run(&programs, &mut table, size),
        Bench::Api { rounds, seconds } => api::run(&programs, &mut table, rounds, seconds),
        Bench::OneNode { .. } | Bench::Bare { .. } => Ok(()),
    }
}
