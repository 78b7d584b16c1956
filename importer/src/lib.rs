//! The importer: one sales file into the ledger, exactly once.
//!
//! ```text
//!       a thread that may block                  writers, two of them
//! ┌──────────────────────────────────┐   ┌─────────────────────────────────┐
//! │ source ─> decompress ─> SHA-256  │   │ split ─> validate ─> encode ─>  │
//! │ ─> open (decode, find delimiter) │──>│ write: a transaction a chunk    │──> compare,
//! │ ─> cut into pieces               │   └─────────────────────────────────┘    publish ──> Outcome
//! └──────────────────────────────────┘
//! ```
//!
//! In come a request, a source and a ledger; out comes an [`Outcome`](ledger::Outcome), always.
//! Each stage is one module. A run that has ended is looked up before its source is opened, and
//! chunks that an earlier try has loaded are not loaded again, so a load may be started again
//! whenever nobody knows how it ended. A file of a size that a live load has is hashed first: what
//! is there already is not loaded. One whose dates are to tell their order is read first, too. A
//! file that another import is loading is waited for.
//!
//! **Memory is bounded, whatever the file.** At most one piece is being cut, one waits, and each
//! writer has one with what became of it; a piece has 4 MiB, or more where a record is longer,
//! which has at most 1 MiB; 10,000 rejected lines are kept of a file that is refused.
//!
//! What is bad in a file is the user's to see: a line that can't be a sale is rejected with its
//! number, column, value and reason; a file that is no sales file is refused with a sentence.
//! Nothing is guessed: what the format leaves open is what the file proves, or the file is refused.

pub mod cli;
pub mod decompress;
pub mod encoding;
pub mod error;
pub mod format;
pub mod header;
pub mod list;
pub mod parse;
pub mod progress;
pub mod source;

mod claim;
mod cut;
mod date;
mod digest;
mod dry_run;
mod failpoint;
mod field_ends;
#[cfg(test)]
mod fuzz;
mod opening;
mod pipeline;
mod read;
mod sink;
mod survey;
mod tally;
mod validate;
mod write;

pub use decompress::Limits;
pub use format::Format;
pub use list::{ListRequest, list};
pub use pipeline::{CHUNK_BYTES, CLAIM_TIMEOUT, CONNECTIONS, LoadRequest, load};
pub use progress::Progress;
pub use source::{HttpSettings, NetworkRules, Source};
