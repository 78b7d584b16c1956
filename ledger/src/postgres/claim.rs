//! Claims: of several imports of the same content at once, one loads it and the others wait.
//!
//! In comes what is cheaply known of a file, out goes whether another import is loading it. A claim
//! is advice: what is lost, wrong or ignored of it costs time, since publish alone decides.

use std::time::Duration;

use sqlx::Row;

use super::{Ledger, LedgerError, Load, OpenRun, run::signed};
use crate::Digest;

/// What is known of a file that a run is about to load.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Tells its content and format from most others.
    pub content: [u8; 32],
    /// How many bytes it has; `None` where it is compressed.
    pub bytes: Option<u64>,
    /// SHA-256 of the decompressed bytes, where it was read to its end.
    pub digest: Option<Digest>,
    /// A claim without a sign of life for so long is dead.
    pub dead_after: Duration,
}

/// What [`Ledger::claim`] found.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a run")]
pub enum Claimed {
    /// No other import is at it: the run's load.
    Mine(Load),
    /// Another import is at it.
    Held,
    /// A live load has this digest; where none is known, a live load may have this content: then
    /// its digest is worth knowing.
    Loaded,
}

impl Ledger {
    /// Claims the content of a file, so that other imports of it wait, and opens the run's load.
    pub async fn claim(&self, run: &OpenRun, claim: &Claim) -> Result<Claimed, LedgerError> {
        let row = sqlx::query(
            "SELECT * FROM takings.claim_content($1, $2, $3, $4, $5 * interval '1 millisecond')",
        )
        .bind(run.imported_file_id)
        .bind(&claim.content[..])
        .bind(claim.bytes.map(signed))
        .bind(claim.digest.map(|digest| digest.0.to_vec()))
        .bind(i64::try_from(claim.dead_after.as_millis()).unwrap_or(i64::MAX))
        .fetch_one(&self.pool)
        .await?;
        match row.try_get("o_claimed")? {
            "Mine" => self.opened(run, &row).map(Claimed::Mine),
            "Held" => Ok(Claimed::Held),
            "Loaded" => Ok(Claimed::Loaded),
            other => Err(LedgerError::Unreadable(format!("a claim that is {other:?}"))),
        }
    }

    /// Shows that the run is still at what it has claimed.
    pub async fn keep_claim(&self, run: &OpenRun, content: &[u8; 32]) -> Result<(), LedgerError> {
        sqlx::query("SELECT takings.keep_claim($1, $2)")
            .bind(run.imported_file_id)
            .bind(&content[..])
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
