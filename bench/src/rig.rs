//! What all measurements share: the server, the programs, the files; and our side, a load.

use std::{path::PathBuf, process::Command, time::Instant};

use anyhow::{Context, Result, ensure};
use harness::postgres::{Database, Server};
use serde_json::Value;

use crate::{
    files::{Files, SalesFile, Sum},
    process::timed,
    programs::Programs,
    server,
};

/// What all measurements share.
#[derive(Debug)]
pub(crate) struct Rig {
    /// A server of its own, durable.
    pub(crate) server: Server,
    /// The files.
    pub(crate) files: Files,
    importer: PathBuf,
}

/// A load that ended as it should.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// From the start of the process to its end.
    pub(crate) seconds: f64,
    /// The most memory that the process had at once, as the kernel tells it (VmHWM).
    pub(crate) peak_mebibytes: f64,
    /// What it says.
    pub(crate) outcome: Value,
}

impl Rig {
    pub(crate) fn new(programs: &Programs) -> Result<Self> {
        let importer = programs.path("takings-importer")?;
        Ok(Self { files: Files::new()?, server: server::start()?, importer })
    }

    /// A database with an empty ledger.
    pub(crate) fn ledger(&self) -> Result<Database> {
        let database = self.server.create_database()?;
        self.importer(&database, &["migrate"])?;
        Ok(database)
    }

    /// A command of the importer: seconds, and what it answers.
    pub(crate) fn importer(&self, database: &Database, arguments: &[&str]) -> Result<(f64, Value)> {
        let mut command = Command::new(&self.importer);
        let done = timed(command.args(arguments).env("DATABASE_URL", &database.url))?;
        Ok((done.seconds, serde_json::from_str(done.stdout.trim())?))
    }

    /// Loads a file and checks that all it says is true. `ledger`: what must be in there then.
    pub(crate) fn load(
        &self,
        database: &Database,
        file: &SalesFile,
        more: &[&str],
        ledger: Sum,
    ) -> Result<Loaded> {
        self.server.sql(&database.name, "CHECKPOINT")?;
        let mut command = Command::new(&self.importer);
        command.args(["load", "--file"]).arg(&file.path).args(more);
        let done = timed(command.env("DATABASE_URL", &database.url))?;
        let outcome: Value = serde_json::from_str(done.stdout.trim())?;
        let lines = |name: &str| outcome[name].as_u64().unwrap_or_default();
        ensure!(
            lines("linesRead") == file.sum.lines + file.rejected
                && lines("linesRejected") == file.rejected
                && lines("linesImported") + lines("linesSkipped") == file.sum.lines,
            "the load of {file:?} ended with {outcome}: the run is void"
        );
        self.expect(database, ledger)?;
        Ok(Loaded { seconds: done.seconds, peak_mebibytes: peak(&done.stderr)?, outcome })
    }

    /// Fails where the ledger holds anything else.
    pub(crate) fn expect(&self, database: &Database, sum: Sum) -> Result<()> {
        let held = self.server.sql(
            &database.name,
            "SELECT coalesce(sum(line_count), 0), trim_scale(coalesce(sum(revenue), 0))
             FROM takings.daily_revenue",
        )?;
        let (held, expected) = (held.trim(), sum.row());
        ensure!(held == expected, "the ledger holds {held}, not {expected}: the run is void");
        Ok(())
    }

    /// How long psql takes, from its start to its end, and what it prints.
    pub(crate) fn psql(&self, database: &Database, sql: &str) -> Result<(f64, String)> {
        let started = Instant::now();
        let printed = self.server.sql(&database.name, sql)?;
        Ok((started.elapsed().as_secs_f64(), printed.trim().to_owned()))
    }
}

/// The importer's last line says it.
fn peak(log: &str) -> Result<f64> {
    let last: Value = serde_json::from_str(log.lines().last().unwrap_or_default())?;
    let bytes = last["peak_memory_bytes"].as_f64().context("no peak in the log's last line")?;
    Ok(bytes / f64::from(1 << 20))
}
