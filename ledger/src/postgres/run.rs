//! A run from its beginning to an end that put nothing into the ledger.
//!
//! In come what a run is about and why it is refused; out goes its outcome. An end is final: who
//! asks again gets the same outcome. Who may write is decided in the database.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, Row, types::Json};

use super::{Ledger, LedgerError};
use crate::{
    Currency, Dataset, Digest, ImportId, MaxRejected, OnOverlap, Outcome, Reject, RejectReason,
    Run,
    outcome::{Conflict, Existing, Reason, RunResult},
};

/// How many rejected lines are sent in one statement.
const REJECTS_AT_ONCE: usize = 5_000;

/// What a run is about to load, and how.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The SalesImport's uid, or an upload's own id.
    pub import_id: ImportId,
    /// The number of the try.
    pub run: Run,
    /// Where the sales go.
    pub dataset: Dataset,
    /// The currency of all amounts in the file.
    pub currency: Currency,
    /// The file's name, without folders.
    pub filename: String,
    /// Where it comes from, without secrets.
    pub source: String,
    /// The effective format as one canonical text: the same text means "read the same way".
    pub format: String,
    /// What happens to order-days that are there with other lines.
    pub on_overlap: OnOverlap,
    /// How many lines may be rejected.
    pub max_rejected: MaxRejected,
    /// Who asked for it.
    pub requested_by: String,
    /// The request that brought it, if any.
    pub request_id: String,
}

/// What [`Ledger::begin`] found.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one a run")]
pub enum Begun<R = OpenRun> {
    /// Go on and load.
    Open(R),
    /// The run has ended already, or can't begin: this is its outcome.
    Ended(Outcome),
}

/// A run that has begun and has no end yet.
#[derive(Clone, Debug)]
pub struct OpenRun {
    pub(super) imported_file_id: i64,
    pub(super) dataset_id: i32,
    /// What it is about.
    pub request: RunRequest,
}

/// Why a run is refused, and what is known of its file by then.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The reason in one word.
    pub reason: Reason,
    /// The reason in a full sentence.
    pub message: String,
    /// SHA-256 of the decompressed bytes, where the file was read to its end.
    pub digest: Option<Digest>,
    /// Decompressed bytes read.
    pub bytes: u64,
    /// Records read.
    pub lines_read: u64,
    /// Records that are there already.
    pub lines_skipped: u64,
    /// Records that can't be sales.
    pub lines_rejected: u64,
    /// First day of the valid lines.
    pub first_sale_date: Option<Date>,
    /// Last day of the valid lines.
    pub last_sale_date: Option<Date>,
    /// The first rejected lines, at most 10,000.
    pub rejects: Vec<Reject>,
    /// All rejected lines by reason.
    pub reject_counts: BTreeMap<RejectReason, u64>,
    /// The line from which on the file can't be read: rejects from there on do not stay.
    pub broken_at: Option<u32>,
    /// Order-days that are there with other lines.
    pub conflicts: Vec<Conflict>,
}

impl Refusal {
    /// A refusal before anything of the file was read.
    #[must_use]
    pub fn unread(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
            digest: None,
            bytes: 0,
            lines_read: 0,
            lines_skipped: 0,
            lines_rejected: 0,
            first_sale_date: None,
            last_sale_date: None,
            rejects: Vec::new(),
            reject_counts: BTreeMap::new(),
            broken_at: None,
            conflicts: Vec::new(),
        }
    }
}

/// What the file was, once it has been read to its end.
#[derive(Clone, Debug)]
pub struct Totals {
    /// SHA-256 of the decompressed bytes.
    pub digest: Digest,
    /// Decompressed bytes.
    pub bytes: u64,
    /// How many chunks were written.
    pub chunks: u32,
    /// Records read.
    pub lines_read: u64,
    /// Records rejected.
    pub lines_rejected: u64,
    /// First day of the accepted lines.
    pub first_sale_date: Option<Date>,
    /// Last day of the accepted lines.
    pub last_sale_date: Option<Date>,
    /// The first rejected lines, for a refusal: at most 10,000.
    pub rejects: Vec<Reject>,
    /// All rejected lines by reason.
    pub reject_counts: BTreeMap<RejectReason, u64>,
}

impl Refusal {
    /// What is known of a file that was read to its end.
    #[must_use]
    pub fn of(totals: Totals) -> Self {
        Self {
            digest: Some(totals.digest),
            bytes: totals.bytes,
            lines_read: totals.lines_read,
            lines_rejected: totals.lines_rejected,
            first_sale_date: totals.first_sale_date,
            last_sale_date: totals.last_sale_date,
            rejects: totals.rejects,
            reject_counts: totals.reject_counts,
            ..Self::unread(Reason::Internal, "")
        }
    }
}

impl Ledger {
    /// Begins a run, or returns the end that it has.
    pub async fn begin(&self, request: RunRequest) -> Result<Begun, LedgerError> {
        match self.begin_run(&request).await {
            Ok((imported_file_id, dataset_id, status)) if status == "Running" => {
                Ok(Begun::Open(OpenRun { imported_file_id, dataset_id, request }))
            }
            Ok((imported_file_id, ..)) => self.outcome(imported_file_id).await.map(Begun::Ended),
            Err(error @ (LedgerError::NotGranted(_) | LedgerError::Superseded(_))) => {
                Ok(Begun::Ended(request.refused(error.reason(), error.to_string())))
            }
            Err(error) => Err(error),
        }
    }

    /// The outcome of a run that was ended meanwhile, by a settle or by another importer.
    pub async fn ended(&self, run: &OpenRun) -> Result<Outcome, LedgerError> {
        self.outcome(run.imported_file_id).await
    }

    /// Ends a run whose input can't be loaded, with its rejects on record. Where it has ended
    /// meanwhile, that end holds and is returned.
    pub async fn refuse(&self, run: &OpenRun, refusal: Refusal) -> Result<Outcome, LedgerError> {
        match self.refuse_run(run, &refusal).await {
            Ok(()) | Err(LedgerError::Ended) => {
                self.sweep(run.imported_file_id).await;
                self.outcome(run.imported_file_id).await
            }
            Err(error) => Err(error),
        }
    }

    /// Ends a run of which nobody knows the end: returns what was published, or abandons it for
    /// good. Waits for a publish that is under way.
    pub async fn settle(
        &self,
        import_id: ImportId,
        run: Run,
        dataset: &Dataset,
    ) -> Result<Outcome, LedgerError> {
        let imported_file_id = sqlx::query_scalar("SELECT takings.settle_run($1, $2, $3)")
            .bind(import_id.0)
            .bind(number(run))
            .bind(dataset.as_str())
            .fetch_one(&self.pool)
            .await?;
        self.sweep(imported_file_id).await;
        self.outcome(imported_file_id).await
    }

    /// The outcome of a run that has ended.
    pub(super) async fn outcome(&self, imported_file_id: i64) -> Result<Outcome, LedgerError> {
        let outcome: Option<Json<Outcome>> = sqlx::query_scalar("SELECT takings.run_outcome($1)")
            .bind(imported_file_id)
            .fetch_one(&self.pool)
            .await?;
        let Json(outcome) =
            outcome.ok_or_else(|| LedgerError::Unreadable("the run has no end".into()))?;
        self.told(outcome).await
    }

    /// An outcome as it is told: with a sentence and, where the run is published, only once no
    /// replica of the API can answer with what was before.
    pub(super) async fn told(&self, mut outcome: Outcome) -> Result<Outcome, LedgerError> {
        if outcome.message.is_empty() {
            outcome.message = sentence(&outcome);
        }
        if matches!(outcome.result, RunResult::Published | RunResult::AlreadyLoaded) {
            self.until_all_replicas_know().await?;
        }
        Ok(outcome)
    }

    /// What a failed publish means: a refusal that is recorded, the end that was there already,
    /// or an error.
    pub(super) async fn end_after(
        &self,
        run: &OpenRun,
        error: LedgerError,
        read: Option<Refusal>,
    ) -> Result<Outcome, LedgerError> {
        let mut refusal = read.unwrap_or_else(|| Refusal::unread(Reason::Internal, ""));
        refusal.reason = error.reason();
        refusal.message = error.to_string();
        match error {
            LedgerError::Ended => return self.outcome(run.imported_file_id).await,
            LedgerError::Overlap { conflicts, lines_skipped, .. } => {
                refusal.conflicts = conflicts;
                refusal.lines_skipped = lines_skipped;
            }
            LedgerError::CurrencyMismatch(_) | LedgerError::Superseded(_) => {}
            other => return Err(other),
        }
        self.refuse(run, refusal).await
    }

    async fn begin_run(&self, request: &RunRequest) -> Result<(i64, i32, String), LedgerError> {
        let row = sqlx::query(
            "SELECT * FROM takings.begin_run($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(request.import_id.0)
        .bind(number(request.run))
        .bind(request.dataset.as_str())
        .bind(request.currency.as_str())
        .bind(&request.filename)
        .bind(&request.source)
        .bind(&request.format)
        .bind(request.on_overlap.as_str())
        .bind(request.max_rejected.to_string())
        .bind(&request.requested_by)
        .bind(&request.request_id)
        .fetch_one(&self.pool)
        .await?;
        Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?))
    }

    async fn refuse_run(&self, run: &OpenRun, refusal: &Refusal) -> Result<(), LedgerError> {
        let mut transaction = self.pool.begin().await?;
        add_rejects(&mut transaction, run, refusal.rejects.iter().cloned()).await?;
        let refuse =
            "SELECT takings.refuse_run($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
        sqlx::query(refuse)
            .bind(run.imported_file_id)
            .bind(refusal.reason.as_str())
            .bind(&refusal.message)
            .bind(refusal.digest.map(|digest| digest.0.to_vec()))
            .bind(signed(refusal.bytes))
            .bind(signed(refusal.lines_read))
            .bind(signed(refusal.lines_skipped))
            .bind(signed(refusal.lines_rejected))
            .bind(refusal.first_sale_date.map(ToSqlx::to_sqlx))
            .bind(refusal.last_sale_date.map(ToSqlx::to_sqlx))
            .bind(Json(&refusal.conflicts))
            .bind(Json(&refusal.reject_counts))
            .bind(refusal.broken_at.map(line_number))
            .execute(&mut *transaction)
            .await?;
        Ok(transaction.commit().await?)
    }
}

impl RunRequest {
    /// A refusal that stands in no ledger, since the role may not write there.
    pub(super) fn refused(&self, reason: Reason, message: String) -> Outcome {
        Outcome::bare(
            (self.import_id, self.run),
            (self.dataset.clone(), self.currency.clone()),
            (RunResult::Refused, reason),
            message,
        )
    }
}

/// Puts rejected lines on record within a transaction.
pub(super) async fn add_rejects(
    connection: &mut PgConnection,
    run: &OpenRun,
    mut rejects: impl Iterator<Item = Reject>,
) -> Result<(), LedgerError> {
    loop {
        let rejects: Vec<_> = rejects.by_ref().take(REJECTS_AT_ONCE).collect();
        if rejects.is_empty() {
            return Ok(());
        }
        let lines: Vec<_> = rejects.iter().map(|reject| line_number(reject.line)).collect();
        let columns: Vec<_> = rejects.iter().map(|reject| reject.column.as_str()).collect();
        let values: Vec<_> = rejects.iter().map(|reject| reject.value.as_str()).collect();
        let reasons: Vec<_> = rejects.iter().map(|reject| reject.reason.as_str()).collect();
        sqlx::query("SELECT takings.add_rejects($1, $2, $3, $4, $5)")
            .bind(run.imported_file_id)
            .bind(lines)
            .bind(columns)
            .bind(values)
            .bind(reasons)
            .execute(&mut *connection)
            .await?;
    }
}

/// A count as PostgreSQL's bigint. No file has 2⁶³ of anything.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A line number as PostgreSQL's integer.
pub(super) fn line_number(line: u32) -> i32 {
    i32::try_from(line).unwrap_or(i32::MAX)
}

pub(super) fn number(run: Run) -> i32 {
    i32::try_from(run.0).unwrap_or(i32::MAX)
}

/// What a published run says, in a sentence.
pub(super) fn sentence(outcome: &Outcome) -> String {
    if let Some(existing) = &outcome.existing {
        return named(existing);
    }
    let Outcome { lines_imported, lines_skipped, lines_rejected, .. } = outcome;
    let plural = if *lines_imported == 1 { "" } else { "s" };
    format!(
        "{lines_imported} line{plural} imported, {lines_skipped} skipped, {lines_rejected} rejected."
    )
}

fn named(Existing { filename, import_id, requested_by, load, .. }: &Existing) -> String {
    let who = if requested_by.is_empty() { &import_id.to_string() } else { requested_by };
    format!(
        "The same content is in the ledger already: load {load}, imported as {filename:?} by \
         {who}. Nothing was added."
    )
}
