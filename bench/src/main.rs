//! How fast Takings is: each figure a ratio against a peer in the same run.
//!
//! In come the release builds of the programs and a generated file; out comes a table. The rule
//! for every figure: the same machine, the same run, both sides in turn (A B A B …) after a round
//! that does not count, a checkpoint before each, a fresh identical target, the server's settings
//! printed, count and exact sum verified each round or the run fails; median, minimum and maximum
//! of both sides and of their ratio. A time alone says nothing and is never asserted.

mod api;
mod bare;
mod figures;
mod import;
mod server;

use std::net::SocketAddr;

use clap::Parser;

/// Measures Takings against peers.
#[derive(Debug, Parser)]
enum Bench {
    /// The import of a generated file ÷ `psql \copy` of the same file
    Import {
        /// Lines of the file
        #[arg(long, default_value_t = 5_000_000)]
        lines: u64,
        /// Rounds that count
        #[arg(long, default_value_t = 7)]
        rounds: usize,
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
    /// The peer of `api`: a server that answers every request with the same bytes
    #[command(hide = true)]
    Bare {
        /// Where it listens
        listen: SocketAddr,
        /// What it answers
        body: String,
    },
}

fn main() -> anyhow::Result<()> {
    match Bench::parse() {
        Bench::Import { lines, rounds } => import::run(lines, rounds),
        Bench::Api { rounds, seconds } => api::run(rounds, seconds),
        Bench::Bare { listen, body } => bare::serve(listen, body),
    }
}
