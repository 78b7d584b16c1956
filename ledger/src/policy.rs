//! What a run may tolerate: rejected lines, and order-days that are there with other lines.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What happens to an order-day that is there already with *other* lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum OnOverlap {
    /// Nothing is loaded; the outcome shows which order-days conflict.
    #[default]
    Fail,
    /// What is there stays; the file's lines of it count as skipped.
    Skip,
    /// The newer lines take the place of the older.
    Replace,
}

/// How many lines of a file may be rejected while the rest is still published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxRejected {
    /// At most this many lines.
    Count(u64),
    /// At most this share of the lines read, 0 to 100.
    Percent(u8),
}

/// A policy that is not of its form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// None of the three words.
    #[error("{0:?} is not one of fail, skip and replace")]
    OnOverlap(String),
    /// Neither a count nor a percentage.
    #[error("{0:?} is neither a count such as 10 nor a percentage such as 2%")]
    MaxRejected(String),
}

impl OnOverlap {
    /// The word of the command line: `fail`, `skip` or `replace`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fail => "fail",
            Self::Skip => "skip",
            Self::Replace => "replace",
        }
    }
}

impl fmt::Display for OnOverlap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for OnOverlap {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        [Self::Fail, Self::Skip, Self::Replace]
            .into_iter()
            .find(|policy| policy.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| PolicyError::OnOverlap(text.into()))
    }
}

impl MaxRejected {
    /// Whether so many rejected lines of so many read are still tolerated.
    #[must_use]
    pub fn allows(self, rejected: u64, read: u64) -> bool {
        match self {
            Self::Count(count) => rejected <= count,
            Self::Percent(percent) => {
                u128::from(rejected) * 100 <= u128::from(read) * u128::from(percent)
            }
        }
    }
}

impl Default for MaxRejected {
    fn default() -> Self {
        Self::Count(0)
    }
}

impl fmt::Display for MaxRejected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(formatter, "{count}"),
            Self::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

impl FromStr for MaxRejected {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let wrong = || PolicyError::MaxRejected(text.into());
        match text.strip_suffix('%') {
            Some(percent) => match percent.parse() {
                Ok(percent @ 0..=100) => Ok(Self::Percent(percent)),
                _ => Err(wrong()),
            },
            None => text.parse().map(Self::Count).map_err(|_| wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_read_as_they_are_shown() {
        for text in ["fail", "skip", "replace"] {
            assert_eq!(text.parse::<OnOverlap>().unwrap().to_string(), text);
        }
        for text in ["0", "17", "0%", "100%"] {
            assert_eq!(text.parse::<MaxRejected>().unwrap().to_string(), text);
        }
        for text in ["", "-1", "101%", "%", "5 %", "1.5", "all"] {
            assert!(text.parse::<MaxRejected>().is_err(), "{text}");
        }
        assert!("merge".parse::<OnOverlap>().is_err());
    }

    #[test]
    fn a_percentage_is_of_the_lines_read() {
        assert!(MaxRejected::Percent(1).allows(1, 100));
        assert!(!MaxRejected::Percent(1).allows(1, 99));
        assert!(MaxRejected::Count(2).allows(2, 2));
        assert!(!MaxRejected::Count(0).allows(1, 1_000_000));
        assert!(MaxRejected::Percent(0).allows(0, 0));
    }
}
