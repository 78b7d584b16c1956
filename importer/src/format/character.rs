//! The two characters that have a meaning of their own: what separates fields, and what begins a
//! comment.

use std::{fmt, str::FromStr};

use super::FormatError;

/// What separates fields: one ASCII character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiter(u8);

/// What begins a comment, where it is the first character of a line: one ASCII character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comment(u8);

impl Delimiter {
    /// Those that are looked for in a header where none is declared.
    pub const COMMON: [Self; 4] = [Self(b','), Self(b';'), Self(b'\t'), Self(b'|')];

    /// The character.
    #[must_use]
    pub fn byte(self) -> u8 {
        self.0
    }
}

impl Default for Delimiter {
    fn default() -> Self {
        Self(b',')
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\t' => formatter.write_str("tab"),
            byte => write!(formatter, "{}", char::from(byte)),
        }
    }
}

impl FromStr for Delimiter {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text.as_bytes() {
            b"tab" | b"\\t" | b"\t" => Ok(Self(b'\t')),
            [byte @ (b' '..=b'~')] if !byte.is_ascii_alphanumeric() && !b"\".-".contains(byte) => {
                Ok(Self(*byte))
            }
            _ => Err(FormatError::Delimiter(text.into())),
        }
    }
}

impl Comment {
    /// The character.
    #[must_use]
    pub fn byte(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Comment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", char::from(self.0))
    }
}

impl FromStr for Comment {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text.as_bytes() {
            // A line of sales may begin with any other.
            [byte] if byte.is_ascii_punctuation() && !b"\".,-+_".contains(byte) => Ok(Self(*byte)),
            _ => Err(FormatError::Comment(text.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_are_one_character_that_can_not_be_part_of_a_number() {
        for (text, byte) in [(",", b','), (";", b';'), ("|", b'|'), ("tab", b'\t'), ("\\t", b'\t')]
        {
            assert_eq!(text.parse::<Delimiter>().unwrap().byte(), byte);
        }
        for text in ["", ",,", "\"", "\n", "é", "7", "a", ".", "-"] {
            assert!(text.parse::<Delimiter>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn comments_begin_with_a_character_that_no_sale_begins_with() {
        for text in ["#", "%", ";", "/"] {
            assert_eq!(text.parse::<Comment>().unwrap().to_string(), text);
        }
        for text in ["", "##", "\"", "-", "+", ".", "7", "a", " ", "\t", "\n", "é"] {
            assert!(text.parse::<Comment>().is_err(), "{text:?}");
        }
    }
}
