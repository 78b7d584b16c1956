//! A small file on the real one-node cluster, from `kubectl apply` to `Finished`, step by step:
//! the release and the images of the end-to-end tests, which are debug builds.
//!
//! Each time is between two moments at which the bench saw something by its own watches.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e::Shop;
use harness::cache;
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;

use super::book::{Book, Kind, Life};
use crate::figures::{self, Round, SECONDS, Table};

/// From one moment of an import's life to the next.
const STEPS: [(&str, Step); 6] = [
    ("kubectl, and the SalesImport is there", |life| (life.posted, life.there)),
    ("the operator: its Job is there", |life| (life.there, life.job_made)),
    ("the Job controller and the scheduler: its Pod has a node", |life| {
        (life.job_made, life.bound)
    }),
    ("the kubelet: its container is said to have started", |life| (life.bound, life.started)),
    ("the importer: its container is said to have ended", |life| (life.started, life.ended)),
    ("the operator: the SalesImport is finished", |life| (life.ended, life.finished)),
];
const WHOLE: &str = "kubectl apply to Finished, on one node";
/// Longest wait for an import.
const PATIENCE: Duration = Duration::from_mins(2);

type Step = fn(&Life) -> (Option<Instant>, Option<Instant>);

/// Measures and prints.
pub(crate) fn run(table: &mut Table, rounds: usize) -> Result<()> {
    let _lock = cache::lock("bench")?;
    let shop = Shop::open("one-node")?;
    let runtime = tokio::runtime::Runtime::new()?;
    let book = runtime.block_on(book(&shop))?;
    let mut number = 0;
    let rounds = figures::rounds(rounds, |round| {
        number += 1;
        runtime.block_on(import(&shop, &book, &format!("import-{number}"), round))
    })?;
    table.figure(("O9", WHOLE), &rounds, (WHOLE, None), SECONDS)?;
    for (step, _) in STEPS {
        table.figure(("", step), &rounds, (step, None), SECONDS)?;
    }
    shop.close()
}

async fn book(shop: &Shop) -> Result<Book> {
    let kubeconfig = Kubeconfig::read_from(shop.takings.cluster.kubeconfig())?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    Ok(Book::of(&client, &[Kind::Import, Kind::Job, Kind::Pod]))
}

async fn import(shop: &Shop, book: &Book, name: &str, round: &mut Round) -> Result<()> {
    // Another sale in each file: what was there already would be another matter.
    shop.put(name, &format!("Sale Date,Sale ID,Item Total\n3/1/2025,{name},2.5\n"))?;
    book.posting(name);
    shop.import(name, json!({"source": {"configMap": {"name": name, "key": "file.csv"}}}))?;
    let finished = book.once(name, |life| life.finished.is_some() && life.ended.is_some());
    tokio::time::timeout(PATIENCE, finished).await.context("it does not come to an end")?;
    let life = book.lives(name).pop().context("it was never seen")?;
    for (step, ends) in STEPS {
        round.note(step, seconds(ends(&life))?);
    }
    round.note(WHOLE, seconds((life.posted, life.finished))?);
    Ok(())
}

fn seconds((from, to): (Option<Instant>, Option<Instant>)) -> Result<f64> {
    let (from, to) = from.zip(to).context("a moment was never seen")?;
    Ok(to.saturating_duration_since(from).as_secs_f64())
}
