//! A line that can't be a sale, and why.

use serde::{Deserialize, Serialize};

/// Longest value kept of a rejected field, in bytes.
pub const MAX_VALUE_BYTES: usize = 200;

/// One rejected line: where it is, what stood there, why it is no sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Reject {
    /// The physical line on which the record starts; the header is line 1.
    pub line: u32,
    /// The column at fault by its name in the file's header; empty where it is the whole line.
    pub column: String,
    /// What stood there, cut at [`MAX_VALUE_BYTES`].
    pub value: String,
    /// Why it can't be a sale.
    pub reason: RejectReason,
}

/// Why a line can't be a sale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum RejectReason {
    /// A required field is empty.
    Missing,
    /// Not a date, or not one of the declared order.
    InvalidDate,
    /// Not a plain decimal number.
    InvalidNumber,
    /// A number with more than 9 decimals.
    TooPrecise,
    /// A number of 10¹⁵ or more.
    TooLarge,
    /// Fewer or more fields than the header has.
    WrongFieldCount,
    /// Bytes that are not UTF-8.
    InvalidUtf8,
    /// A NUL character, which PostgreSQL can't hold.
    NulCharacter,
    /// A text field of more than 4 KiB.
    TooLong,
    /// A reason that this program's version does not know.
    #[serde(other)]
    Other,
}

impl Reject {
    /// A reject whose value is cut to [`MAX_VALUE_BYTES`] at a character's edge.
    #[must_use]
    pub fn new(line: u32, column: &str, value: &str, reason: RejectReason) -> Self {
        let end = value.floor_char_boundary(MAX_VALUE_BYTES);
        Self { line, column: column.into(), value: value[..end].replace('\0', "\u{fffd}"), reason }
    }
}

impl RejectReason {
    /// The word that stands in the ledger, the status and the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "Missing",
            Self::InvalidDate => "InvalidDate",
            Self::InvalidNumber => "InvalidNumber",
            Self::TooPrecise => "TooPrecise",
            Self::TooLarge => "TooLarge",
            Self::WrongFieldCount => "WrongFieldCount",
            Self::InvalidUtf8 => "InvalidUtf8",
            Self::NulCharacter => "NulCharacter",
            Self::TooLong => "TooLong",
            Self::Other => "Other",
        }
    }
}
