//! Why a load ended without an outcome of the ledger's: the one error of the pipeline.
//!
//! Each stage fails with its own error; here stands what that means for the run: the reason for
//! programs, and whether a retry may help.

use std::io;

use ledger::{outcome::Reason, postgres::LedgerError};

use crate::{
    decompress::DecompressError, encoding::EncodingError, header::HeaderError, parse::ParseError,
    source::SourceError, survey::DateOrderError,
};

/// A load that did not end in the ledger.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The source can't or may not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The file can't be unpacked.
    #[error(transparent)]
    Decompress(#[from] DecompressError),
    /// The file is not encoded as it was declared.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// The file is not CSV.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The file is not a sales file.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The order of its dates can't be found.
    #[error(transparent)]
    DateOrder(#[from] DateOrderError),
    /// More lines can't be sales than the run tolerates.
    #[error(
        "{rejected} of {read} lines can't be sales, and at most {allowed} may be rejected \
         (maxRejected); nothing was loaded. Correct the lines, or allow more."
    )]
    TooManyRejected {
        /// How many lines were rejected.
        rejected: u64,
        /// How many were read.
        read: u64,
        /// What the run tolerates.
        allowed: ledger::MaxRejected,
    },
    /// The ledger can't be reached or does not take it.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Part of the file was loaded by an earlier try, and is another now, or read in another way.
    #[error(
        "The file, or how it is to be read, has changed since an earlier try of this run; what that \
         had loaded is given up. Started again, the run loads the file as it is now."
    )]
    SourceChanged,
    /// A signal or a shutdown.
    #[error(
        "The load was stopped from outside before its end was known. Start it again with the same \
         import and run."
    )]
    Stopped,
    /// A defect of this program.
    #[error("The program met something that it did not expect: {0}. Please report this.")]
    Internal(String),
}

impl LoadError {
    /// The reason that stands in the outcome.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Source(error) => error.reason(),
            Self::DateOrder(DateOrderError::ReadOnce) => Reason::InvalidArgument,
            Self::Decompress(_)
            | Self::Encoding(_)
            | Self::Parse(_)
            | Self::DateOrder(_)
            | Self::Header(HeaderError::Empty) => Reason::InvalidFile,
            Self::Header(_) => Reason::InvalidHeader,
            Self::TooManyRejected { .. } => Reason::TooManyRejected,
            Self::Ledger(error) => error.reason(),
            Self::SourceChanged => Reason::SourceChanged,
            Self::Stopped => Reason::Stopped,
            Self::Internal(_) => Reason::Internal,
        }
    }

    /// Whether the same run may end otherwise when it is tried again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Source(error) => error.is_retryable(),
            Self::Ledger(error) => error.is_retryable(),
            Self::SourceChanged | Self::Stopped | Self::Internal(_) => true,
            Self::Decompress(_)
            | Self::Encoding(_)
            | Self::Parse(_)
            | Self::Header(_)
            | Self::DateOrder(_)
            | Self::TooManyRejected { .. } => false,
        }
    }
}

/// What a stage said through `io::Read` comes out again; anything else is the source's.
impl From<io::Error> for LoadError {
    fn from(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(|error| SourceError::Broken(error).into())
    }
}
