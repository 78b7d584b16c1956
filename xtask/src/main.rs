//! The project's chores: `cargo xtask --help` lists them.

use anyhow::Result;
use clap::{Parser, Subcommand};
use harness::{apiserver, cluster, images, postgres, progress, tools};
use std::process::ExitCode;

/// The project's chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Chore {
    /// Build the programs of Kubernetes and around it into the cache
    Tools,
    /// A one-node Kubernetes on this machine
    #[command(subcommand)]
    Cluster(ClusterChore),
    /// Build the programs' images and make them known to the cluster
    Images,
    /// Stop everything that was started: cluster, API server, PostgreSQL
    Down,
}

#[derive(Debug, Subcommand)]
enum ClusterChore {
    /// Start it, or what of it does not run
    Up,
    /// End it with all that runs in it
    Down,
    /// Say what of it runs
    Status,
}

fn main() -> ExitCode {
    match run(Chore::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<()> {
    match chore {
        Chore::Tools => tools::ensure_all(),
        Chore::Cluster(chore) => run_cluster_chore(&chore),
        Chore::Images => print_images(),
        Chore::Down => down(),
    }
}

#[expect(clippy::print_stdout, reason = "it is the answer")]
fn run_cluster_chore(chore: &ClusterChore) -> Result<()> {
    match chore {
        ClusterChore::Up => {
            let cluster = cluster::up()?;
            println!("export KUBECONFIG={}", cluster.kubeconfig().display());
        }
        ClusterChore::Down => cluster::down()?,
        ClusterChore::Status => {
            let status = cluster::status()?;
            for (name, runs) in status.processes {
                println!("{name:24} {}", if runs { "running" } else { "stopped" });
            }
            println!("{:24} {}", "API", if status.answers { "answers" } else { "no answer" });
        }
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is the answer")]
fn print_images() -> Result<()> {
    let images = images::build_all()?;
    println!("{}\n{}\n{}", images.operator, images.importer, images.api);
    Ok(())
}

fn down() -> Result<()> {
    cluster::down()?;
    apiserver::stop()?;
    postgres::stop_all()
}
