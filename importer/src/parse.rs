//! Whole records in, their fields with their physical line numbers out.
//!
//! The rules are those of the `csv` project, byte for byte (a test compares the two): a quote
//! opens a field at its very beginning only, two of them within are one, what follows the closing
//! one belongs to the field; LF, CRLF and a lone CR end a record. What that leaves to its caller
//! is done here: lines are counted, blank lines and comments skipped, a record is bounded, and a
//! quote that is never closed is an error rather than one long field. So is one that closes a
//! field of several lines with text behind it: `"a,1↵2,"b"` would be one field, and the sales
//! within it lost without a word.

use memchr::{memchr, memchr2, memchr2_iter};

use crate::{
    field_ends::FieldEnds,
    format::{Comment, Format},
};

/// Longest record, in bytes of the file.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;
/// Line numbers are PostgreSQL integers.
pub(crate) const MAX_LINES: u32 = i32::MAX as u32;

/// A file that is not CSV, from some line on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// A record of more than [`MAX_RECORD_BYTES`].
    #[error(
        "The record that starts on line {line} is longer than 1 MiB: a quote (\") on this line \
         is probably never closed. Correct the file and load it again."
    )]
    RecordTooLong {
        /// Where the record starts.
        line: u32,
    },
    /// The file ends within quotes.
    #[error(
        "The file ends within a quoted field: the record that starts on line {line} has a quote \
         (\") that is never closed. Was the file cut off? Correct it and load it again."
    )]
    UnclosedQuote {
        /// Where the record starts.
        line: u32,
    },
    /// A quoted field that leaves a doubt where it ends.
    #[error(
        "The record that starts on line {line} has a quoted field of several lines with text \
         behind its closing quote: a quote (\") on this line is probably never closed, or one \
         within the field not doubled, and where the record ends can't be known. Correct the file \
         and load it again."
    )]
    DoubtfulQuote {
        /// Where the record starts.
        line: u32,
    },
    /// More lines than can be numbered.
    #[error("The file has more than 2,147,483,647 lines: split it between two days.")]
    TooManyLines,
}

impl ParseError {
    /// From which line on the file is no CSV.
    pub(crate) fn line(self) -> u32 {
        match self {
            Self::RecordTooLong { line }
            | Self::UnclosedQuote { line }
            | Self::DoubtfulQuote { line } => line,
            Self::TooManyLines => MAX_LINES,
        }
    }
}

/// The records of a text, one after the other.
#[derive(Debug)]
pub struct Records<'a> {
    text: &'a [u8],
    /// The same, where all of it is UTF-8: then no field need be checked.
    valid: Option<&'a str>,
    has_nul: bool,
    position: usize,
    /// The physical line on which the next byte stands.
    line: u32,
    delimiter: u8,
    comment: Option<u8>,
    field_ends: FieldEnds,
    fields: Vec<Field>,
    /// Fields that do not stand in the text as they are.
    unquoted: Vec<u8>,
}

/// Where a field lies: in the text, or among the unquoted ones.
#[derive(Clone, Copy, Debug)]
struct Field {
    start: usize,
    end: usize,
    is_unquoted: bool,
}

/// One record, borrowed from the reader.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    line: u32,
    text: &'a [u8],
    valid: Option<&'a str>,
    has_nul: bool,
    unquoted: &'a [u8],
    fields: &'a [Field],
}

impl<'a> Record<'a> {
    /// The physical line on which it starts.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }

    /// How many fields it has: at least one.
    #[must_use]
    pub fn width(&self) -> usize {
        self.fields.len()
    }

    /// A field without its quotes; empty where there is none.
    #[inline]
    #[must_use]
    pub fn field(&self, index: usize) -> &'a [u8] {
        let Some(field) = self.fields.get(index) else { return &[] };
        let of = if field.is_unquoted { self.unquoted } else { self.text };
        of.get(field.start..field.end).unwrap_or_default()
    }

    /// Whether a NUL may stand in it: where none is in the text, no field need be searched.
    #[must_use]
    pub fn may_have_nul(&self) -> bool {
        self.has_nul
    }

    /// The same as text; `None` where it is not UTF-8.
    #[inline]
    #[must_use]
    pub fn text(&self, index: usize) -> Option<&'a str> {
        match (self.fields.get(index), self.valid) {
            (Some(field), Some(text)) if !field.is_unquoted => text.get(field.start..field.end),
            _ => std::str::from_utf8(self.field(index)).ok(),
        }
    }
}

impl<'a> Records<'a> {
    /// Of a text without a byte order mark, whose first byte stands on a physical line, read with
    /// the delimiter and the comments of a format.
    #[must_use]
    pub fn new(text: &'a [u8], line: u32, format: &Format) -> Self {
        let delimiter = format.delimiter.unwrap_or_default().byte();
        Self {
            text,
            valid: std::str::from_utf8(text).ok(),
            has_nul: memchr(0, text).is_some(),
            position: 0,
            line,
            delimiter,
            comment: format.comment.map(Comment::byte),
            field_ends: FieldEnds::new(delimiter),
            fields: Vec::new(),
            unquoted: Vec::new(),
        }
    }

    /// The next record; `None` at the end.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, ParseError> {
        let line = loop {
            self.skip_line_ends();
            if self.position >= self.text.len() {
                return Ok(None);
            }
            let (start, line) = (self.position, self.line);
            let split = self.split(line);
            // First, since a longer record is not read to its end wherever the file is cut.
            if self.position - start > MAX_RECORD_BYTES {
                return Err(ParseError::RecordTooLong { line });
            }
            split?;
            // Nothing but white space is no record of ours, which has several fields.
            let record = self.record(line);
            if record.width() > 1 || !record.field(0).trim_ascii().is_empty() {
                break line;
            }
        };
        Ok(Some(self.record(line)))
    }

    #[inline]
    fn record(&self, line: u32) -> Record<'_> {
        let Self { text, valid, has_nul, unquoted, fields, .. } = self;
        Record { line, text, valid: *valid, has_nul: *has_nul, unquoted, fields }
    }

    /// Where the next record is looked for.
    #[must_use]
    pub fn position(&self) -> (usize, u32) {
        (self.position, self.line)
    }

    /// Whether the text ends here, or the last record goes to its very end.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.position >= self.text.len()
    }

    /// Skips line ends and comments between records.
    fn skip_line_ends(&mut self) {
        while let Some(&byte) = self.text.get(self.position) {
            if Some(byte) == self.comment {
                let rest = &self.text[self.position..];
                self.position += memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
            } else if matches!(byte, b'\r' | b'\n') {
                self.position += line_end_length(&self.text[self.position..]);
                self.line += 1;
            } else {
                return;
            }
        }
    }

    /// Splits one record; leaves the position at its line end.
    fn split(&mut self, line: u32) -> Result<(), ParseError> {
        self.fields.clear();
        self.unquoted.clear();
        loop {
            if self.text.get(self.position) == Some(&b'"') {
                let field = self.quoted(line)?;
                self.fields.push(field);
            } else {
                self.plain();
            }
            if self.text.get(self.position) != Some(&self.delimiter) {
                return Ok(());
            }
            self.position += 1;
        }
    }

    /// Fields side by side that do not begin with a quote: quotes in them are characters.
    fn plain(&mut self) {
        let (mut start, fields) = (self.position, &mut self.fields);
        self.position = self.field_ends.plain(self.text, start, |end| {
            fields.push(Field { start, end, is_unquoted: false });
            start = end + 1;
        });
    }

    /// A field that begins with a quote.
    fn quoted(&mut self, line: u32) -> Result<Field, ParseError> {
        let open = self.position + 1;
        let Some(close) = self.closing_quote(open) else {
            self.position = self.text.len();
            return Err(ParseError::UnclosedQuote { line });
        };
        let inner = &self.text[open..close];
        let line_ends = count_line_ends(inner);
        self.line += line_ends;
        self.position = self.field_ends.first(self.text, close + 1);
        let tail = &self.text[close + 1..self.position];
        if !tail.is_empty() && line_ends > 0 {
            return Err(ParseError::DoubtfulQuote { line });
        }
        if tail.is_empty() && memchr(b'"', inner).is_none() {
            return Ok(Field { start: open, end: close, is_unquoted: false });
        }
        let start = self.unquoted.len();
        let mut rest = inner;
        while let Some(quote) = memchr(b'"', rest) {
            self.unquoted.extend_from_slice(&rest[..=quote]);
            // The second of the two.
            rest = &rest[quote + 2..];
        }
        self.unquoted.extend_from_slice(rest);
        self.unquoted.extend_from_slice(tail);
        Ok(Field { start, end: self.unquoted.len(), is_unquoted: true })
    }

    fn closing_quote(&self, open: usize) -> Option<usize> {
        let mut from = open;
        loop {
            let quote = from + memchr(b'"', self.text.get(from..)?)?;
            if self.text.get(quote + 1) != Some(&b'"') {
                return Some(quote);
            }
            from = quote + 2;
        }
    }
}

/// Of the line end with which a text begins.
fn line_end_length(text: &[u8]) -> usize {
    if text.starts_with(b"\r\n") { 2 } else { 1 }
}

/// What is left of a text behind so many line ends, LF, CRLF or lone CR, as its first byte.
pub(crate) fn behind_lines(text: &[u8], lines: u32) -> usize {
    let mut start = 0;
    for _ in 0..lines {
        let rest = &text[start..];
        let Some(end) = memchr2(b'\r', b'\n', rest) else { return text.len() };
        start += end + line_end_length(&rest[end..]);
    }
    start
}

/// LF, CRLF and lone CR in a text.
pub(crate) fn count_line_ends(text: &[u8]) -> u32 {
    let counts = |at: usize| text[at] == b'\n' || text.get(at + 1) != Some(&b'\n');
    let count = memchr2_iter(b'\r', b'\n', text).filter(|&at| counts(at)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
