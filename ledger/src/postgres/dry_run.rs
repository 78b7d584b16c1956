//! A dry run: all that a run does, but for writing.
//!
//! In come chunks, of which only the order-days are kept, in a temporary file; out goes what the
//! run's outcome would be. Every statement here also works where the database refuses to write.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::{Row, types::Json};

use super::{
    Ledger, LedgerError,
    chunk::Chunk,
    compare::{COMPARISONS, ComparedLoad, Comparison, Intended},
    copy::date_of,
    marks::Marks,
    names::{NameTable, Names},
    run::{Begun, Refusal, RunRequest, Totals, number, sentence},
    spool::{SPOOLED, Spool},
};
use crate::{
    Decimal, OnOverlap, Outcome,
    order_days::{Figures, FingerprintKey, Meeting},
    outcome::{Existing, Found, Reason},
};

/// How many rejected lines an outcome is given; it shows fewer.
const REJECTS_SHOWN: usize = 10;

/// A run that only looks. A clone is the same.
#[derive(Clone, Debug)]
pub struct DryRun {
    ledger: Ledger,
    request: RunRequest,
    /// `None`: the run itself would make it.
    dataset_id: Option<i32>,
    key: FingerprintKey,
    kept: Arc<Mutex<Kept>>,
}

/// What is kept of the chunks.
#[derive(Debug, Default)]
struct Kept {
    spool: Spool,
    figures: Figures,
}

impl Ledger {
    /// Begins a dry run, or returns the end that the run has.
    pub async fn dry_run(&self, request: RunRequest) -> Result<Begun<DryRun>, LedgerError> {
        let found = sqlx::query("SELECT * FROM takings.dry_run($1, $2, $3)")
            .bind(request.import_id.0)
            .bind(number(request.run))
            .bind(request.dataset.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(LedgerError::from);
        let row = match found {
            Err(error @ LedgerError::NotGranted(_)) => {
                let refused = request.refused(error.reason(), error.to_string());
                return Ok(Begun::Ended(refused.of_dry_run()));
            }
            found => found?,
        };
        let (mut dataset_id, mut key) = (None, [0; 16]);
        if let Some(row) = row {
            if let Some(ended) = row.try_get("o_ended")? {
                return Ok(Begun::Ended(self.outcome(ended).await?.of_dry_run()));
            }
            let bytes: &[u8] = row.try_get("o_fingerprint_key")?;
            key = bytes
                .try_into()
                .map_err(|_| LedgerError::Unreadable("the fingerprint key".into()))?;
            dataset_id = Some(row.try_get("o_dataset_id")?);
        }
        let key = FingerprintKey::new(&key);
        let (ledger, kept) = (self.clone(), Arc::default());
        Ok(Begun::Open(DryRun { ledger, request, dataset_id, key, kept }))
    }
}

impl DryRun {
    /// An empty chunk, for about so many bytes of a file.
    #[must_use]
    pub fn chunk(&self, number: u32, bytes: usize) -> Chunk {
        Chunk::new(SPOOLED, self.key, number, bytes)
    }

    /// Keeps the order-days of a chunk and what they add up to. Blocks.
    pub fn keep(&self, chunk: Chunk, names: &mut Names) -> Result<(), LedgerError> {
        for table in NameTable::ALL {
            // Any number will do.
            names.learn(table, &vec![0; names.new_names(table).len()]);
        }
        names.make_room();
        let (blocks, figures) = chunk.orders.finish();
        let mut kept = self.kept();
        kept.figures.merge(&figures);
        blocks.iter().try_for_each(|block| kept.spool.add(block)).map_err(LedgerError::Spool)
    }

    /// What the outcome would be of a run whose file is refused.
    #[must_use]
    pub fn refuse(&self, refusal: Refusal) -> Outcome {
        self.read(refusal).of_dry_run()
    }

    /// What is known of the file.
    fn read(&self, refusal: Refusal) -> Outcome {
        let Refusal { lines_read, lines_skipped, lines_rejected, mut rejects, .. } = refusal;
        rejects.truncate(REJECTS_SHOWN);
        Outcome {
            digest: refusal.digest,
            bytes: refusal.bytes,
            lines_read,
            lines_skipped,
            lines_rejected,
            lines_valid: lines_read - lines_skipped - lines_rejected,
            first_sale_date: refusal.first_sale_date,
            last_sale_date: refusal.last_sale_date,
            rejects,
            conflicts: refusal.conflicts,
            ..self.request.refused(refusal.reason, refusal.message)
        }
    }

    /// Compares what was kept of a whole file: what the run's outcome would be.
    pub async fn end(self, totals: Totals) -> Result<Outcome, LedgerError> {
        let existing = match self.existing(&totals).await {
            Err(error @ (LedgerError::CurrencyMismatch(_) | LedgerError::Superseded(_))) => {
                let (reason, message) = (error.reason(), error.to_string());
                return Ok(self.refuse(Refusal { reason, message, ..Refusal::of(totals) }));
            }
            existing => existing?,
        };
        let Kept { spool, mut figures } = std::mem::take(&mut *self.kept());
        let comparison = self.compare(&Arc::new(spool)).await?;
        let (meeting, on_overlap) = (&comparison.meeting, self.request.on_overlap);
        let found = found(&figures, meeting);
        figures.merge(&meeting.own);
        let conflicts = meeting.conflict_count;
        let outcome = if let Some(existing) = existing {
            self.already_loaded(existing, totals)
        } else if on_overlap == OnOverlap::Fail && conflicts > 0 {
            self.refuse(overlapping(&comparison, totals))
        } else {
            self.published(&figures.trimmed(), &comparison, totals)
        };
        Ok(Outcome { dry_run: Some(found), ..outcome })
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The load that has the same content.
    async fn existing(&self, totals: &Totals) -> Result<Option<Existing>, LedgerError> {
        let Some(dataset_id) = self.dataset_id else { return Ok(None) };
        let existing: Option<Json<Existing>> =
            sqlx::query_scalar("SELECT takings.dry_publish($1, $2, $3, $4, $5, $6, $7)")
                .bind(self.request.import_id.0)
                .bind(number(self.request.run))
                .bind(dataset_id)
                .bind(self.request.currency.as_str())
                .bind(&self.request.format)
                .bind(self.request.max_rejected.to_string())
                .bind(&totals.digest.0[..])
                .fetch_one(&self.ledger.pool)
                .await?;
        Ok(existing.map(|Json(existing)| existing))
    }

    async fn compare(&self, spool: &Arc<Spool>) -> Result<Comparison, LedgerError> {
        let intended = Intended {
            dataset_id: self.dataset_id.unwrap_or_default(),
            arriving: Some(SPOOLED),
            is_one_chunk: false,
            leaving: self.request.import_id.0,
            on_overlap: self.request.on_overlap,
        };
        for _ in 0..COMPARISONS {
            let found = match self.dataset_id {
                Some(_) => self.ledger.compared_loads(intended).await?,
                None => (0, vec![ComparedLoad::arriving(SPOOLED)]),
            };
            let mut marks = Marks::new(None);
            match self.ledger.meet(intended, found, Some(spool), &mut marks).await {
                Err(LedgerError::LoadsChanged) => {}
                comparison => return comparison,
            }
        }
        Err(LedgerError::LoadsChanged)
    }

    fn already_loaded(&self, existing: Existing, totals: Totals) -> Outcome {
        let lines_skipped = totals.lines_read - totals.lines_rejected;
        let refusal = Refusal { reason: Reason::AlreadyLoaded, ..Refusal::of(totals) };
        let mut outcome = self.read(Refusal { lines_skipped, ..refusal });
        outcome.existing = Some(existing);
        outcome.revenue = Some(Decimal::ZERO);
        outcome.message = sentence(&outcome);
        outcome.of_dry_run()
    }

    fn published(&self, figures: &Figures, comparison: &Comparison, totals: Totals) -> Outcome {
        let (lines_skipped, conflicts) = (comparison.meeting.lines_skipped, comparison.conflicts());
        let refusal = Refusal { reason: Reason::Published, ..Refusal::of(totals) };
        let mut outcome = self.read(Refusal { lines_skipped, conflicts, ..refusal });
        outcome.lines_imported = std::mem::take(&mut outcome.lines_valid);
        outcome.first_sale_date = figures.days.keys().next().copied().and_then(date_of);
        outcome.last_sale_date = figures.days.keys().last().copied().and_then(date_of);
        outcome.revenue = Some(figures.sum().2);
        outcome.message = sentence(&outcome);
        if comparison.meeting.conflict_count > 0 {
            let becomes = match self.request.on_overlap {
                OnOverlap::Replace => "these lines take their place (onOverlap Replace)",
                _ => "what is there stays (onOverlap Skip)",
            };
            outcome.message = format!(
                "{} {} order-days are in the ledger with other lines: {becomes}.",
                outcome.message, comparison.meeting.conflict_count
            );
        }
        outcome.of_dry_run()
    }
}

fn overlapping(comparison: &Comparison, totals: Totals) -> Refusal {
    let (lines_skipped, conflicts) = (comparison.meeting.lines_skipped, comparison.conflicts());
    let error = comparison.overlap();
    let (reason, message) = (error.reason(), error.to_string());
    Refusal { reason, message, lines_skipped, conflicts, ..Refusal::of(totals) }
}

fn found(chunks: &Figures, meeting: &Meeting) -> Found {
    let (order_days, orders, revenue) = chunks.sum();
    Found {
        orders: orders.cast_unsigned() - meeting.repeated_orders,
        order_days: order_days.cast_unsigned() - meeting.repeated_order_days,
        order_days_same: meeting.same_count,
        order_days_conflicting: meeting.conflict_count,
        revenue,
    }
}
