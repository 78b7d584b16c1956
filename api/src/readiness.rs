//! When this replica takes requests: from when the database was there once, until it drains.
//!
//! Later the database may be away without this replica turning unready: with every replica
//! unready nobody could say 503.

use std::{sync::OnceLock, time::Duration};

use ledger::postgres::Ledger;
use tokio_util::sync::CancellationToken;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Whether this replica takes requests.
#[derive(Debug)]
pub(crate) struct Readiness {
    draining: CancellationToken,
    seen: OnceLock<()>,
}

impl Readiness {
    /// Not ready yet; never again once `draining` is cancelled.
    pub(crate) fn new(draining: CancellationToken) -> Self {
        Self { draining, seen: OnceLock::new() }
    }

    /// What `/readyz` answers.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.draining.is_cancelled() {
            return Err("draining".into());
        }
        self.seen.get().copied().ok_or_else(|| "waiting for the database and its schema".into())
    }

    /// Waits until the database answers with a schema that this program knows, or until the end.
    pub(crate) async fn wait_for(&self, ledger: &Ledger) {
        tokio::select! {
            () = self.draining.cancelled() => {}
            () = self.wait(ledger) => {}
        }
    }

    async fn wait(&self, ledger: &Ledger) {
        let mut pause = FIRST_PAUSE;
        while let Err(error) = ledger.check_schema().await {
            tracing::warn!(%error, "waiting for the database and its schema");
            tokio::time::sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
        self.seen.get_or_init(|| ());
        tracing::info!("the database is there and its schema is known: ready");
    }
}
