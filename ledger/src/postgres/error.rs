//! What can go wrong between a program and its database, by what to do about it.

use std::path::PathBuf;

use crate::{
    order_days::BlockError,
    outcome::{Conflict, Reason},
};

/// A failed call to the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// No connection string at all.
    #[error(
        "No database is set: give DATABASE_URL, or DATABASE_URL_FILE with a file that holds it."
    )]
    MissingUrl,
    /// A connection string that can't be read. It is not quoted: it may hold a password.
    #[error(
        "The database URL is not of the form postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full."
    )]
    InvalidUrl,
    /// The file that should hold the connection string.
    #[error("The file {} that should hold the database URL can't be read: {source}.", path.display())]
    UnreadableUrlFile {
        /// Where it was looked for.
        path: PathBuf,
        /// Why it can't be read.
        source: std::io::Error,
    },
    /// The temporary file of a dry run.
    #[error(
        "The dry run's temporary file can't be used: {0}. It lies in the folder that TMPDIR names \
         (else /tmp) and takes about 30 bytes for each order of a day."
    )]
    Spool(#[source] std::io::Error),
    /// The database did not answer, broke off, or is full: worth a retry.
    #[error("The database is not available: {}.", why(.0))]
    Unavailable(#[source] sqlx::Error),
    /// The database holds no ledger.
    #[error(
        "The database holds no ledger yet: run \"takings-importer migrate\" with the owner's URL."
    )]
    SchemaMissing,
    /// The database's schema is older or newer than this program knows.
    #[error("The ledger's schema is version {found}, this program knows {oldest} to {newest}: {}.",
        if found < oldest { "run \"takings-importer migrate\"" } else { "use a newer program" })]
    SchemaMismatch {
        /// What the database has.
        found: i64,
        /// The oldest schema this program works with.
        oldest: i64,
        /// The newest.
        newest: i64,
    },
    /// The role may not do this.
    #[error("{0}")]
    NotGranted(String),
    /// No such role.
    #[error(
        "The database role {0} does not exist: make it first, such as with CREATE ROLE \"{0}\" LOGIN PASSWORD '…'."
    )]
    UnknownRole(String),
    /// A newer run of the import has begun.
    #[error("{0}")]
    Superseded(String),
    /// The run has ended already.
    #[error("The run has ended already.")]
    Ended,
    /// Order-days are there with other lines.
    #[error("{message}")]
    Overlap {
        /// The sentence for the user.
        message: String,
        /// The first of them.
        conflicts: Vec<Conflict>,
        /// Lines that are there already.
        lines_skipped: u64,
    },
    /// The dataset holds another currency.
    #[error("{0}")]
    CurrencyMismatch(String),
    /// The import has no load that could be reverted.
    #[error("{0}")]
    NothingToRevert(String),
    /// The same content was published by another run meanwhile.
    #[error("The same content is there already.")]
    AlreadyLoaded,
    /// Other loads are live now than those that were compared with.
    #[error("Other loads of the dataset are published or reverted all the time.")]
    LoadsChanged,
    /// Something that this program does not expect of a database.
    #[error("The database refused a statement: {0}.")]
    Unexpected(#[source] sqlx::Error),
    /// A value in the database that this program can't read.
    #[error("The database answered with something unreadable: {0}.")]
    Unreadable(String),
    /// Migrating failed.
    #[error("The migration failed: {0}.")]
    Migrate(#[source] sqlx::migrate::MigrateError),
}

impl LedgerError {
    /// Whether the same call may succeed later without anybody changing the input.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        !matches!(
            self,
            Self::InvalidUrl
                | Self::NotGranted(_)
                | Self::Superseded(_)
                | Self::Overlap { .. }
                | Self::CurrencyMismatch(_)
                | Self::NothingToRevert(_)
        )
    }

    /// Whether somebody else has written the very same row.
    pub(super) fn is_unique_violation(&self) -> bool {
        let Self::Unexpected(error) = self else { return false };
        error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
    }

    /// The reason that stands in an outcome.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::InvalidUrl | Self::MissingUrl | Self::NothingToRevert(_) => {
                Reason::InvalidArgument
            }
            Self::UnreadableUrlFile { .. } | Self::Unavailable(_) => Reason::DatabaseUnavailable,
            Self::SchemaMissing | Self::SchemaMismatch { .. } => Reason::SchemaMismatch,
            Self::NotGranted(_) => Reason::DatasetNotGranted,
            Self::Superseded(_) => Reason::RunSuperseded,
            Self::Overlap { .. } => Reason::Overlap,
            Self::CurrencyMismatch(_) => Reason::CurrencyMismatch,
            _ => Reason::Internal,
        }
    }
}

impl From<sqlx::Error> for LedgerError {
    fn from(error: sqlx::Error) -> Self {
        let Some(database) = error.as_database_error() else {
            return Self::without_answer(error);
        };
        let message = database.message().to_owned();
        match database.code().as_deref().unwrap_or_default() {
            "TK001" | "42501" => Self::NotGranted(message),
            "TK002" => Self::Superseded(message),
            "TK003" => Self::Ended,
            "TK005" => Self::CurrencyMismatch(message),
            "TK006" => Self::NothingToRevert(message),
            "TK007" => Self::AlreadyLoaded,
            "TK008" => Self::LoadsChanged,
            "3F000" | "42P01" | "42883" => Self::SchemaMissing,
            code if is_passing(code) => Self::Unavailable(error),
            _ => Self::Unexpected(error),
        }
    }
}

impl LedgerError {
    fn without_answer(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                Self::Unreadable(error.to_string())
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            _ => Self::Unexpected(error),
        }
    }
}

impl From<BlockError> for LedgerError {
    fn from(error: BlockError) -> Self {
        Self::Unreadable(error.to_string())
    }
}

/// What the driver says, in words for who does not know of pools.
fn why(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::PoolTimedOut => "it gave no connection in time".into(),
        sqlx::Error::PoolClosed => "this program is closing".into(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Database(error) => error.message().into(),
        other => other.to_string(),
    }
}

/// SQLSTATEs that pass by themselves or by an operator's hand
/// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>): connection (08), login
/// (28), no such database (3D), serialization and deadlock (40), resources (53), cancelled and
/// shut down (57), system error (58), read only after a failover (25006).
fn is_passing(code: &str) -> bool {
    code == "25006"
        || ["08", "28", "3D", "40", "53", "57", "58"].iter().any(|class| code.starts_with(class))
}
