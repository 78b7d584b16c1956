//! Tells the person who waits what is being done and how long it took. Never on standard output,
//! which belongs to what a command answers.
#![expect(clippy::print_stderr, reason = "this is the one place that talks to the terminal")]

use anyhow::Result;
use std::time::Instant;

/// Does `work`, saying before what it is and afterwards how long it took.
pub fn during<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    say(&format!("{what} ..."));
    let result = work();
    let end = if result.is_ok() { "done" } else { "failed" };
    say(&format!("{what}: {end} after {:.1} s", start.elapsed().as_secs_f64()));
    result
}

/// Says one line.
pub fn say(line: &str) {
    eprintln!("[takings] {line}");
}
