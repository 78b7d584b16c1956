//! The peers: how each is called so that it does its best with the file, and what its table then
//! adds up to.
//!
//! The columns stay text where a tool lets us choose: that is the least work for it. The
//! database's URL is an argument of some; it leads to a server of this run on the loopback.

use std::{fs, path::Path, process::Command};

use super::install::Source;

/// A loader of CSV files.
#[derive(Debug)]
pub(super) struct Peer {
    /// What it is called in the table.
    pub(super) name: &'static str,
    /// Where it comes from.
    pub(super) source: Source,
    /// What stands in the database before.
    pub(super) prepare: &'static str,
    /// Loads the file, one program after the other.
    pub(super) commands: fn(&Job<'_>) -> Vec<Command>,
    /// What is there then: lines and their sum.
    pub(super) sum: &'static str,
}

/// What a peer is to do.
#[derive(Debug)]
pub(super) struct Job<'a> {
    /// The folder of its programs.
    pub(super) programs: &'a Path,
    /// The CSV file.
    pub(super) file: &'a Path,
    /// The database.
    pub(super) url: &'a str,
    /// An empty folder of its own.
    pub(super) scratch: &'a Path,
}

const TEXTS: &str = "CREATE TABLE target (c1 text, c2 text, c3 text, c4 text, c5 text, c6 text,
    c7 text, c8 text, c9 text, c10 text, c11 text, c12 text, c13 text, c14 text, c15 text,
    c16 text, c17 text, c18 text, c19 text)";
const SUM_OF_TEXTS: &str = "SELECT count(*), trim_scale(sum(c17::numeric)) FROM target";
const SUM_OF_TOTALS: &str = "SELECT count(*), trim_scale(sum(item_total::numeric)) FROM target";

/// All of them, the quickest known ones first.
pub(super) const PEERS: &[Peer] = &[
    Peer {
        name: "DuckDB 2.0.0 to a cleaned CSV file, then `\\copy`",
        source: Source::Pip(&["duckdb==2.0.0"]),
        prepare: "CREATE TABLE target (sale_date date, order_id text, product text,
            location text, payment_method text, client text, quantity numeric,
            item_total numeric)",
        commands: duckdb,
        sum: SUM_OF_TOTALS,
    },
    Peer {
        name: "timescaledb-parallel-copy 0.13.0, 2 workers",
        source: Source::Go(
            "github.com/timescale/timescaledb-parallel-copy/cmd/timescaledb-parallel-copy@v0.13.0",
        ),
        prepare: TEXTS,
        commands: parallel_copy,
        sum: SUM_OF_TEXTS,
    },
    Peer {
        name: "ingestr 1.1.76",
        source: Source::Pip(&["ingestr==1.1.76"]),
        prepare: "",
        commands: ingestr,
        sum: "SELECT count(*), trim_scale(sum(\"Item Total\"::numeric)) FROM target",
    },
    Peer {
        name: "dlt 1.31.0, from pyarrow by CSV",
        source: Source::Pip(&["dlt[postgres]==1.31.0", "pyarrow==26.0.1"]),
        prepare: "",
        commands: dlt,
        sum: "SELECT count(*), trim_scale(sum(item_total::numeric)) FROM bench.target",
    },
    Peer {
        name: "sling 1.4.11",
        source: Source::Pip(&["sling-linux-amd64==1.4.11"]),
        prepare: "",
        commands: sling,
        sum: SUM_OF_TOTALS,
    },
    Peer {
        name: "pgloader of Debian",
        source: Source::Debian,
        prepare: TEXTS,
        commands: pgloader,
        sum: SUM_OF_TEXTS,
    },
    Peer {
        name: "csvsql (csvkit 2.2.0) without inference",
        source: Source::Pip(&["csvkit==2.2.0", "psycopg2-binary==2.9.13"]),
        prepare: "",
        commands: csvsql,
        sum: "SELECT count(*), trim_scale(sum(\"Item Total\"::numeric)) FROM target",
    },
];

fn duckdb(job: &Job<'_>) -> Vec<Command> {
    let cleaned = job.scratch.join("cleaned.csv");
    let mut clean = Command::new(job.programs.join("python"));
    clean.args(["-c", include_str!("duckdb.py")]).arg(job.file).arg(&cleaned);
    let mut copy = Command::new("psql");
    let script = format!("\\copy target FROM '{}' (FORMAT csv)", cleaned.display());
    copy.args(["-Xq", "-v", "ON_ERROR_STOP=1", "-d", job.url, "-c", &script]);
    vec![clean, copy]
}

fn parallel_copy(job: &Job<'_>) -> Vec<Command> {
    let mut copy = Command::new(job.programs.join("timescaledb-parallel-copy"));
    copy.args(["-connection", job.url, "-table", "target", "-workers", "2", "-skip-header"]);
    copy.args(["-copy-options", "CSV", "-file"]).arg(job.file);
    vec![copy]
}

fn ingestr(job: &Job<'_>) -> Vec<Command> {
    let source = format!("csv://{}", job.file.display());
    let mut ingest = Command::new(job.programs.join("ingestr"));
    ingest.args(["ingest", "--yes", "--source-uri", &source, "--source-table", "sales"]);
    ingest.args(["--dest-uri", job.url, "--dest-table", "public.target"]);
    vec![ingest]
}

fn dlt(job: &Job<'_>) -> Vec<Command> {
    let mut run = Command::new(job.programs.join("python"));
    run.args(["-c", include_str!("dlt.py")]).arg(job.file).arg(job.url).arg(job.scratch);
    run.env("RUNTIME__DLTHUB_TELEMETRY", "false");
    vec![run]
}

fn sling(job: &Job<'_>) -> Vec<Command> {
    let packages = job.programs.join("../lib");
    let program = "site-packages/sling_linux_amd64/bin/sling-linux-amd64";
    let mut pythons = fs::read_dir(&packages).into_iter().flatten().flatten();
    let program = pythons.next().map(|python| python.path().join(program)).unwrap_or_default();
    let mut run = Command::new(program);
    let stream = format!("file://{}", job.file.display());
    run.args(["run", "--src-stream", &stream, "--tgt-conn", "TARGET"]);
    run.args(["--tgt-object", "public.target", "--mode", "full-refresh"]);
    run.env("TARGET", job.url)
        .env("SLING_DISABLE_TELEMETRY", "true")
        .env("SLING_HOME_DIR", job.scratch);
    vec![run]
}

fn pgloader(job: &Job<'_>) -> Vec<Command> {
    let columns: Vec<_> = (1..=19).map(|column| format!("c{column}")).collect();
    let mut load = Command::new(job.programs.join("pgloader"));
    load.args(["--on-error-stop", "--type", "csv", "--field", &columns.join(",")]);
    load.args(["--with", "skip header = 1", "--with", "fields terminated by ','"]);
    load.arg(job.file).arg(format!("{}?tablename=target", job.url));
    vec![load]
}

fn csvsql(job: &Job<'_>) -> Vec<Command> {
    let mut insert = Command::new(job.programs.join("csvsql"));
    let url = job.url.replace("postgres://", "postgresql+psycopg2://");
    insert.args(["--db", &url, "--insert", "--no-inference", "--no-constraints"]);
    insert.args(["--tables", "target"]).arg(job.file);
    vec![insert]
}
