//! The revenue query ÷ a bare axum handler that returns the same bytes, in requests a second.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use harness::{packages, program, progress::say};

use crate::{
    figures::{REQUESTS, Table, rounds},
    programs::Programs,
    rig::Rig,
    sales::{self, Shape},
};

const LINES: u64 = 100_000;
const API: &str = "API";
const BARE: &str = "bare handler";
const CONNECTIONS: u32 = 32;
const QUERY: &str = "/api/v1/revenue?from=2024-01-01&to=2024-12-31";

/// A server under test, killed with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures and prints.
pub(crate) fn run(
    programs: &Programs,
    table: &mut Table,
    count: usize,
    seconds: u32,
) -> Result<()> {
    packages::ensure(packages::LOAD)?;
    let rig = Rig::new(programs)?;
    let ledger = rig.ledger()?;
    let file = rig.files.generate("sales", &Shape::of(LINES))?;
    rig.load(&ledger, &file, &[], file.sum)?;
    let (_api, ours) = start_api(&programs.path("takings-api")?, &ledger.url)?;
    let body = fetch(&ours)?;
    let revenue = format!("\"revenue\":\"{}\"", sales::amount(file.sum.mills));
    ensure!(body.contains(&revenue), "the API answers {body}, which lacks {revenue}");
    say(&format!("both answer {} bytes: {body}", body.len()));
    let (_bare, peers) = start_bare(&body)?;
    ensure!(fetch(&peers)? == body, "the peer answers something else");
    let measured = rounds(count, |round| {
        round.note(API, load(&ours, seconds)?);
        round.note(BARE, load(&peers, seconds)?);
        Ok(())
    })?;
    ensure!(fetch(&ours)? == body, "the API answers something else after the load");
    let what = "a year's revenue from the API ÷ a bare axum handler with the same bytes";
    table.ratio(("API", what), &measured, (API, BARE), REQUESTS)
}

fn start_api(api: &Path, database_url: &str) -> Result<(Running, String)> {
    let (listen, admin) = (free_address()?, free_address()?);
    let mut command = Command::new(api);
    command
        .env("DATABASE_URL", database_url)
        .env("TAKINGS_LISTEN", &listen)
        .env("TAKINGS_ADMIN_LISTEN", &admin);
    start(command, &listen)
}

fn start_bare(body: &str) -> Result<(Running, String)> {
    let listen = free_address()?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["bare", &listen, body]);
    start(command, &listen)
}

fn start(mut command: Command, listen: &str) -> Result<(Running, String)> {
    let running = Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    let url = format!("http://{listen}{QUERY}");
    for _ in 0..100 {
        if fetch(&url).is_ok() {
            return Ok((running, url));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("{url} did not answer within 10 s")
}

fn fetch(url: &str) -> Result<String> {
    program::run(Command::new("curl").args(["--silent", "--fail", "--max-time", "5", url]))
}

/// Requests a second that were answered with 200; any other answer voids the run.
fn load(url: &str, seconds: u32) -> Result<f64> {
    let report = program::run(Command::new("wrk").args([
        "-t1",
        &format!("-c{CONNECTIONS}"),
        &format!("-d{seconds}s"),
        url,
    ]))?;
    ensure!(
        !report.contains("Non-2xx") && !report.contains("Socket errors"),
        "not every request was answered:\n{report}"
    );
    let rate = report.lines().find_map(|line| line.strip_prefix("Requests/sec:"));
    Ok(rate.context("wrk told no rate")?.trim().parse()?)
}

fn free_address() -> Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
