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
    figures::Figures,
    import::{generated_file, release_build},
    server,
};

const LINES: u64 = 100_000;
const CONNECTIONS: u32 = 32;
const QUERY: &str = "/api/v1/revenue?from=2025-01-01&to=2025-12-31";

/// A server under test, killed with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Measures and prints.
pub(crate) fn run(rounds: usize, seconds: u32) -> Result<()> {
    packages::ensure(packages::LOAD)?;
    let api = release_build("takings-api")?;
    let importer = release_build("takings-importer")?;
    let server = server::start()?;
    let database = server.create_database()?;
    fill(&importer, &database.url)?;
    let (_api, ours) = start_api(&api, &database.url)?;
    let body = fetch(&ours)?;
    say(&format!("both answer {} bytes: {body}", body.len()));
    let (_bare, peers) = start_bare(&body)?;
    ensure!(fetch(&peers)? == body, "the peer answers something else");
    let mut figures = Figures::default();
    for round in 0..=rounds {
        let (our_rate, peer_rate) = (load(&ours, seconds)?, load(&peers, seconds)?);
        say(&format!("round {round}: API {our_rate:.0}/s, bare {peer_rate:.0}/s"));
        if round > 0 {
            figures.push(our_rate, peer_rate);
        }
    }
    ensure!(fetch(&ours)? == body, "the API answers something else after the load");
    figures.print("takings-api, a year's revenue", "bare axum handler", "requests/s");
    Ok(())
}

fn fill(importer: &Path, url: &str) -> Result<()> {
    let mut migrate = Command::new(importer);
    program::run(migrate.arg("migrate").env("DATABASE_URL", url))?;
    let mut load = Command::new(importer);
    let file = generated_file(LINES)?;
    program::run(load.args(["load", "--file"]).arg(file).env("DATABASE_URL", url))?;
    Ok(())
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
