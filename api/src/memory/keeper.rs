//! Keeps memory and the register of replicas in step: registers, reads, renews, and lets go.
//!
//! The order is what counts. A registration is committed before anything is read. When there is
//! another version, first memory goes, then that is told, and then it is read: nobody who
//! publishes waits for the reading.

use std::{sync::Arc, time::Duration};

use ledger::postgres::{BootTime, LEASE, Ledger, LedgerError, Registration, Version};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Held, Memory};

/// How often a lease is renewed, where no new version is told.
const EVERY: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why memory is empty.
#[derive(Debug, thiserror::Error)]
enum KeeperError {
    /// The database said no.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The database said nothing.
    #[error("The database was silent for longer than a lease lasts.")]
    Silent,
}

/// Keeps memory in step until the end; `register` has connections of its own, so that renewals
/// wait for nobody. Where that fails, memory is empty and the ledger is asked.
pub(crate) async fn keep(memory: Arc<Memory>, register: Ledger, stop: CancellationToken) {
    let keeper = Keeper { memory, register, heard: Arc::default(), stop };
    tokio::select! {
        () = keeper.listen() => {}
        () = keeper.keep() => {}
    }
}

struct Keeper {
    memory: Arc<Memory>,
    register: Ledger,
    heard: Arc<Notify>,
    stop: CancellationToken,
}

impl Keeper {
    async fn listen(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let Err(error) = self.register.listen(|| self.heard.notify_one()).await else {
                continue;
            };
            tracing::debug!(%error, "new versions are not told at once");
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    async fn keep(&self) {
        let mut pause = FIRST_PAUSE;
        while !self.stop.is_cancelled() {
            match self.until_forgotten().await {
                Ok(()) => pause = FIRST_PAUSE,
                Err(error) => {
                    tracing::warn!(%error, "nothing is answered from memory for now");
                    pause = LONGEST_PAUSE.min(pause * 2);
                }
            }
            self.memory.hold(None);
            tokio::select! {
                () = sleep(pause) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    /// One registration: until it is not there any more, or the end.
    async fn until_forgotten(&self) -> Result<(), KeeperError> {
        let registration = bounded(self.register.register()).await?;
        loop {
            let datasets = bounded(self.memory.ledger.datasets()).await?;
            let version = datasets.version;
            let asked = BootTime::now();
            match self.renew(&registration, version).await? {
                None => return Ok(()),
                Some(newest) if newest != version => continue,
                Some(_) => {}
            }
            let held = Arc::new(Held::new(datasets, asked));
            self.memory.hold(Some(held.clone()));
            let newest = self.hold(&registration, &held).await;
            self.memory.hold(None);
            match newest? {
                Some(newest) => drop(self.renew(&registration, newest).await?),
                None if self.stop.is_cancelled() => {
                    return bounded(self.register.unregister(registration)).await;
                }
                None => return Ok(()),
            }
        }
    }

    /// Renews the lease until there is another version, which it returns, or no registration any
    /// more.
    async fn hold(
        &self,
        registration: &Registration,
        held: &Held,
    ) -> Result<Option<Version>, KeeperError> {
        loop {
            tokio::select! {
                () = self.heard.notified() => {}
                () = sleep(EVERY) => {}
                () = self.stop.cancelled() => return Ok(None),
            }
            let asked = BootTime::now();
            match self.renew(registration, held.version()).await {
                Ok(Some(version)) if version == held.version() => held.renewed(asked),
                Ok(other) => return Ok(other),
                // The lease may outlast the trouble.
                Err(error) if held.is_valid() => {
                    tracing::debug!(%error, "the lease could not be renewed");
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn renew(
        &self,
        registration: &Registration,
        known: Version,
    ) -> Result<Option<Version>, KeeperError> {
        bounded(self.register.renew(registration, Some(known.version))).await
    }
}

/// No word from the database is waited for longer than a lease lasts.
async fn bounded<T>(
    answer: impl Future<Output = Result<T, LedgerError>>,
) -> Result<T, KeeperError> {
    Ok(timeout(LEASE, answer).await.map_err(|_| KeeperError::Silent)??)
}
