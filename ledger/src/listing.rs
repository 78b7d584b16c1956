//! What `takings-importer list` says: the whole contract between it and the operator, as
//! [`Outcome`](crate::Outcome) is that of a run.
//!
//! One JSON document of at most [`MAX_BYTES`](crate::outcome::MAX_BYTES), to the container's
//! termination message and to standard output. What does not fit is counted in `more` and told by
//! the next listing, once what this one tells is known.

use serde::{Deserialize, Serialize};

use crate::outcome::{Reason, RunResult};

/// How a listing ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result")]
pub enum ListOutcome {
    /// Files were looked for, and these were found.
    Listed(Listing),
    /// Something failed that may succeed when tried again.
    Fault(NotListed),
    /// It can't be listed as it is asked for.
    Refused(NotListed),
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Listing {
    /// New files, in the order of their names' bytes.
    pub files: Vec<ListedFile>,
    /// How many more new files there are, for which there was no room.
    pub more: u64,
    /// New files that were changed too short a time ago to be told.
    pub young: u64,
    /// Names that fit and are no files, lead elsewhere, or can't be written.
    pub unusable: u64,
    /// Ids that are known and not there any more: as many as there was room for.
    pub gone: Vec<String>,
}

/// One version of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ListedFile {
    /// id: 16 hexadecimal digits of a digest of where the file is and which version of it.
    pub id: String,
    /// name: the object's key, or the path beneath the volume's root.
    pub name: String,
    /// bytes: its size.
    pub bytes: u64,
    /// version: its ETag, or a file's size and time.
    pub version: String,
}

/// Why nothing was listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NotListed {
    /// In one word for programs.
    pub reason: Reason,
    /// In a full sentence for people.
    pub message: String,
}

impl ListOutcome {
    /// 0: listed. 1: a fault worth a retry. 2: it can't be listed.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Listed(_) => 0,
            Self::Fault(_) => RunResult::Fault.exit_code(),
            Self::Refused(_) => RunResult::Refused.exit_code(),
        }
    }

    /// The document, one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
