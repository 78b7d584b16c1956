//! The importer: one sales file into the ledger, exactly once.
//!
//! ```text
//!       a thread that may block                  writers, two of them
//! ┌──────────────────────────────────┐   ┌─────────────────────────────────┐
//! │ source ─> decompress ─> cut into │   │ split ─> validate ─> encode ─>  │
//! │                         pieces,  │──>│ write: a transaction a chunk    │──> compare,
//! │                         SHA-256  │   └─────────────────────────────────┘    publish ──> Outcome
//! └──────────────────────────────────┘
//! ```
//!
//! In come a request, a source and a ledger; out comes an [`Outcome`](ledger::Outcome), always.
//! Each stage is one module. A run that has ended is looked up before its source is opened, and
//! chunks that an earlier try has loaded are not loaded again, so a load may be started again
//! whenever nobody knows how it ended. A file of a size that a live load has is hashed first: what
//! is there already is not loaded.
//!
//! **Memory is bounded, whatever the file.** At most one piece is being cut, one waits, and each
//! writer has one with what became of it; a piece has 4 MiB, or more where a record is longer,
//! which has at most 1 MiB; 10,000 rejected lines are kept of a file that is refused.
//!
//! What is bad in a file is the user's to see: a line that can't be a sale is rejected with its
//! number, column, value and reason; a file that is no sales file is refused with a sentence.
//! Nothing is guessed: not the order of a date's numbers, not the delimiter, not an encoding.

pub mod cli;
pub mod decompress;
pub mod error;
pub mod format;
pub mod header;
pub mod parse;
pub mod source;

mod cut;
mod date;
mod digest;
mod failpoint;
mod pipeline;
mod read;
mod tally;
mod validate;
mod write;

pub use decompress::Limits;
pub use format::Format;
pub use pipeline::{CHUNK_BYTES, CONNECTIONS, LoadRequest, load};
pub use source::{HttpSettings, NetworkRules, Source};
