//! The operator that is measured: a release build, started as a Pod would start it.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use harness::{process::Daemon, progress::say};
use rustix::process::Signal;

use super::world::World;

/// More than any load here: turns are not what is measured.
const UNLIMITED: &str = "1000000";
/// A part of a second that it may work in a second and still be at rest.
const AT_REST: Duration = Duration::from_millis(20);
/// Longest wait for that.
const PATIENCE: Duration = Duration::from_mins(3);

/// A running operator.
#[derive(Debug)]
pub(super) struct Operator {
    daemon: Daemon,
    pid: i32,
    /// When it was started.
    pub(super) started: Instant,
}

impl Operator {
    /// Starts it. `job_ttl`: seconds that Jobs are kept after the end.
    pub(super) fn start(program: &Path, world: &World, job_ttl: u32) -> Result<Self> {
        Self::start_as("operator", program, world, job_ttl)
    }

    /// The same, as one of several.
    pub(super) fn start_as(
        name: &str,
        program: &Path,
        world: &World,
        job_ttl: u32,
    ) -> Result<Self> {
        let admin = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new(program);
        command
            .env("KUBECONFIG", &world.operator_kubeconfig)
            .env("TAKINGS_LEASE_NAMESPACE", "takings")
            .env("TAKINGS_ADMIN_LISTEN", admin.to_string())
            .env("TAKINGS_MAX_RUNNING", UNLIMITED)
            .env("TAKINGS_MAX_RUNNING_PER_NAMESPACE", UNLIMITED)
            .env("TAKINGS_JOB_TTL_SECONDS", job_ttl.to_string());
        let started = Instant::now();
        let daemon = world.simulation.run(name, &command)?;
        let pid = daemon.pid().context("the operator has ended at once")?;
        Ok(Self { daemon, pid, started })
    }

    /// The most memory that it had at once, as the kernel tells it, in MiB; what it has now is
    /// said beside.
    pub(super) fn peak_memory(&self) -> Result<f64> {
        self.daemon.check()?;
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let mebibytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.and_then(|text| text.trim().strip_suffix(" kB"));
            anyhow::Ok(
                kibibytes.context("the kernel's words are unknown")?.parse::<f64>()? / 1024.0,
            )
        };
        let (now, peak) = (mebibytes("VmRSS:")?, mebibytes("VmHWM:")?);
        say(&format!("the operator holds {now:.1} MiB, and {peak:.1} at its peak"));
        Ok(peak)
    }

    /// The time that it was at work so far, on all processors.
    pub(super) fn work(&self) -> Result<Duration> {
        self.daemon.check()?;
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        let (_, fields) = stat.rsplit_once(") ").context("the kernel's words are unknown")?;
        let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
        // A tick is a hundredth of a second, on every Linux.
        Ok(Duration::from_millis(10 * ticks.sum::<Result<u64, _>>()?))
    }

    /// Waits until it has nothing to do.
    pub(super) async fn rest(&self) -> Result<()> {
        let began = Instant::now();
        let mut calm = 0;
        while calm < 3 {
            ensure!(began.elapsed() < PATIENCE, "the operator does not come to rest");
            let before = self.work()?;
            tokio::time::sleep(Duration::from_secs(1)).await;
            calm = if self.work()?.saturating_sub(before) <= AT_REST { calm + 1 } else { 0 };
        }
        Ok(())
    }

    /// Ends it as a kernel does that has no memory left.
    pub(super) fn kill(self) -> Result<()> {
        self.daemon.check()?;
        self.daemon.stop(Signal::KILL, Duration::from_secs(30))
    }

    /// Stops it as a cluster does.
    pub(super) fn stop(self) -> Result<()> {
        self.daemon.check()?;
        self.daemon.stop(Signal::TERM, Duration::from_secs(30))
    }
}
