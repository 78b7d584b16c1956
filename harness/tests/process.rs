//! Background processes, known by their pid files.

#![allow(clippy::unwrap_used, reason = "a test fails loudly, its helpers too")]

use harness::{cache, process::Daemon};
use rustix::process::Signal;
use std::{fs, process::Command, time::Duration};

const PATIENCE: Duration = Duration::from_secs(10);

fn daemon(name: &str) -> (Daemon, std::path::PathBuf) {
    let unique = format!("takings-process-{}", cache::random(6).unwrap());
    let folder = cache::created(std::env::temp_dir().join(unique)).unwrap();
    (Daemon::new(&folder, name), folder)
}

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn one_that_ignores_the_request_to_end_is_killed() {
    let (daemon, folder) = daemon("stubborn");
    daemon.start(&shell("trap '' TERM; echo ready; while :; do sleep 1; done")).unwrap();
    let ready = || fs::read_to_string(daemon.log()).is_ok_and(|log| log.contains("ready"));
    daemon.wait_until(PATIENCE, ready).unwrap();
    daemon.stop(Signal::TERM, Duration::from_millis(100)).unwrap();
    assert!(!daemon.is_running());
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn one_that_ends_at_once_is_told_with_what_it_said() {
    let (daemon, folder) = daemon("broken");
    daemon.start(&shell("echo the port is taken; exit 1")).unwrap();
    let error = daemon.wait_until(PATIENCE, || false).unwrap_err().to_string();
    assert!(error.contains("broken has ended") && error.contains("the port is taken"), "{error}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_number_that_another_process_has_since_is_not_ours() {
    let (daemon, folder) = daemon("stale");
    let ours = std::process::id();
    fs::write(folder.join("stale.pid"), format!("{ours} 1\n")).unwrap();
    assert!(!daemon.is_running());
    daemon.stop(Signal::KILL, PATIENCE).unwrap();
    assert!(!folder.join("stale.pid").exists());
    fs::remove_dir_all(folder).unwrap();
}
