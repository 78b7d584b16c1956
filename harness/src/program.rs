//! Runs other programs to their end and turns their failures into errors that say what happened.

use anyhow::{Context, Result, bail};
use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// Runs `command` and returns its standard output; fails with its standard error.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output();
    checked(command, &output.with_context(|| format!("can't start {}", name(command)))?)
}

/// As [`run`], giving `input` to the program's standard input.
pub fn run_with_input(command: &mut Command, input: &str) -> Result<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("can't start {}", name(command)))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    checked(command, &output)
}

/// Runs `command` with this process's own output; for what the user wants to watch.
pub fn show(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("can't start {}", name(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", name(command));
    }
    Ok(())
}

/// Finds a program on the PATH.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let usual = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(usual).map(|folder| folder.join(program)).find(|p| p.is_file())
}

/// Whether this process is root.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn checked(command: &Command, output: &Output) -> Result<String> {
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    bail!("{} ended with {}: {}", described(command), output.status, told.trim())
}

/// The program with its first arguments; later ones may be long, or secret.
fn described(command: &Command) -> String {
    let arguments = command.get_args().take(3).map(|a| a.to_string_lossy().into_owned());
    std::iter::once(name(command)).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn name(command: &Command) -> String {
    let program = Path::new(command.get_program());
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}
