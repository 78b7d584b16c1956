//! Tells the person who waits what is being done and how long it took. Never on standard output,
//! which belongs to what a command answers.
#![expect(clippy::print_stderr, reason = "this is the one place that talks to the terminal")]

use anyhow::Result;
use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

/// How often something slow says that it still goes on.
const REMINDER: Duration = Duration::from_secs(30);

/// Does `work`, saying before what it is, in between that it goes on, and afterwards how long it
/// took.
pub fn during<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let seconds = || format!("{:.1} s", start.elapsed().as_secs_f64());
    say(&format!("{what} ..."));
    let result = thread::scope(|scope| {
        let (done, wait) = mpsc::channel::<()>();
        scope.spawn(move || {
            while wait.recv_timeout(REMINDER) == Err(RecvTimeoutError::Timeout) {
                say(&format!("{what} goes on, {} s", start.elapsed().as_secs()));
            }
        });
        let result = work();
        drop(done);
        result
    });
    let end = if result.is_ok() { "done" } else { "failed" };
    say(&format!("{what}: {end} after {}", seconds()));
    result
}

/// Says one line.
pub fn say(line: &str) {
    eprintln!("[takings] {line}");
}
