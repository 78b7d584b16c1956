//! `make run`: from nothing to a revenue. Each step is harmless where it was done already.

mod database;
mod place;
mod release;

pub(crate) use place::Where;

use anyhow::{Context, Result, bail};
use harness::{cache, progress};
use place::Place;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    time::Instant,
};

/// Where the release is; imports are in the namespace `default`, as a user's would be elsewhere.
const NAMESPACE: &str = "takings";
const IMPORT: &str = "salesimport/first-import";
const QUESTION: &str = "/api/metrics/revenue/?start=2025-03-01&end=2025-03-31";

/// Brings all up, imports the first example and asks for the revenue.
pub(crate) fn run(whither: Where) -> Result<()> {
    let start = Instant::now();
    // A cluster has one release, and the end-to-end tests make theirs.
    let _lock = cache::lock("release")?;
    let place = Place::prepare(whither)?;
    progress::during("Set up the database", || database::create(&place))?;
    progress::during("Install Takings", || release::install(&place))?;
    progress::during("Let the logins in, wait for the API", || {
        database::grant(&place)?;
        release::wait(&place)
    })?;
    progress::during("Import examples/01-first-import.yaml", || import(&place))?;
    show(&place, start)
}

/// Brings up what this machine can have ready before anything is installed.
pub(crate) fn prepare() -> Result<()> {
    Place::prepare(Where::Local).map(drop)
}

/// A path of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn import(place: &Place) -> Result<()> {
    let example = repository("examples/01-first-import.yaml");
    place.kubectl(&["apply", "-n", "default", "-f", &example.to_string_lossy()])?;
    place.kubectl(&[
        "wait",
        "-n",
        "default",
        "--for=condition=Finished",
        "--timeout=3m",
        IMPORT,
    ])?;
    let text = place.kubectl(&["get", "-n", "default", "-o", "json", IMPORT])?;
    let status = &serde_json::from_str::<Value>(&text)?["status"];
    let conditions = status["conditions"].as_array().context("no conditions")?;
    let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
    if ready.is_none_or(|ready| ready["status"] != "True") {
        bail!("the import did not succeed: {conditions:#?}");
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "it is the answer")]
fn show(place: &Place, start: Instant) -> Result<()> {
    println!("\n$ kubectl get salesimports");
    println!("{}", place.kubectl(&["get", "salesimports", "-n", "default"])?.trim_end());
    let (command, answer) = release::ask(place, QUESTION)?;
    println!("\n$ {command}\n{}\n", answer.trim_end());
    println!(
        "It runs, after {:.0} s, and goes on until `make stop`.",
        start.elapsed().as_secs_f64()
    );
    println!("{}", include_str!("run/go-on.txt").trim_end());
    Ok(())
}
