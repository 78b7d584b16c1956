//! The importer of a SalesImport as a process of this machine, which is the cluster's node: what a
//! test does to it there, no Kubernetes knows of.

use anyhow::{Context, Result, ensure};
use harness::process::send;
use rustix::process::Signal;
use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

/// How long an importer may take to end once nothing holds it.
const PATIENCE: Duration = Duration::from_mins(2);

/// An importer that is at work, or was.
#[derive(Debug)]
pub struct Importer {
    process: i32,
}

impl Importer {
    /// The only one that is at work for the SalesImport of that uid.
    pub fn of(uid: &str) -> Result<Self> {
        let argument = format!("--import-id={uid}");
        let processes = fs::read_dir("/proc")?.flatten();
        let mut numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let process = numbers.find(|number| has_argument(*number, &argument));
        Ok(Self { process: process.context("no importer is at work")? })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_at_work(&self) -> bool {
        stat(self.process).is_some_and(|(state, _)| state != "Z")
    }

    /// Waits until it has ended by itself.
    pub fn wait(&self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.is_at_work() {
            ensure!(Instant::now() < deadline, "the importer does not end");
            sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Kills it, as the kernel does where memory runs out.
    pub fn kill(&self) {
        send(self.process, Signal::KILL);
    }

    /// Halts it where it is; only being killed can end it from now on.
    pub fn halt(&self) {
        send(self.process, Signal::STOP);
    }

    /// Cuts its Pod off from its node: the Pod goes on, and the kubelet can neither end it nor
    /// learn that it has ended, as if the node had lost its network.
    pub fn cut_off(&self) -> Result<CutOff> {
        let (_, shim) = stat(self.process).context("the importer has ended")?;
        let name = fs::read_to_string(format!("/proc/{shim}/comm"))?;
        ensure!(name.starts_with("containerd-shim"), "the importer runs beneath {name}");
        send(shim, Signal::STOP);
        Ok(CutOff { shim })
    }
}

/// A Pod that its node can't reach until this is dropped.
#[derive(Debug)]
pub struct CutOff {
    /// The process by which containerd reaches the Pod's containers.
    shim: i32,
}

impl Drop for CutOff {
    fn drop(&mut self) {
        send(self.shim, Signal::CONT);
    }
}

fn has_argument(process: i32, argument: &str) -> bool {
    let line = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    line.split('\0').any(|each| each == argument)
}

/// Its state and its parent, as proc(5) tells them; nothing where it is gone.
fn stat(process: i32) -> Option<(String, i32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, which comes before, is in parentheses and may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
