//! Publish: a load that is complete becomes part of the ledger, or is refused.

use std::collections::BTreeMap;

use sqlx::{PgConnection, Row, types::Json};
use tracing::Instrument as _;
use uuid::Uuid;

use super::{
    Ledger, LedgerError, OpenRun, Refusal,
    compare::{COMPARISONS, Comparison, Intended},
    figures::SqlFigures,
    load::Load,
    marks::Marks,
    run::{Totals, signed},
};
use crate::{Digest, OnOverlap, Outcome, order_days::Figures};

/// The target of spans that are for traces alone: `telemetry::logs` keeps it out of log lines.
const SPANS: &str = "takings::trace";

impl Load {
    /// Publishes the chunks that were written, or refuses them: the run's end, whichever it is. A
    /// `COMMIT` whose answer was lost is an error; who begins the run again learns how it ended.
    pub async fn publish(self, totals: Totals) -> Result<Outcome, LedgerError> {
        self.publish_telling(totals, || ()).await
    }

    /// The same; tells each time that a comparison has ended and the publish begins.
    pub async fn publish_telling(
        self,
        totals: Totals,
        tell: impl Fn(),
    ) -> Result<Outcome, LedgerError> {
        let ended = match self.compare_and_publish(&totals, tell).await {
            // As a rule: publish itself has removed the claim.
            Ok((outcome, false)) => return self.ledger.told(outcome).await,
            Ok((outcome, true)) => self.ledger.told(outcome).await,
            Err(LedgerError::AlreadyLoaded) => {
                let ledger = &self.ledger;
                let digest = &totals.digest;
                let found = ledger.publish_already_loaded(&self.run, digest, totals.bytes).await?;
                // Gone again within this moment, by a revert: a retry publishes it.
                found.ok_or(LedgerError::AlreadyLoaded)
            }
            Err(error) => self.ledger.end_after(&self.run, error, Some(Refusal::of(totals))).await,
        };
        self.ledger.sweep(self.run.imported_file_id).await;
        ended
    }

    async fn compare_and_publish(
        &self,
        totals: &Totals,
        tell: impl Fn(),
    ) -> Result<(Outcome, bool), LedgerError> {
        let intended = Intended {
            dataset_id: self.run.dataset_id,
            arriving: Some(self.id),
            is_one_chunk: totals.chunks <= 1,
            leaving: self.run.request.import_id.0,
            on_overlap: self.run.request.on_overlap,
        };
        for comparisons in 0..COMPARISONS {
            // The first one finds out whether there is anything to forget: an earlier try has
            // hardly ever come so far.
            if comparisons > 0 {
                self.forget_comparison().await?;
            }
            let mut marks = Marks::new(Some(self));
            let compare = tracing::info_span!(target: SPANS, "compare");
            let compared = self.ledger.compare(intended, &mut marks).instrument(compare).await;
            let comparison = match compared {
                Err(LedgerError::LoadsChanged) => continue,
                compared => compared?,
            };
            if intended.on_overlap == OnOverlap::Fail && comparison.meeting.conflict_count > 0 {
                return Err(comparison.overlap());
            }
            let noted = match marks.finish(&comparison.meeting).await {
                // Another importer of the run has compared, or compares at the same time.
                Err(error) if error.is_unique_violation() => continue,
                noted => noted?,
            };
            tell();
            let publish = tracing::info_span!(target: SPANS, "publish");
            match self.publish_compared(totals, &comparison, noted).instrument(publish).await {
                Err(LedgerError::LoadsChanged) => {}
                result => return result,
            }
        }
        Err(LedgerError::LoadsChanged)
    }

    async fn publish_compared(
        &self,
        totals: &Totals,
        comparison: &Comparison,
        noted: Option<Uuid>,
    ) -> Result<(Outcome, bool), LedgerError> {
        let overlaps = comparison.overlaps();
        let across = comparison.meeting.across.clone().trimmed();
        let row = SqlFigures::new(&across)
            .query(
                "SELECT * FROM takings.publish_load(
                    $8, $9, $10, $11, $12, $13, $14, {figures}, $15, $16, $17, $18, $19)",
            )
            .bind(self.id)
            .bind(i32::try_from(totals.chunks).unwrap_or(i32::MAX))
            .bind(totals.digest.0.to_vec())
            .bind(signed(totals.bytes))
            .bind(signed(comparison.meeting.lines_skipped))
            .bind(comparison.version)
            .bind(noted.map(|noted| noted.as_bytes().to_vec()))
            .bind(overlaps.keys().copied().collect::<Vec<_>>())
            .bind(overlaps.values().map(|counts| counts.0).collect::<Vec<_>>())
            .bind(overlaps.values().map(|counts| counts.1).collect::<Vec<_>>())
            .bind(signed(totals.lines_read))
            .bind(signed(totals.lines_rejected))
            .fetch_one(&self.ledger.pool)
            .await?;
        let Json(outcome) = row.try_get("o_outcome")?;
        Ok((outcome, row.try_get("o_has_debris")?))
    }

    async fn forget_comparison(&self) -> Result<(), LedgerError> {
        sqlx::query("SELECT takings.forget_comparison($1)")
            .bind(self.id)
            .execute(&self.ledger.pool)
            .await?;
        Ok(())
    }

    /// Notes which order-days of blocks, by chunk and number, the load does not hold.
    pub(super) async fn mark_skipped(
        &self,
        connection: &mut PgConnection,
        skipped: &BTreeMap<(i32, i32), Vec<u8>>,
    ) -> Result<(), LedgerError> {
        sqlx::query("SELECT takings.mark_skipped($1, $2, $3, $4)")
            .bind(self.id)
            .bind(skipped.keys().map(|key| key.0).collect::<Vec<_>>())
            .bind(skipped.keys().map(|key| key.1).collect::<Vec<_>>())
            .bind(skipped.values().map(Vec::as_slice).collect::<Vec<_>>())
            .execute(connection)
            .await?;
        Ok(())
    }

    /// Notes what corrects the sum of the load's chunks, as chunk -1.
    pub(super) async fn correct(
        &self,
        connection: &mut PgConnection,
        comparison: Uuid,
        own: &Figures,
    ) -> Result<(), LedgerError> {
        SqlFigures::new(own)
            .query(
                "SELECT takings.add_chunk($8, -1, 0, $9, 0, 0, '{}', NULL, NULL, {figures}, '{}')",
            )
            .bind(self.id)
            .bind(comparison.as_bytes().to_vec())
            .execute(connection)
            .await?;
        Ok(())
    }
}

impl Ledger {
    /// Publishes the run without a load of its own, since a live load has the same content; `None`
    /// where that was reverted meanwhile.
    pub async fn publish_already_loaded(
        &self,
        run: &OpenRun,
        digest: &Digest,
        bytes: u64,
    ) -> Result<Option<Outcome>, LedgerError> {
        for _ in 0..COMPARISONS {
            match self.publish_same(run, digest, bytes).await {
                Ok(true) => {
                    self.sweep(run.imported_file_id).await;
                    return self.outcome(run.imported_file_id).await.map(Some);
                }
                Ok(false) => return Ok(None),
                Err(LedgerError::LoadsChanged) => {}
                Err(error) => return self.end_after(run, error, None).await.map(Some),
            }
        }
        Err(LedgerError::LoadsChanged)
    }

    async fn publish_same(
        &self,
        run: &OpenRun,
        digest: &Digest,
        bytes: u64,
    ) -> Result<bool, LedgerError> {
        // An earlier run of the import may have to make way.
        let intended = Intended {
            dataset_id: run.dataset_id,
            arriving: None,
            is_one_chunk: false,
            leaving: run.request.import_id.0,
            on_overlap: OnOverlap::Fail,
        };
        let comparison = self.compare(intended, &mut Marks::new(None)).await?;
        let across = comparison.meeting.across.clone().trimmed();
        let row = SqlFigures::new(&across)
            .query("SELECT takings.publish_already_loaded($8, $9, $10, $11, {figures})")
            .bind(run.imported_file_id)
            .bind(digest.0.to_vec())
            .bind(signed(bytes))
            .bind(comparison.version)
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get(0)?)
    }

    /// Removes what an ended run has left behind. What fails here is done by the next one.
    pub(super) async fn sweep(&self, imported_file_id: i64) {
        let swept = sqlx::query("SELECT takings.sweep_run($1)")
            .bind(imported_file_id)
            .execute(&self.pool)
            .await;
        if let Err(error) = swept {
            tracing::warn!(imported_file_id, "left for later: {error}");
        }
    }
}
