//! Runs a program to its end and tells how long that took.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};

/// A program that ended well.
#[derive(Debug)]
pub(crate) struct Done {
    /// From its start to its end.
    pub(crate) seconds: f64,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it said besides.
    pub(crate) stderr: String,
}

/// Runs it.
pub(crate) fn timed(command: &mut Command) -> Result<Done> {
    let name = command.get_program().to_string_lossy().into_owned();
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).output();
    let seconds = started.elapsed().as_secs_f64();
    let output = output.with_context(|| format!("can't start {name}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let said = if stderr.trim().is_empty() { &stdout } else { &stderr };
    ensure!(output.status.success(), "{name} ended with {}: {}", output.status, said.trim());
    Ok(Done { seconds, stdout, stderr })
}
