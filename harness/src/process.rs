//! Background processes that outlive whoever started them.
//!
//! In: a folder, a name, a command. Out: a process in a session of its own, `NAME.pid` and
//! `NAME.log`. A pid file holds the process's start time too, so that a number that was given to
//! another process since is never mistaken for ours. Never: kills by name.

use crate::cache;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

/// A process known by its pid file.
#[derive(Clone, Debug)]
pub struct Daemon {
    name: String,
    folder: PathBuf,
}

impl Daemon {
    /// The process of that name, running or not, whose files are in `folder`.
    #[must_use]
    pub fn new(folder: &Path, name: &str) -> Self {
        Self { name: name.to_owned(), folder: folder.to_owned() }
    }

    /// Starts `command` in the background, its output going to the log.
    pub fn start(&self, command: &Command) -> Result<()> {
        let log = File::create(self.log()).context("can't write a log")?;
        let mut detached = Command::new("setsid");
        detached.arg(command.get_program()).args(command.get_args()).current_dir("/");
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => detached.env(key, value),
                None => detached.env_remove(key),
            };
        }
        detached.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = detached.spawn().with_context(|| format!("can't start {}", self.name))?;
        let pid = i32::try_from(child.id())?;
        let started = start_time(pid).unwrap_or_default();
        cache::write(&self.pid_file(), format!("{pid} {started}\n"))
    }

    /// Its process number, where it runs.
    #[must_use]
    pub fn pid(&self) -> Option<i32> {
        let text = fs::read_to_string(self.pid_file()).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        let pid = pid.parse().ok()?;
        (start_time(pid)? == started).then_some(pid)
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.pid().is_some()
    }

    /// Asks the process to end by `signal`, kills it where it does not within `patience`.
    pub fn stop(&self, signal: Signal, patience: Duration) -> Result<()> {
        if let Some(pid) = self.pid() {
            send(pid, signal);
            if !self.ended_within(patience) {
                send(pid, Signal::KILL);
                if !self.ended_within(Duration::from_secs(10)) {
                    bail!("{} (process {pid}) can't be killed", self.name);
                }
            }
        }
        let _ = fs::remove_file(self.pid_file());
        Ok(())
    }

    /// Fails with the log's end where it does not run.
    pub fn check(&self) -> Result<()> {
        if self.is_running() {
            return Ok(());
        }
        bail!("{} has ended:\n{}", self.name, self.log_end())
    }

    /// Waits until `ready` says so; fails with the log's end where the process dies before.
    pub fn wait_until(&self, patience: Duration, ready: impl Fn() -> bool) -> Result<()> {
        let deadline = Instant::now() + patience;
        while !ready() {
            self.check()?;
            if Instant::now() > deadline {
                bail!("{} isn't ready after {patience:?}:\n{}", self.name, self.log_end());
            }
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// The file that holds what it printed.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.join(format!("{}.log", self.name))
    }

    fn log_end(&self) -> String {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }

    fn pid_file(&self) -> PathBuf {
        self.folder.join(format!("{}.pid", self.name))
    }

    fn ended_within(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while self.is_running() {
            if Instant::now() > deadline {
                return false;
            }
            sleep(Duration::from_millis(20));
        }
        true
    }
}

/// Sends `signal` to a process, which may be gone.
pub fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _ = kill_process(pid, signal);
    }
}

/// When the process started, in ticks since the machine did; nothing for one that is gone or
/// dead. A dead child of ours is waited for: until then it counts as alive for other programs.
fn start_time(pid: i32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, second of the fields, is in parentheses and may hold anything.
    let fields: Vec<_> = stat.rsplit_once(") ")?.1.split(' ').collect();
    if fields[0] == "Z" {
        let _ = waitpid(Pid::from_raw(pid), WaitOptions::NOHANG);
        return None;
    }
    Some(fields[19].to_owned())
}
