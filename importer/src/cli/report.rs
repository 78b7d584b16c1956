//! What a command tells: one JSON document to standard output and to the termination message.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use ledger::{
    ListOutcome, Outcome,
    postgres::{LedgerError, Verified},
};

/// Where the kubelet looks for a container's last words.
const TERMINATION_LOG: &str = "/dev/termination-log";

#[derive(Args, Clone, Debug)]
pub(super) struct Report {
    /// Where the outcome is written besides standard output [default: /dev/termination-log where
    /// there is one].
    #[arg(long, env = "TAKINGS_TERMINATION_LOG", global = true)]
    termination_log: Option<PathBuf>,
}

impl Report {
    pub(super) fn new(termination_log: Option<PathBuf>) -> Self {
        Self { termination_log }
    }

    pub(super) fn outcome(&self, outcome: &Outcome) -> ExitCode {
        let Outcome { import_id, run, message, .. } = outcome;
        let (result, reason) = (outcome.result.as_str(), outcome.reason.as_str());
        let peak_memory_bytes = peak_memory_bytes();
        if outcome.exit_code() == 0 {
            tracing::info!(%import_id, run = run.0, result, reason, peak_memory_bytes, "{message}");
        } else {
            tracing::error!(%import_id, run = run.0, result, reason, peak_memory_bytes, "{message}");
        }
        self.write(&outcome.to_json());
        ExitCode::from(outcome.exit_code())
    }

    pub(super) fn listed(&self, outcome: &ListOutcome) -> ExitCode {
        match outcome {
            ListOutcome::Listed(listing) => {
                let (files, more) = (listing.files.len(), listing.more);
                tracing::info!(files, more, young = listing.young, "New files were listed.");
            }
            ListOutcome::Fault(why) | ListOutcome::Refused(why) => {
                tracing::error!(reason = why.reason.as_str(), "{}", why.message);
            }
        }
        self.write(&outcome.to_json());
        ExitCode::from(outcome.exit_code())
    }

    pub(super) fn document(&self, document: &serde_json::Value) -> ExitCode {
        self.write(&document.to_string());
        ExitCode::SUCCESS
    }

    /// What holds in the ledger, and what does not: then nobody should rely on its figures.
    pub(super) fn verified(&self, verified: &[Verified]) -> ExitCode {
        let broken: Vec<_> = verified.iter().filter(|one| one.violations > 0).collect();
        for Verified { name, invariant, violations, examples } in &broken {
            tracing::error!(name, violations, ?examples, "This does not hold: {invariant}");
        }
        self.write(
            &serde_json::json!({ "holds": broken.is_empty(), "invariants": verified }).to_string(),
        );
        ExitCode::from(if broken.is_empty() { 0 } else { 2 })
    }

    /// For commands that are no run: the sentence, and whether a retry may help.
    pub(super) fn error(&self, error: &anyhow::Error) -> ExitCode {
        self.write(&serde_json::json!({ "message": error.to_string() }).to_string());
        fault(error)
    }

    fn write(&self, line: &str) {
        let mut stdout = std::io::stdout().lock();
        if let Err(error) = writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
            tracing::warn!("the outcome can't be written to standard output: {error}");
        }
        let default = Path::new(TERMINATION_LOG);
        let path = self.termination_log.as_deref();
        let Some(path) = path.or_else(|| default.exists().then_some(default)) else { return };
        if let Err(error) = std::fs::write(path, line) {
            tracing::warn!("the outcome can't be written to {}: {error}", path.display());
        }
    }
}

/// The same as a log line only, where standard output holds something else.
pub(super) fn fault(error: &anyhow::Error) -> ExitCode {
    tracing::error!("{error}");
    let is_final = error.downcast_ref::<LedgerError>().is_some_and(|error| !error.is_retryable());
    ExitCode::from(if is_final { 2 } else { 1 })
}

/// The most memory that this process had at once, where the system tells.
fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}
