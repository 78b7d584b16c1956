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

/// Many rejected lines, close together: in memory each takes little more than what stood there.
#[derive(Clone, Debug, Default)]
pub struct Rejects {
    marks: Vec<Mark>,
    /// Column and value of each, one behind the other.
    text: String,
}

/// One of them: its texts begin where those of the one before end.
#[derive(Clone, Copy, Debug)]
struct Mark {
    line: u32,
    reason: RejectReason,
    column_end: usize,
    end: usize,
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

impl Rejects {
    /// Takes one more.
    pub fn push(&mut self, reject: &Reject) {
        self.text.push_str(&reject.column);
        let column_end = self.text.len();
        self.text.push_str(&reject.value);
        let Reject { line, reason, .. } = *reject;
        self.marks.push(Mark { line, reason, column_end, end: self.text.len() });
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// All, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = Reject> {
        let mut start = 0;
        self.marks.iter().map(move |&Mark { line, reason, column_end, end }| {
            let text = |from, to| self.text.get(from..to).unwrap_or_default().to_owned();
            let (column, value) = (text(start, column_end), text(column_end, end));
            start = end;
            Reject { line, column, value, reason }
        })
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_kept_close_together_comes_out_as_it_was(
            all in prop::collection::vec((any::<u32>(), ".{0,9}", ".{0,9}"), 0..9),
        ) {
            let reject = |(line, column, value): (_, String, String)| {
                Reject::new(line, &column, &value, RejectReason::TooLong)
            };
            let all: Vec<_> = all.into_iter().map(reject).collect();
            let mut rejects = Rejects::default();
            for reject in &all {
                rejects.push(reject);
            }
            prop_assert_eq!((rejects.len(), rejects.is_empty()), (all.len(), all.is_empty()));
            prop_assert_eq!(rejects.iter().collect::<Vec<_>>(), all);
        }
    }
}
