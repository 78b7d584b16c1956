//! The importer: one sales file into the ledger, exactly once.
//!
//! ```text
//!           a thread that may block                       a task
//! ┌───────────────────────────────────────────┐   ┌──────────────────────┐
//! │ source ─> decompress ─> digest ─> parse ─> │ 2 │                      │
//! │           (gzip)        (SHA-256)  (csv)   │──>│ load ─────> publish  │──> Outcome
//! │                          header, validate  │   │ (COPY in one         │
//! └───────────────────────────────────────────┘   │  transaction)        │
//!   a file is read twice: the digest comes first,  └──────────────────────┘
//!   so that what is there already is not loaded
//! ```
//!
//! In come a request, a source and a ledger; out comes an [`Outcome`](ledger::Outcome), always.
//! Each stage is one module. Up to the channel nothing knows of the database; behind it nothing
//! knows of the file. A run that has ended is looked up before its source is opened, so a load
//! may be started again whenever nobody knows how it ended.
//!
//! **Memory is bounded, whatever the file.** At most five chunks exist at once (one being made,
//! two waiting, one being sent, one in the encoder), each of at most 8,000 lines and about 2 MiB
//! of text; a record is at most 1 MiB; 10,000 rejected lines are kept. A hundred thousand lines
//! and a million take the same few tens of MiB.
//!
//! What is bad in a file is the user's to see: a line that can't be a sale is rejected with its
//! number, column, value and reason; a file that is no sales file is refused with a sentence.
//! Nothing is guessed: not the order of a date's numbers, not the delimiter, not an encoding.

pub mod cli;
pub mod decompress;
pub mod encoding;
pub mod error;
pub mod format;
pub mod header;
pub mod parse;
pub mod source;

mod date;
mod digest;
mod failpoint;
mod opening;
mod pipeline;
mod quotes;
mod read;
mod survey;
mod tally;
mod validate;

pub use decompress::Limits;
pub use format::Format;
pub use pipeline::{LoadRequest, load};
pub use source::{HttpSettings, NetworkRules, Source};
