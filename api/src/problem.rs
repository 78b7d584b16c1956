//! All failures that a client can see: the only place with their status codes.
//!
//! A handler returns a [`Problem`]; `middleware::problems` writes it in the form of the path that
//! was asked: `problem+json` under `/api/v1`, the envelope elsewhere.

use axum::http::StatusCode;
use jiff::civil::Date;
use ledger::{
    Currency, ImportId, Outcome,
    outcome::{Reason, RunResult},
    postgres::LedgerError,
};

use crate::form::FormError;

/// Seconds after which a client may try again what is only for the moment impossible.
pub(crate) const RETRY_AFTER: u32 = 5;

/// Why a request has no good answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    /// A required query parameter is not there.
    #[error("The parameter {name} is missing; give {expected}.")]
    MissingParameter { name: &'static str, expected: &'static str },
    /// A query parameter is not of its form.
    #[error("The parameter {name} is {value:?}; give {expected}.")]
    InvalidParameter { name: &'static str, value: String, expected: &'static str },
    /// A query parameter stands there twice.
    #[error("The parameter {name} stands there more than once; give it once.")]
    RepeatedParameter { name: &'static str },
    /// A query parameter that this route does not have.
    #[error("The parameter {name:?} is not known here; known are {}.", .known.join(", "))]
    UnknownParameter { name: String, known: &'static [&'static str] },
    /// The first day lies after the last.
    #[error(
        "The parameter {from} ({first}) is after {to} ({last}); give them the other way round."
    )]
    RangeReversed { from: &'static str, to: &'static str, first: Date, last: Date },
    /// No route has this path.
    #[error("There is nothing at this path; README lists the paths that there are.")]
    UnknownPath,
    /// The route has other methods.
    #[error("This path does not take this method; the header Allow lists those that it takes.")]
    UnknownMethod,
    /// No import has this id.
    #[error("There is no import {0}; /api/v1/imports lists those that there are.")]
    UnknownImport(ImportId),
    /// The id in the path is none.
    #[error(
        "The import id in the path is not a UUID such as 0197f3c2-8a54-7bd1-9d3e-0f1a2b3c4d5e."
    )]
    InvalidImportId,
    /// The compatibility form speaks of SGD only.
    #[error(
        "The dataset default holds sales in {0}, and this path answers in SGD only; ask \
         /api/v1/revenue."
    )]
    OtherCurrency(Currency),
    /// The upload can't be read.
    #[error(transparent)]
    Form(#[from] FormError),
    /// The upload was read and can't be loaded.
    #[error("{}", .0.message)]
    Refused(Box<Outcome>),
    /// Files of the folder can't be loaded.
    #[error("{}", sentences(.failed))]
    FolderFailed { imported: u64, failed: Vec<(String, String)> },
    /// The folder can't be read.
    #[error("The folder with the files to import can't be read; the log says why.")]
    FolderUnreadable(#[source] std::io::Error),
    /// No folder is configured.
    #[error(
        "No folder with files to import is configured; set --import-folder or \
         TAKINGS_IMPORT_FOLDER."
    )]
    NoFolder,
    /// No importing role is configured.
    #[error(
        "Uploads are not configured; set --import-database-url or TAKINGS_IMPORT_DATABASE_URL."
    )]
    NoUploads,
    /// As many uploads as allowed are under way.
    #[error("Too many uploads are under way; try again in a few seconds.")]
    Busy,
    /// `health` found the database away.
    #[error("The database is away: {0}")]
    Unhealthy(String),
    /// The ledger can't answer.
    #[error("{}", database_sentence(.0))]
    Ledger(#[from] LedgerError),
    /// The ledger did not answer in time.
    #[error("The database did not answer in time; try again in a few seconds.")]
    TimedOut,
    /// Something that should not happen.
    #[error(
        "Something went wrong that should not have; the log says more under this request's id."
    )]
    Internal(&'static str),
}

/// What a client's program can tell problems apart by.
pub(crate) struct Kind {
    pub(crate) status: StatusCode,
    /// One word of the problem's type, stable.
    pub(crate) code: &'static str,
    /// What kind of problem it is, the same each time.
    pub(crate) title: &'static str,
}

impl Problem {
    /// Status, code and title.
    pub(crate) fn kind(&self) -> Kind {
        let (status, code, title) = match self {
            Self::MissingParameter { .. } => (400, "missing-parameter", "A parameter is missing"),
            Self::InvalidParameter { .. } => {
                (400, "invalid-parameter", "A parameter is not of its form")
            }
            Self::RepeatedParameter { .. } => {
                (400, "repeated-parameter", "A parameter is there more than once")
            }
            Self::UnknownParameter { .. } => (400, "unknown-parameter", "A parameter is not known"),
            Self::RangeReversed { .. } => (400, "range-reversed", "A range ends before it begins"),
            Self::UnknownPath => (404, "unknown-path", "There is nothing at this path"),
            Self::UnknownMethod => (405, "unknown-method", "The path does not take this method"),
            Self::UnknownImport(_) => (404, "unknown-import", "There is no such import"),
            Self::InvalidImportId => (400, "invalid-import-id", "The import id is not a UUID"),
            Self::OtherCurrency(_) => (409, "other-currency", "The sales are in another currency"),
            Self::Form(error) => return error.kind(),
            Self::Refused(outcome) if outcome.result == RunResult::Fault => {
                (503, "load-failed", "The load failed for the moment")
            }
            Self::Refused(outcome) => return refusal(outcome.reason),
            Self::FolderFailed { .. } => (422, "folder-failed", "Files can't be loaded"),
            Self::FolderUnreadable(_) => (503, "folder-unreadable", "The folder can't be read"),
            Self::NoFolder => (503, "no-folder", "No folder is configured"),
            Self::NoUploads => (503, "no-uploads", "Uploads are not configured"),
            Self::Busy => (503, "busy", "Too many uploads are under way"),
            Self::Unhealthy(_) => (503, "unhealthy", "The database is away"),
            Self::Ledger(error) if is_passing(error) => {
                (503, "database-away", "The database is away")
            }
            Self::TimedOut => (503, "database-away", "The database is away"),
            Self::Ledger(_) | Self::Internal(_) => (500, "internal", "Something went wrong"),
        };
        Kind::new(status, code, title)
    }

    /// Seconds after which the same request may succeed, where time alone can heal it.
    pub(crate) fn retry_after(&self) -> Option<u32> {
        let passing = match self {
            Self::Ledger(_) | Self::Refused(_) => {
                self.kind().status == StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Busy | Self::Unhealthy(_) | Self::TimedOut => true,
            _ => false,
        };
        passing.then_some(RETRY_AFTER)
    }
}

impl Kind {
    pub(crate) fn new(status: u16, code: &'static str, title: &'static str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, code, title }
    }
}

/// A file that can't be loaded as it is: 422. One that what is there speaks against: 409.
fn refusal(reason: Reason) -> Kind {
    let (status, code, title) = match reason {
        Reason::TooManyRejected => (422, "too-many-rejected", "Lines of the file can't be sales"),
        Reason::InvalidFile => (422, "invalid-file", "The file is not a sales file"),
        Reason::InvalidHeader => {
            (422, "invalid-header", "The file's header is not that of a sales file")
        }
        Reason::Overlap => (409, "overlap", "Orders are there with other lines"),
        Reason::CurrencyMismatch => {
            (409, "currency-mismatch", "The dataset is in another currency")
        }
        Reason::DatasetNotGranted => {
            (403, "dataset-not-granted", "Uploads may not write to the dataset")
        }
        Reason::DatabaseUnavailable
        | Reason::SchemaMismatch
        | Reason::Abandoned
        | Reason::SourceUnavailable => (503, "load-failed", "The load failed for the moment"),
        _ => (422, "refused", "The file can't be loaded"),
    };
    Kind::new(status, code, title)
}

fn sentences(failed: &[(String, String)]) -> String {
    failed.iter().map(|(_, sentence)| sentence.as_str()).collect::<Vec<_>>().join(" ")
}

fn is_passing(error: &LedgerError) -> bool {
    matches!(error.reason(), Reason::DatabaseUnavailable | Reason::SchemaMismatch)
}

/// What the ledger says may name hosts and tables: that is for the log.
fn database_sentence(error: &LedgerError) -> &'static str {
    if is_passing(error) {
        "The database does not answer at the moment; try again in a few seconds."
    } else {
        "Something went wrong that should not have; the log says more under this request's id."
    }
}

#[cfg(test)]
mod tests {
    /// Each `(status, "code"` of the sources.
    fn codes() -> Vec<(&'static str, &'static str)> {
        let sources = [include_str!("problem.rs"), include_str!("form.rs")];
        let openings = sources.into_iter().flat_map(|source| source.split('(')).skip(1);
        let pair = |opening: &'static str| {
            let (status, rest) = opening.split_once(", \"")?;
            let is_status = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
            is_status.then_some((status, rest.split_once('"')?.0))
        };
        openings.filter_map(pair).collect()
    }

    #[test]
    fn each_problem_is_documented_with_its_status() {
        assert!(codes().len() > 25, "{:?}", codes());
        for (status, code) in codes() {
            let row = include_str!("../README.md")
                .lines()
                .find(|line| line.starts_with('|') && line.contains(&format!("`{code}`")));
            assert!(
                row.is_some_and(|row| row.contains(&format!("| {status} |"))),
                "{status} {code}"
            );
        }
    }
}
