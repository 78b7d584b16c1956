//! An end for a run whose load failed. Nobody tries the run of an upload again, so it must not be
//! left open: it is abandoned, or turns out to have been published before the answer was lost.

use std::time::Duration;

use ledger::{
    Outcome,
    outcome::RunResult,
    postgres::{Ledger, LedgerError},
};
use tracing::Instrument as _;

/// How long a client waits for it at most.
const TIMEOUT: Duration = Duration::from_secs(15);
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// How the run has ended, if it was published after all; else the fault as it is. Where the
/// database is away, the run is settled when it is back.
pub(crate) async fn settle(ledger: &Ledger, fault: Outcome) -> Outcome {
    match now(ledger, &fault).await {
        Ok(Some(settled)) if settled.result != RunResult::Abandoned => settled,
        Ok(Some(_)) => fault,
        Ok(None) | Err(_) => {
            tokio::spawn(later(ledger.clone(), fault.clone()).in_current_span());
            fault
        }
    }
}

/// `None` where there was no answer in time.
async fn now(ledger: &Ledger, fault: &Outcome) -> Result<Option<Outcome>, LedgerError> {
    let settling = ledger.settle(fault.import_id, fault.run, &fault.dataset);
    tokio::time::timeout(TIMEOUT, settling).await.ok().transpose()
}

async fn later(ledger: Ledger, fault: Outcome) {
    let (import_id, mut pause) = (fault.import_id, FIRST_PAUSE);
    loop {
        tokio::time::sleep(pause).await;
        match now(&ledger, &fault).await {
            Ok(Some(settled)) => {
                let result = settled.result.as_str();
                tracing::info!(%import_id, result, "a run whose load failed is settled");
                return;
            }
            Err(error) if !error.is_retryable() => {
                tracing::error!(%import_id, %error, "a run is left without an end");
                return;
            }
            Ok(None) | Err(_) => pause = LONGEST_PAUSE.min(pause * 2),
        }
    }
}
