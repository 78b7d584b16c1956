//! The import of a file ÷ `psql \copy` of the same file into 19 text columns without an index.
//!
//! The peer does far less: it parses nothing, checks nothing, counts nothing. It is the floor
//! that everybody knows.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use harness::{cache, postgres::Server, program, progress, progress::say};
use serde_json::Value;

use crate::{figures::Figures, server};

const COLUMNS: usize = 19;
/// `Item Total`, counted from 1.
const TOTAL_COLUMN: usize = 17;

/// How many lines a file has and what they sum up to.
type Sum = (u64, String);

/// Measures and prints.
pub(crate) fn run(lines: u64, rounds: usize) -> Result<()> {
    let importer = release_build("takings-importer")?;
    let file = generated_file(lines)?;
    let server = server::start()?;
    let mut figures = Figures::default();
    for round in 0..=rounds {
        let (peer, expected) = copy(&server, &file)?;
        let (ours, sum) = import(&server, &importer, &file)?;
        ensure!(sum == expected, "the import says {sum:?}, the copy {expected:?}: the run is void");
        say(&format!("round {round}: import {ours:.2} s, \\copy {peer:.2} s, {sum:?}"));
        // The first round warms the caches of both.
        if round > 0 {
            figures.push(ours, peer);
        }
    }
    figures.print(&format!("takings-importer load, {lines} lines"), "psql \\copy", "s");
    Ok(())
}

/// The release build of a program, made now.
pub(crate) fn release_build(program: &str) -> Result<PathBuf> {
    let mut build = Command::new("cargo");
    // Both at once and of no package in particular, as this program was built: otherwise what they
    // share would be built anew with other features.
    build.args(["build", "--release", "--locked"]);
    build.args(["--bin", "takings-importer", "--bin", "takings-api"]);
    progress::during(&format!("Build {program}"), || program::show(&mut build))?;
    let here = std::env::current_exe()?;
    let path = here.parent().context("a program without a folder")?.join(program);
    ensure!(path.exists(), "{} is missing: run the bench itself with --release", path.display());
    Ok(path)
}

/// The file of so many lines, always the same, kept in the cache.
pub(crate) fn generated_file(lines: u64) -> Result<PathBuf> {
    let file = cache::folder("bench")?.join(format!("sales-{lines}.csv"));
    if !file.exists() {
        let unfinished = file.with_extension("unfinished");
        let mut generate = Command::new("cargo");
        generate
            .args(["run", "--quiet", "--release", "--locked", "--package", "importer"])
            .args(["--example", "generate", "--", &lines.to_string()])
            .stdout(File::create(&unfinished)?);
        progress::during(&format!("Generate {lines} lines"), || {
            ensure!(generate.status()?.success(), "the generator failed");
            Ok(())
        })?;
        std::fs::rename(&unfinished, &file)?;
    }
    Ok(file)
}

/// The peer: seconds, and what the file holds.
fn copy(server: &Server, file: &Path) -> Result<(f64, Sum)> {
    let database = server.create_database()?;
    let columns: Vec<_> = (1..=COLUMNS).map(|column| format!("c{column} text")).collect();
    server.sql(&database.name, &format!("CREATE TABLE raw ({})", columns.join(", ")))?;
    server.sql(&database.name, "CHECKPOINT")?;
    let script = format!("\\copy raw FROM '{}' (FORMAT csv, HEADER)", file.display());
    let started = Instant::now();
    server.sql(&database.name, &script)?;
    let seconds = started.elapsed().as_secs_f64();
    let sum = server.sql(
        &database.name,
        &format!("SELECT count(*), trim_scale(sum(c{TOTAL_COLUMN}::numeric)) FROM raw"),
    )?;
    let (count, total) = sum.trim().split_once('|').context("no sum")?;
    Ok((seconds, (count.parse()?, total.into())))
}

/// Our side, from the start of the process to its end: seconds, and what is in the ledger.
pub(crate) fn import(server: &Server, importer: &Path, file: &Path) -> Result<(f64, Sum)> {
    let database = server.create_database()?;
    let mut migrate = Command::new(importer);
    program::run(migrate.arg("migrate").env("DATABASE_URL", &database.url))?;
    server.sql(&database.name, "CHECKPOINT")?;
    let mut load = Command::new(importer);
    load.args(["load", "--file"]).arg(file).env("DATABASE_URL", &database.url);
    let started = Instant::now();
    let outcome = program::run(&mut load)?;
    let seconds = started.elapsed().as_secs_f64();
    let outcome: Value = serde_json::from_str(outcome.trim())?;
    ensure!(outcome["result"] == "Published", "the import ended with {outcome}");
    let sum = server.sql(
        &database.name,
        "SELECT sum(line_count), trim_scale(sum(revenue)) FROM takings.daily_revenue",
    )?;
    let (count, total) = sum.trim().split_once('|').context("no sum")?;
    ensure!(outcome["revenue"] == total, "the outcome says {}", outcome["revenue"]);
    Ok((seconds, (count.parse()?, total.into())))
}
