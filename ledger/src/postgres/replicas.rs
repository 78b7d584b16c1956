//! Replicas of the API that answer from memory, and who must wait for them.
//!
//! A replica is registered before it reads what it will answer with, and renews its lease with
//! each word that it knows of the ledger's version. Who has published or reverted tells of it
//! once every replica has said that it knows of it, or has been silent for longer than a lease
//! lasts. Each side goes by its own machine's time since the boot.

use std::time::Duration;

use sqlx::{Row, postgres::PgListener};
use tokio::time::sleep;
use uuid::Uuid;

use super::{BootTime, Ledger, LedgerError, Version};

/// How long a replica may answer from memory without a word from the database.
pub const LEASE: Duration = Duration::from_secs(2);
/// What the clocks of two machines may differ by while it lasts: a replica stops so much before
/// its end, and who waits for it goes on so much after.
pub const PACE: Duration = Duration::from_millis(100);
/// The channel on which each new version is told.
const CHANNEL: &str = "takings_version";

const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// A replica's registration.
#[derive(Debug)]
pub struct Registration(Uuid);

impl Ledger {
    /// Registers a replica. What it reads from now on it may answer with, once
    /// [`renew`](Self::renew) has told that it is the newest.
    pub async fn register(&self) -> Result<Registration, LedgerError> {
        let id =
            sqlx::query_scalar("SELECT takings.register_replica()").fetch_one(&self.pool).await?;
        Ok(Registration(id))
    }

    /// Says which version the replica knows of, so that nobody waits for it any longer: from then
    /// on it may answer with no earlier one. Returns the ledger's; `None`: it is not registered
    /// any more.
    pub async fn renew(
        &self,
        registration: &Registration,
        known: Option<i64>,
    ) -> Result<Option<Version>, LedgerError> {
        let row = sqlx::query("SELECT * FROM takings.renew_replica($1, $2)")
            .bind(registration.0)
            .bind(known)
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| Ok(Version { version: row.try_get(0)?, token: row.try_get(1)? })).transpose()
    }

    /// Takes a replica that answers from memory no more from the register.
    pub async fn unregister(&self, registration: Registration) -> Result<(), LedgerError> {
        sqlx::query("SELECT takings.unregister_replica($1)")
            .bind(registration.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Calls each time that a new version may be there, for ever. A notification that is lost is
    /// made up for by the next renewal.
    pub async fn listen(&self, tell: impl Fn()) -> Result<(), LedgerError> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen(CHANNEL).await?;
        loop {
            listener.recv().await?;
            tell();
        }
    }

    /// Waits until no replica can answer with what was before the present version. It is right
    /// whatever the replicas do; a register that can't be read is an error, and the end is not to
    /// be told.
    pub(super) async fn until_all_replicas_know(&self) -> Result<(), LedgerError> {
        let over = BootTime::now().after(LEASE + PACE);
        let (version, mut behind) = self.behind(None, None).await?;
        let mut pause = FIRST_PAUSE;
        while !behind.is_empty() && BootTime::now() < over {
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            behind = self.behind(Some(version), Some(behind)).await?.1;
        }
        if !behind.is_empty() {
            tracing::warn!(replicas = ?behind, "replicas were silent for longer than a lease");
            self.forget(&behind, version).await?;
        }
        Ok(())
    }

    async fn behind(
        &self,
        version: Option<i64>,
        among: Option<Vec<Uuid>>,
    ) -> Result<(i64, Vec<Uuid>), LedgerError> {
        let row = sqlx::query("SELECT * FROM takings.replicas_behind($1, $2)")
            .bind(version)
            .bind(among)
            .fetch_one(&self.pool)
            .await?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    async fn forget(&self, replicas: &[Uuid], version: i64) -> Result<(), LedgerError> {
        sqlx::query("SELECT takings.forget_replicas($1, $2)")
            .bind(replicas)
            .bind(version)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
