//! The project's chores: `cargo xtask --help` lists them.

mod generate;
mod run;

use anyhow::Result;
use clap::{Parser, Subcommand};
use harness::{apiserver, cluster, images, postgres, progress, simulation, tools};
use std::process::ExitCode;

/// The project's chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Chore {
    /// Bring up a cluster, install Takings, import an example and ask for the revenue
    Run {
        /// Where
        #[arg(long, env = "CLUSTER", value_enum, default_value_t = run::Where::Local)]
        cluster: run::Where,
    },
    /// A one-node Kubernetes on this machine
    #[command(subcommand)]
    Cluster(ClusterChore),
    /// Print what lets a shell use that cluster: eval "$(cargo xtask env)"
    Env,
    /// Build the programs' images and make them known to the cluster
    Images,
    /// Build the programs of Kubernetes and around it into the cache
    Tools,
    /// Write the generated files
    Generate {
        /// Write nothing; fail where one is not up to date
        #[arg(long)]
        check: bool,
    },
    /// Start and build all that tests stand on, so that they need not wait for it
    Setup,
    /// Stop everything that was started: cluster, API server, PostgreSQL
    Down,
    /// Stop everything and remove its data; the tools stay
    Clean,
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
    match act(&Chore::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn act(chore: &Chore) -> Result<()> {
    match chore {
        Chore::Run { cluster } => run::run(*cluster),
        Chore::Cluster(ClusterChore::Up) => cluster::up().map(drop),
        Chore::Cluster(ClusterChore::Down) => cluster::down(),
        Chore::Cluster(ClusterChore::Status) => print_status(),
        Chore::Env => print_environment(),
        Chore::Images => print_images(),
        Chore::Tools => tools::ensure_all(),
        Chore::Generate { check } => generate::generate(*check),
        Chore::Setup => setup(),
        Chore::Down => down(),
        Chore::Clean => down().and_then(|()| postgres::remove_all()),
    }
}

#[expect(clippy::print_stdout, reason = "it is the answer")]
fn print_status() -> Result<()> {
    let status = cluster::status()?;
    for (name, runs) in status.processes {
        println!("{name:24} {}", if runs { "running" } else { "stopped" });
    }
    println!("{:24} {}", "API", if status.answers { "answers" } else { "no answer" });
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is the answer")]
fn print_environment() -> Result<()> {
    println!("export KUBECONFIG='{}'", cluster::kubeconfig()?.display());
    println!("export PATH='{}'", tools::search_path(&["kubectl", "helm"])?.display());
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is the answer")]
fn print_images() -> Result<()> {
    let images = images::build_all()?;
    println!("{}\n{}\n{}", images.operator, images.importer, images.api);
    Ok(())
}

fn setup() -> Result<()> {
    run::prepare()?;
    postgres::Server::shared()?;
    apiserver::ApiServer::shared()?;
    Ok(())
}

fn down() -> Result<()> {
    cluster::down()?;
    apiserver::stop()?;
    simulation::stop()?;
    postgres::stop_all()
}
