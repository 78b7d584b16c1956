//! All SQL: what the importer writes, what the API reads.
//!
//! In come words of the ledger, out go outcomes and figures; nothing outside this module and
//! `migrations/` holds SQL. Who may write which dataset is decided by the database, in the
//! functions that `migrations/` defines; this module only calls them.

mod block_set;
mod boot;
mod chunk;
mod claim;
mod compare;
mod connect;
mod copy;
mod dry_run;
mod error;
mod figures;
mod load;
mod maintain;
mod marks;
mod migrate;
mod names;
mod no_delay;
mod publish;
mod read;
mod read_blocks;
mod replicas;
mod run;
mod set_block;
mod spool;
mod verify;

pub use boot::BootTime;
pub use chunk::Chunk;
pub use claim::{Claim, Claimed};
pub use connect::{DatabaseUrl, PoolSettings};
pub use dry_run::DryRun;
pub use error::LedgerError;
pub use load::{Load, LoadedChunk};
pub use maintain::{Maintained, Retention, Reverted, SkippedBy};
pub use names::Names;
pub use read::{
    DailyRevenue, DatasetFigures, DatasetState, Datasets, ImportFilter, ImportedFile, ListedReject,
    OrderDayPair, Page, RevenueFigures, Version,
};
pub use replicas::{LEASE, PACE, Registration};
pub use run::{Begun, OpenRun, Refusal, RunRequest, Totals};
pub use verify::Verified;

/// The tables of Takings in one PostgreSQL database.
#[derive(Clone, Debug)]
pub struct Ledger {
    pool: sqlx::PgPool,
}
