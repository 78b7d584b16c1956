//! Bytes in, records with their physical line numbers out.
//!
//! The `csv` project's splitter decides where fields and records end. What it leaves to its
//! caller is done here: lines are counted, blank lines skipped, a record is bounded, and a quote
//! that is never closed is an error rather than one long field.

use std::io::Read;

use csv_core::ReadRecordResult;

use crate::{
    error::LoadError,
    format::{Comment, Delimiter},
    quotes::Quotes,
};

/// Longest record, in bytes of the file.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;
/// Line numbers are PostgreSQL integers.
const MAX_LINES: u32 = i32::MAX as u32;
const BUFFER_BYTES: usize = 256 * 1024;

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

/// Reads the records of a CSV text, one at a time.
#[derive(Debug)]
pub struct Records<R> {
    reader: R,
    splitter: csv_core::Reader,
    buffer: Box<[u8]>,
    unread: std::ops::Range<usize>,
    comment: Option<u8>,
    quotes: Quotes,
    /// The physical line on which the next byte stands.
    line: u32,
    /// The last byte was a CR: an LF now belongs to the same line end.
    after_cr: bool,
    fields: Vec<u8>,
    ends: Vec<usize>,
}

/// One record, borrowed from the reader.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    line: u32,
    fields: &'a [u8],
    ends: &'a [usize],
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
        self.ends.len()
    }

    /// The bytes of all fields together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.fields.len()
    }

    /// A field without its quotes; empty where there is none.
    #[must_use]
    pub fn field(&self, index: usize) -> &'a [u8] {
        let start = index.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        match (start, self.ends.get(index)) {
            (Some(start), Some(&end)) => self.fields.get(start..end).unwrap_or_default(),
            _ => &[],
        }
    }
}

impl<R: Read> Records<R> {
    /// Starts at the first character of a text.
    #[must_use]
    pub fn new(reader: R, delimiter: Delimiter) -> Self {
        Self {
            reader,
            splitter: csv_core::ReaderBuilder::new().delimiter(delimiter.byte()).build(),
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            unread: 0..0,
            comment: None,
            quotes: Quotes::new(delimiter.byte()),
            line: 1,
            after_cr: false,
            fields: vec![0; 4 * 1024],
            ends: vec![0; 64],
        }
    }

    /// From here on a line whose first character begins a comment is none.
    pub fn comments(&mut self, comment: Option<Comment>) {
        self.comment = comment.map(Comment::byte);
    }

    /// Passes over so many lines, whatever they hold.
    pub fn skip_lines(&mut self, count: u32) -> Result<(), LoadError> {
        let first = self.line.saturating_add(count);
        while self.line < first {
            if self.unread.is_empty() && !self.fill()? {
                break;
            }
            let unread = &self.buffer[self.unread.clone()];
            let end = memchr::memchr2(b'\r', b'\n', unread).map(|end| end + 1);
            self.consume(end.unwrap_or(unread.len()))?;
        }
        Ok(())
    }

    /// The next record; `None` at the end of the file.
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, LoadError> {
        loop {
            if !self.skip_line_ends()? {
                return Ok(None);
            }
            let line = self.line;
            let (bytes, fields) = self.split(line)?;
            // Nothing but white space is no record of ours, which has several fields.
            if fields == 1 && self.fields[..bytes].trim_ascii().is_empty() {
                continue;
            }
            let (fields, ends) = (&self.fields[..bytes], &self.ends[..fields]);
            return Ok(Some(Record { line, fields, ends }));
        }
    }

    /// What was read from, at the end.
    pub fn reader(&self) -> &R {
        &self.reader
    }

    /// Skips line ends and comments between records; false at the end of the file.
    fn skip_line_ends(&mut self) -> Result<bool, LoadError> {
        loop {
            if self.unread.is_empty() && !self.fill()? {
                return Ok(false);
            }
            match self.buffer[self.unread.start] {
                b'\r' | b'\n' => self.consume(1)?,
                first if Some(first) == self.comment => self.skip_lines(1)?,
                _ => return Ok(true),
            }
        }
    }

    /// Splits one record into `fields` and `ends`; returns how much of each it fills.
    fn split(&mut self, line: u32) -> Result<(usize, usize), LoadError> {
        let (mut size, mut bytes, mut fields) = (0, 0, 0);
        self.quotes.start();
        loop {
            let at_end = self.unread.is_empty() && !self.fill()?;
            // At the end of the file a line end is made up. Where that does not end the record,
            // the file ends within quotes.
            let input = if at_end { &b"\n"[..] } else { &self.buffer[self.unread.clone()] };
            let (result, read, written, ended) = self.splitter.read_record(
                input,
                &mut self.fields[bytes..],
                &mut self.ends[fields..],
            );
            if !at_end {
                let start = self.unread.start;
                self.quotes.follow(&self.buffer[start..start + read]);
                self.consume(read)?;
            }
            (size, bytes, fields) = (size + read, bytes + written, fields + ended);
            if size > MAX_RECORD_BYTES {
                return Err(ParseError::RecordTooLong { line }.into());
            }
            match result {
                ReadRecordResult::Record | ReadRecordResult::End if self.quotes.are_doubtful() => {
                    return Err(ParseError::DoubtfulQuote { line }.into());
                }
                ReadRecordResult::Record | ReadRecordResult::End => return Ok((bytes, fields)),
                ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::InputEmpty if at_end => {
                    return Err(ParseError::UnclosedQuote { line }.into());
                }
                ReadRecordResult::InputEmpty => {}
            }
        }
    }

    /// Takes so many bytes as read, and counts the line ends in them: LF, CRLF and a lone CR.
    fn consume(&mut self, count: usize) -> Result<(), LoadError> {
        let bytes = &self.buffer[self.unread.start..self.unread.start + count];
        for index in memchr::memchr2_iter(b'\r', b'\n', bytes) {
            let before = index.checked_sub(1).map(|before| bytes[before]);
            let after_cr = before.map_or(self.after_cr, |byte| byte == b'\r');
            if bytes[index] == b'\r' || !after_cr {
                self.line += 1;
            }
        }
        if let Some(&last) = bytes.last() {
            self.after_cr = last == b'\r';
        }
        self.unread.start += count;
        if self.line > MAX_LINES { Err(ParseError::TooManyLines.into()) } else { Ok(()) }
    }

    /// Reads more behind what is unread; false at the end of the file.
    fn fill(&mut self) -> Result<bool, LoadError> {
        if self.unread.is_empty() {
            self.unread = 0..0;
        }
        let count = self.reader.read(&mut self.buffer[self.unread.end..])?;
        self.unread.end += count;
        Ok(count > 0)
    }
}

#[cfg(test)]
mod tests;
