//! Cursors: where the next page of a list begins. Clients hand them back as they are.

use std::{fmt, str::FromStr};

/// Where the next page of a list begins: after the row with this key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor(pub(crate) i64);

/// Marks the form of the key, so that it can change.
const VERSION: &str = "1-";

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{VERSION}{:x}", self.0)
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = text.strip_prefix(VERSION).ok_or(())?;
        match i64::from_str_radix(digits, 16) {
            Ok(key @ 0..) if !digits.starts_with('+') => Ok(Self(key)),
            _ => Err(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_shown_and_nothing_else_is_one() {
        for key in [0, 7, i64::MAX] {
            assert_eq!(Cursor(key).to_string().parse(), Ok(Cursor(key)));
        }
        for text in ["", "7", "1-", "1--7", "1-+7", "1-zz", "2-7", "1-ffffffffffffffff"] {
            assert_eq!(text.parse::<Cursor>(), Err(()), "{text}");
        }
    }
}
