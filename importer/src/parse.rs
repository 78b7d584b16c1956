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
};

/// Longest record, in bytes of the file.
pub const MAX_RECORD_BYTES: usize = 1024 * 1024;
/// Line numbers are PostgreSQL integers.
const MAX_LINES: u32 = i32::MAX as u32;
const BUFFER_BYTES: usize = 256 * 1024;

/// A file that is not CSV, from some line on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// An encoding other than UTF-8, by its byte order mark.
    #[error(
        "The file is encoded as {0}, not as UTF-8: export it again with the encoding UTF-8 \
         (spreadsheet programs call it \"CSV UTF-8\")."
    )]
    Encoding(&'static str),
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
    /// Starts reading: a UTF-8 byte order mark is skipped, that of another encoding refused.
    pub fn new(reader: R, delimiter: Delimiter) -> Result<Self, LoadError> {
        let mut records = Self {
            reader,
            splitter: csv_core::ReaderBuilder::new().delimiter(delimiter.byte()).build(),
            buffer: vec![0; BUFFER_BYTES].into_boxed_slice(),
            unread: 0..0,
            comment: None,
            line: 1,
            after_cr: false,
            fields: vec![0; 4 * 1024],
            ends: vec![0; 64],
        };
        while records.unread.len() < 4 && records.fill()? {}
        match &records.buffer[records.unread.clone()] {
            [0xef, 0xbb, 0xbf, ..] => records.unread.start += 3,
            [0xff, 0xfe, ..] | [_, 0, _, 0, ..] => {
                return Err(ParseError::Encoding("UTF-16LE").into());
            }
            [0xfe, 0xff, ..] | [0, _, 0, _, ..] => {
                return Err(ParseError::Encoding("UTF-16BE").into());
            }
            _ => {}
        }
        Ok(records)
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
                self.consume(read)?;
            }
            (size, bytes, fields) = (size + read, bytes + written, fields + ended);
            if size > MAX_RECORD_BYTES {
                return Err(ParseError::RecordTooLong { line }.into());
            }
            match result {
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Gives its bytes in pieces of one size, as a network might.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    type Lines = Vec<(u32, Vec<String>)>;

    fn read_pieces(text: &[u8], size: usize) -> Result<Lines, LoadError> {
        let mut records = Records::new(Pieces(text, size), Delimiter::default())?;
        let mut lines = Vec::new();
        while let Some(record) = records.next_record()? {
            let field = |index| String::from_utf8_lossy(record.field(index)).into_owned();
            lines.push((record.line(), (0..record.width()).map(field).collect()));
        }
        Ok(lines)
    }

    /// Reads a text in one piece and byte by byte: both must agree.
    fn read(text: &str) -> Lines {
        let lines = read_pieces(text.as_bytes(), usize::MAX).unwrap();
        assert_eq!(read_pieces(text.as_bytes(), 1).unwrap(), lines, "{text:?}");
        lines
    }

    fn error(text: &[u8]) -> ParseError {
        match read_pieces(text, usize::MAX) {
            Err(LoadError::Parse(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    fn lines(expected: &[(u32, &[&str])]) -> Lines {
        let owned = |fields: &[&str]| fields.iter().map(ToString::to_string).collect();
        expected.iter().map(|(line, fields)| (*line, owned(fields))).collect()
    }

    #[test]
    fn a_record_has_the_line_on_which_it_starts() {
        let expected = lines(&[(1, &["a", "b"]), (2, &["1\n2", "x"]), (4, &["3", "y"])]);
        assert_eq!(read("a,b\n\"1\n2\",x\n3,y\n"), expected);
        let expected = lines(&[(1, &["a", "b"]), (2, &["1\r\n2", "x"]), (4, &["3", "y"])]);
        assert_eq!(read("a,b\r\n\"1\r\n2\",x\r\n3,y"), expected);
        let expected = lines(&[(1, &["a", "b"]), (2, &["1\r2", "x"]), (4, &["3", "y"])]);
        assert_eq!(read("a,b\r\"1\r2\",x\r3,y\r"), expected);
    }

    #[test]
    fn blank_lines_count_as_lines_and_not_as_records() {
        let expected = lines(&[(3, &["a", "b"]), (6, &["1", "2"]), (7, &["", ""])]);
        assert_eq!(read("\n\r\na,b\n  \t\n\r1,2\n,\n\n   \n\n"), expected);
        assert!(read("").is_empty());
        assert!(read("\r\n\n\r").is_empty());
    }

    fn read_from(text: &str, skip: u32, size: usize) -> Lines {
        let mut records =
            Records::new(Pieces(text.as_bytes(), size), Delimiter::default()).unwrap();
        records.comments("#".parse().ok());
        records.skip_lines(skip).unwrap();
        let mut lines = Vec::new();
        while let Some(record) = records.next_record().unwrap() {
            let field = |index| String::from_utf8_lossy(record.field(index)).into_owned();
            lines.push((record.line(), (0..record.width()).map(field).collect()));
        }
        lines
    }

    #[test]
    fn skipped_lines_and_comments_are_lines_but_no_records() {
        for (text, skip, expected) in [
            ("x \"y\r\n\r\nz\ra,b\n", 3, lines(&[(4, &["a", "b"])])),
            (
                "#x \"y\r\n#\ra,#b\n#\n\"#\n#\",c\n#end",
                0,
                lines(&[(3, &["a", "#b"]), (5, &["#\n#", "c"])]),
            ),
            ("a,b\n", 1, vec![]),
            ("a,b", 7, vec![]),
            ("\u{feff}#x\na,b", 0, lines(&[(2, &["a", "b"])])),
        ] {
            for size in [1, 2, usize::MAX] {
                assert_eq!(read_from(text, skip, size), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_field() {
        assert_eq!(read("\u{feff}a,b\n"), lines(&[(1, &["a", "b"])]));
        assert_eq!(read("\u{feff}\"a\",b\n"), lines(&[(1, &["a", "b"])]));
        assert_eq!(read("a,\u{feff}b\n"), lines(&[(1, &["a", "\u{feff}b"])]));
        assert!(read("\u{feff}").is_empty());
    }

    #[test]
    fn another_encoding_is_named() {
        assert_eq!(error(b"\xff\xfea\0,\0"), ParseError::Encoding("UTF-16LE"));
        assert_eq!(error(b"\xfe\xff\0a\0,"), ParseError::Encoding("UTF-16BE"));
        assert_eq!(error(b"S\0a\0l\0"), ParseError::Encoding("UTF-16LE"));
    }

    #[test]
    fn quotes_keep_what_is_within_them() {
        let expected = lines(&[(1, &["a, b", "say \"hi\"", "", "x"])]);
        assert_eq!(read("\"a, b\",\"say \"\"hi\"\"\",\"\",x\n"), expected);
        assert_eq!(read("5\" pipe,2\n3,4\n").len(), 2, "a quote within a field is a character");
    }

    #[test]
    fn a_quote_that_is_never_closed_refuses_the_file_at_its_line() {
        assert_eq!(error(b"a,b\n1,2\n3,\"x\n4,5\n"), ParseError::UnclosedQuote { line: 3 });
        assert_eq!(error(b"a,b\n1,\""), ParseError::UnclosedQuote { line: 2 });
        assert_eq!(read("a,\"\"").len(), 1);
        assert_eq!(read("a,\"b\"").len(), 1);
    }

    #[test]
    fn a_record_of_more_than_a_mebibyte_refuses_the_file_at_its_line() {
        let long = "x".repeat(MAX_RECORD_BYTES - 3);
        assert_eq!(read_pieces(format!("a,b\n{long},y\n").as_bytes(), 7000).unwrap().len(), 2);
        let text = format!("a,b\n{long},yyyy\n");
        assert_eq!(error(text.as_bytes()), ParseError::RecordTooLong { line: 2 });
        let open = format!("a,b\n1,\"2\n{}", "3,4\n".repeat(MAX_RECORD_BYTES));
        assert_eq!(error(open.as_bytes()), ParseError::RecordTooLong { line: 2 });
        let commas = ",".repeat(MAX_RECORD_BYTES - 1);
        assert_eq!(
            read_pieces(commas.as_bytes(), usize::MAX).unwrap()[0].1.len(),
            commas.len() + 1
        );
    }

    proptest! {
        #[test]
        fn records_are_those_of_the_csv_crate_wherever_the_reads_end(
            text in "[ab,\"\r\n ]{0,60}",
            size in 1_usize..9,
        ) {
            let expected: Vec<Vec<String>> = csv::ReaderBuilder::new()
                .has_headers(false)
                .flexible(true)
                .from_reader(text.as_bytes())
                .records()
                .map(|record| record.unwrap().iter().map(str::to_owned).collect())
                .filter(|record: &Vec<String>| record.len() > 1 || !record[0].trim().is_empty())
                .collect();
            match read_pieces(text.as_bytes(), size) {
                Ok(lines) => {
                    let records: Vec<_> = lines.iter().map(|(_, record)| record.clone()).collect();
                    prop_assert_eq!(records, expected);
                    prop_assert!(lines.windows(2).all(|pair| pair[0].0 < pair[1].0));
                }
                Err(error) => prop_assert!(matches!(
                    error, LoadError::Parse(ParseError::UnclosedQuote { .. })), "{}", error),
            }
        }
    }
}
