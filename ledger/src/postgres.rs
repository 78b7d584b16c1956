//! All SQL: what the importer writes, what the API reads.
//!
//! In come words of the ledger, out go outcomes and figures; nothing outside this module and
//! `migrations/` holds SQL. Who may write which dataset is decided by the database, in the
//! functions that `migrations/` defines; this module only calls them.

mod connect;
mod error;
mod load;
mod maintain;
mod migrate;
mod read;
mod run;

pub use connect::{DatabaseUrl, PoolSettings};
pub use error::LedgerError;
pub use load::{Load, Totals};
pub use maintain::{Reverted, SkippedBy};
pub use read::{
    DailyRevenue, ImportFilter, ImportedFile, ListedReject, Page, RevenueFigures, Version,
};
pub use run::{Begun, OpenRun, Refusal, RunRequest};

/// The tables of Takings in one PostgreSQL database.
#[derive(Clone, Debug)]
pub struct Ledger {
    pool: sqlx::PgPool,
}
