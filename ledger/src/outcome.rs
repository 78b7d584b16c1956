//! The outcome of a run: the whole contract between importer and operator.
//!
//! The importer writes it, one JSON document of at most [`MAX_BYTES`], to its container's
//! termination message and to standard output; the operator copies it into the status. Field
//! names are those of the SalesImport's status.

mod document;
#[cfg(test)]
mod tests;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{Currency, Dataset, Decimal, Digest, ImportId, Reject, Run};

/// The kubelet keeps the *last* 4,096 bytes of a termination message: a longer one would lose
/// its beginning and no longer be JSON.
pub const MAX_BYTES: usize = 3_000;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The import: the SalesImport's uid.
    pub import_id: ImportId,
    /// The run that ended.
    pub run: Run,
    /// How it ended.
    pub result: RunResult,
    /// Why, in one word for programs.
    pub reason: Reason,
    /// Why, in a full sentence for people.
    pub message: String,
    /// The key of what this run put into the ledger; empty where it put nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<i32>,
    /// What was there before with the same content (`AlreadyLoaded`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing: Option<Existing>,
    /// The stream of sales that the file belongs to.
    pub dataset: Dataset,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// SHA-256 of the decompressed bytes, where the file was read to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    /// Decompressed bytes read.
    #[serde(default)]
    pub bytes: u64,
    /// Records read: imported + skipped + rejected, or valid + skipped + rejected if refused.
    #[serde(default)]
    pub lines_read: u64,
    /// Records that this run put into the ledger.
    #[serde(default)]
    pub lines_imported: u64,
    /// Records that were there already, or stayed out by `onOverlap: Skip`.
    #[serde(default)]
    pub lines_skipped: u64,
    /// Records that can't be sales.
    #[serde(default)]
    pub lines_rejected: u64,
    /// Records that would have been imported, had the file not been refused.
    #[serde(default)]
    pub lines_valid: u64,
    /// First day of the accepted sales.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub first_sale_date: Option<Date>,
    /// Last day of the accepted sales.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub last_sale_date: Option<Date>,
    /// Sum of the imported line totals, exact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revenue: Option<Decimal>,
    /// The first rejected lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejects: Vec<Reject>,
    /// The first order-days that are there with other lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    /// What else a dry run found in a file that it could read and compare (`DryRun`). In no status:
    /// the operator runs none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub dry_run: Option<Found>,
}

/// What a dry run found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// Distinct orders of the accepted lines.
    pub orders: u64,
    /// Distinct order-days of the accepted lines.
    pub order_days: u64,
    /// Of these, how many are in the ledger with the same lines: they would be skipped.
    pub order_days_same: u64,
    /// Of these, how many are there with other lines: `onOverlap` decides.
    pub order_days_conflicting: u64,
    /// Sum of all accepted line totals, exact, whether they would be imported or not.
    pub revenue: Decimal,
}

/// How a run ended, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum RunResult {
    /// The file's sales are in the ledger. Final.
    Published,
    /// The same content was there already; nothing was added. Final.
    AlreadyLoaded,
    /// The input can't be loaded as it is. Final.
    Refused,
    /// Something failed that may succeed when tried again. Not final.
    Fault,
    /// `settle` ended the run before it had published. Final.
    Abandoned,
    /// `revert` took out of the figures whatever the import had there. Final.
    Reverted,
    /// A dry run: nothing was written. All else is as the run's own outcome would have it, the
    /// reason first of all.
    DryRun,
}

/// Why a run ended as it did. Also the reason of the SalesImport's conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Reason {
    /// The sales are in the ledger.
    Published,
    /// A live load has the same content.
    AlreadyLoaded,
    /// More lines are rejected than `maxRejected` allows.
    TooManyRejected,
    /// Order-days are there with other lines, and `onOverlap` is `Fail`.
    Overlap,
    /// The dataset holds sales in another currency.
    CurrencyMismatch,
    /// The database role may not write to the dataset.
    DatasetNotGranted,
    /// The file is not a sales file: empty, not CSV, an overlong record, undecodable.
    InvalidFile,
    /// A required column is missing or there twice.
    InvalidHeader,
    /// An argument or setting can't be right.
    InvalidArgument,
    /// The source does not exist.
    SourceNotFound,
    /// The source exists, but may not be read.
    SourceForbidden,
    /// The source leads to a place that is not allowed.
    SourceNotAllowed,
    /// The file was changed while it was read, or since an earlier try of the run.
    SourceChanged,
    /// A newer run of the import exists, or the import is in another dataset.
    RunSuperseded,
    /// The run was abandoned by `settle`.
    Abandoned,
    /// Nothing of the import is in the figures any more.
    Reverted,
    /// The source did not answer, or broke off.
    SourceUnavailable,
    /// The database did not answer, or broke off.
    DatabaseUnavailable,
    /// The database's schema is not one that this program knows.
    SchemaMismatch,
    /// The importer was told to stop before it had ended.
    Stopped,
    /// The program met something it did not expect.
    Internal,
    /// A reason that this program's version does not know.
    #[serde(other)]
    Other,
}

/// The earlier import that has the same content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Existing {
    /// Its import id.
    pub import_id: ImportId,
    /// Its run.
    pub run: Run,
    /// The key of its load.
    pub load: i32,
    /// The file's name then.
    pub filename: String,
    /// Who asked for it, such as `shop/march` (namespace and name of a SalesImport).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub requested_by: String,
}

/// One order-day that is in the ledger with other lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    /// The order.
    pub order_id: String,
    /// The day.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub sale_date: Date,
    /// The import whose lines are live there.
    pub import_id: ImportId,
    /// The key of its load.
    pub load: i32,
}

impl Outcome {
    /// An outcome without counts: a fault, a refusal before the file was read, an abandoned run.
    #[must_use]
    pub fn bare(
        (import_id, run): (ImportId, Run),
        (dataset, currency): (Dataset, Currency),
        (result, reason): (RunResult, Reason),
        message: impl Into<String>,
    ) -> Self {
        Self {
            import_id,
            run,
            result,
            reason,
            message: message.into(),
            load: None,
            existing: None,
            dataset,
            currency,
            digest: None,
            bytes: 0,
            lines_read: 0,
            lines_imported: 0,
            lines_skipped: 0,
            lines_rejected: 0,
            lines_valid: 0,
            first_sale_date: None,
            last_sale_date: None,
            revenue: None,
            rejects: Vec::new(),
            conflicts: Vec::new(),
            dry_run: None,
        }
    }

    /// What a dry run says where the run itself would end so.
    #[must_use]
    pub fn of_dry_run(self) -> Self {
        let message =
            format!("Dry run, nothing was written. The run would end so: {}", self.message);
        Self { result: RunResult::DryRun, message, ..self }
    }

    /// That of its result; of a dry run, that of the run itself.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (self.result, self.reason) {
            (RunResult::DryRun, Reason::Published | Reason::AlreadyLoaded) => 0,
            (RunResult::DryRun, _) => RunResult::Refused.exit_code(),
            (result, _) => result.exit_code(),
        }
    }
}

impl RunResult {
    /// 0: done, or it was there already. 1: a fault worth a retry. 2: the input can't be loaded.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Published | Self::AlreadyLoaded | Self::Reverted | Self::DryRun => 0,
            Self::Fault => 1,
            Self::Refused | Self::Abandoned => 2,
        }
    }

    /// Whether the run can never end otherwise.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Fault | Self::DryRun)
    }

    /// The word that stands in the ledger and the status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "Published",
            Self::AlreadyLoaded => "AlreadyLoaded",
            Self::Refused => "Refused",
            Self::Fault => "Fault",
            Self::Abandoned => "Abandoned",
            Self::Reverted => "Reverted",
            Self::DryRun => "DryRun",
        }
    }
}

impl Reason {
    /// The word that stands in the ledger, the status and its conditions.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Published => "Published",
            Self::AlreadyLoaded => "AlreadyLoaded",
            Self::TooManyRejected => "TooManyRejected",
            Self::Overlap => "Overlap",
            Self::CurrencyMismatch => "CurrencyMismatch",
            Self::DatasetNotGranted => "DatasetNotGranted",
            Self::InvalidFile => "InvalidFile",
            Self::InvalidHeader => "InvalidHeader",
            Self::InvalidArgument => "InvalidArgument",
            Self::SourceNotFound => "SourceNotFound",
            Self::SourceForbidden => "SourceForbidden",
            Self::SourceNotAllowed => "SourceNotAllowed",
            Self::SourceChanged => "SourceChanged",
            Self::RunSuperseded => "RunSuperseded",
            Self::Abandoned => "Abandoned",
            Self::Reverted => "Reverted",
            Self::SourceUnavailable => "SourceUnavailable",
            Self::DatabaseUnavailable => "DatabaseUnavailable",
            Self::SchemaMismatch => "SchemaMismatch",
            Self::Stopped => "Stopped",
            Self::Internal => "Internal",
            Self::Other => "Other",
        }
    }
}
