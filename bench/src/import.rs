//! Rows 1, 2, 4, 6 and 10: what one large file takes, whole or with bad lines, again, and back.

use std::process::Command;

use anyhow::{Result, ensure};
use harness::{packages, postgres::Database};

use crate::{
    copy::{self, Narrow},
    figures::{MILLISECONDS, Round, SECONDS, Table, rounds},
    files::{SalesFile, Sum},
    process::timed,
    rig::Rig,
    sales::Shape,
};

const WHOLE: &str = "whole load";
const RAW: &str = "\\copy";
const NARROW: &str = "narrow \\copy";
const BAD: &str = "1 % bad";
const WORSE: &str = "10 % bad";
const AGAIN: &str = "load again";
const DIGEST: &str = "openssl dgst";
const REVERT: &str = "revert";
const LOCK: &str = "publish";

/// Measures and prints.
pub(crate) fn run(rig: &Rig, table: &mut Table, lines: u64, count: usize) -> Result<()> {
    let shape = Shape::of(lines);
    let clean = rig.files.generate("clean", &shape)?;
    let bad = rig.files.generate("bad", &Shape { bad_percent: 1, ..shape })?;
    let worse = rig.files.generate("worse", &Shape { bad_percent: 10, ..shape })?;
    let ledger = rig.ledger()?;
    rig.load(&ledger, &clean, &[], clean.sum)?;
    let narrow = Narrow::of(rig, &ledger, &clean)?;
    drop(ledger);
    let measured = rounds(count, |round| {
        round.note(RAW, copy::raw(rig, &clean)?);
        whole(rig, &clean, round)?;
        round.note(NARROW, narrow.copy(rig)?);
        for (name, file) in [(BAD, &bad), (WORSE, &worse)] {
            let ledger = rig.ledger()?;
            let tolerant = ["--max-rejected", "100%"];
            round.note(name, rig.load(&ledger, file, &tolerant, file.sum)?.seconds);
        }
        Ok(())
    })?;
    let what = format!("load of {lines} lines ÷ `\\copy` of the same file into 19 text columns");
    table.ratio(("1", &what), &measured, (WHOLE, RAW), SECONDS)?;
    let what = "the same ÷ `\\copy` of its cleaned lines into `sale`'s columns";
    table.ratio(("2", what), &measured, (WHOLE, NARROW), SECONDS)?;
    table.ratio(("4", "1 % bad lines ÷ clean"), &measured, (BAD, WHOLE), SECONDS)?;
    table.ratio(("4", "10 % bad lines ÷ clean"), &measured, (WORSE, WHOLE), SECONDS)?;
    let what = "a file that is there already ÷ `openssl dgst -sha256`";
    table.ratio(("6", what), &measured, (AGAIN, DIGEST), SECONDS)?;
    let what = format!("revert of {lines} lines");
    table.figure(("10", &what), &measured, (REVERT, None), SECONDS)?;
    let what = format!("publish of {lines} lines, while it holds the dataset's lock");
    table.figure(("10", &what), &measured, (LOCK, None), MILLISECONDS)
}

/// A load, the same once more, and its revert.
fn whole(rig: &Rig, file: &SalesFile, round: &mut Round) -> Result<()> {
    let ledger = rig.ledger()?;
    let loaded = rig.load(&ledger, file, &[], file.sum)?;
    round.note(WHOLE, loaded.seconds);
    round.note(LOCK, publish(rig, &ledger)?);
    round.note(DIGEST, digest(file)?);
    let again = rig.load(&ledger, file, &[], file.sum)?;
    ensure!(again.outcome["result"] == "AlreadyLoaded", "it is not there: {}", again.outcome);
    round.note(AGAIN, again.seconds);
    rig.server.sql(&ledger.name, "CHECKPOINT")?;
    let import = loaded.outcome["importId"].as_str().unwrap_or_default();
    let revert = ["revert", "--import-id", import, "--reason", "bench"];
    round.note(REVERT, rig.importer(&ledger, &revert)?.0);
    rig.expect(&ledger, Sum::default())
}

/// How long the function took that locks the dataset, but for its COMMIT.
fn publish(rig: &Rig, ledger: &Database) -> Result<f64> {
    let sql = "SELECT sum(total_time) FROM pg_stat_user_functions WHERE funcname = 'publish_load'";
    Ok(rig.psql(ledger, sql)?.1.parse()?)
}

/// The least that knowing a file again can take.
fn digest(file: &SalesFile) -> Result<f64> {
    packages::ensure(packages::DIGEST)?;
    let mut command = Command::new("openssl");
    Ok(timed(command.args(["dgst", "-sha256"]).arg(&file.path))?.seconds)
}
