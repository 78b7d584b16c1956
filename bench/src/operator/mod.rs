//! How quick the operator is with thousands of SalesImports: real etcd, kube-apiserver,
//! kube-controller-manager and kube-scheduler, and kwok in the place of nodes and importers.
//!
//! In: a release build of the operator. Out: rows of the table, each from what watches have shown.
//! A run in which an import does not end as it should, or with a second Job, is void.

mod book;
mod calls;
mod control;
mod crowd;
mod figure;
mod life;
pub(crate) mod one_node;
mod program;
mod seen;
mod takeover;
mod world;

use anyhow::{Result, bail};
use clap::Args;
use harness::{cache, progress::say, simulation::Simulation};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    figures::{
        self, CALLS as OPERATOR_CALLS, IMPORTS_A_MINUTE, MEBIBYTES, Round, Rounds, SECONDS, Table,
    },
    programs::Programs,
};

const JOB_MADE: &str = "from the POST to the Job";
const FINISHED: &str = "finished";
const CONTROL: &str = "the control";
const CONTROL_JOB_MADE: &str = "that of a Job alone";
const LAG: &str = "from the Pod's end to the status";
const CALLS: &str = "calls of an import";
const MEMORY: &str = "memory";
const IDLE: &str = "idle calls";
const START: &str = "start";
const CROWD_MEMORY: &str = "memory among finished ones";
const AFTER_STOP: &str = "taking over after a stop";
const AFTER_KILL: &str = "taking over after a kill";

/// How much is measured.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Imports that are brought to their end
    #[arg(long, default_value_t = 6_000)]
    imports: usize,
    /// How many of them are there at a time that are not finished
    #[arg(long, default_value_t = 40)]
    unfinished: usize,
    /// Imports that are posted at once
    #[arg(long, default_value_t = 1_000)]
    burst: usize,
    /// Imports that finished long ago, at a start
    #[arg(long, default_value_t = 50_000)]
    finished: usize,
    /// Seconds for which the operator is looked at while nothing happens
    #[arg(long, default_value_t = 120)]
    idle_seconds: u64,
}

/// Measures and prints. A signal ends it, and all that it has started.
pub(crate) fn run(programs: &Programs, table: &mut Table, size: Size) -> Result<()> {
    let _lock = cache::lock("bench")?;
    say(&format!("settings: {}", Simulation::settings()));
    let measured = tokio::runtime::Runtime::new()?.block_on(async {
        let mut ends = signal(SignalKind::terminate())?;
        tokio::select! {
            measured = measure(programs, size) => measured,
            _ = tokio::signal::ctrl_c() => bail!("it was interrupted"),
            _ = ends.recv() => bail!("it was told to end"),
        }
    })?;
    print(table, &measured, size)
}

async fn measure(programs: &Programs, size: Size) -> Result<Rounds> {
    let program = programs.path("takings-operator")?;
    let mut round = Round::default();
    let template = control::run(&program, size, &mut round).await?;
    life::run(&program, size, &mut round).await?;
    takeover::run(&program, &mut round).await?;
    crowd::run(&program, &template, size.finished, &mut round).await?;
    Ok(figures::single(round))
}

fn print(table: &mut Table, measured: &Rounds, size: Size) -> Result<()> {
    let Size { imports, burst, finished, .. } = size;
    let crowd = format!("with {finished} finished ones");
    for (row, what, name, peer, unit) in [
        (
            "O1",
            format!("{burst} at once, POST to Job, p99"),
            JOB_MADE,
            Some(CONTROL_JOB_MADE),
            SECONDS,
        ),
        (
            "O2",
            format!("{imports} brought to their end"),
            FINISHED,
            Some(CONTROL),
            IMPORTS_A_MINUTE,
        ),
        ("O3", "the Pod's end to the status, p99, meanwhile".into(), LAG, None, SECONDS),
        ("O4", "calls to the API server, an import's life".into(), CALLS, None, OPERATOR_CALLS),
        (
            "O5",
            format!("peak memory with {} and their Jobs", 1 + burst + imports),
            MEMORY,
            None,
            MEBIBYTES,
        ),
        ("O6", "calls a minute while nothing happens".into(), IDLE, None, OPERATOR_CALLS),
        ("O7", format!("start to the first new one's Job {crowd}"), START, None, SECONDS),
        ("O8", format!("peak memory {crowd}"), CROWD_MEMORY, None, MEBIBYTES),
        ("O10", "the leader's stop to the next Job, longest".into(), AFTER_STOP, None, SECONDS),
        ("O11", "the leader's kill to the next Job, longest".into(), AFTER_KILL, None, SECONDS),
    ] {
        table.figure((row, &what), measured, (name, peer), unit)?;
    }
    Ok(())
}
