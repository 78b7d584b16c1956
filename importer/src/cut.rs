//! A stream in, pieces of whole records out, so that several of them can be read side by side.
//!
//! A piece ends at a line end outside quotes, by the same rules as records are split. Each knows
//! its first line's number and the digest of the file up to its end, which tells whether an
//! earlier try has loaded the very same.

use std::io::Read;

use ledger::Digest;
use memchr::{memchr, memrchr2};
use sha2::{Digest as _, Sha256};

use crate::{
    error::LoadError,
    format::Delimiter,
    parse::{MAX_LINES, MAX_RECORD_BYTES, ParseError, count_line_ends},
};

/// Whole records, one after the other.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Its number in the file, from 0.
    pub(crate) number: u32,
    /// Its bytes; those of the first begin behind a byte order mark.
    pub(crate) bytes: Vec<u8>,
    /// The physical line of the first byte.
    pub(crate) line: u32,
    /// Bytes of the file up to its end.
    pub(crate) end_byte: u64,
    /// SHA-256 of them.
    pub(crate) content: [u8; 32],
}

/// Cuts a stream into pieces.
#[derive(Debug)]
pub(crate) struct Cutter<R> {
    reader: R,
    delimiter: u8,
    piece_bytes: usize,
    hash: Sha256,
    end_byte: u64,
    line: u32,
    number: u32,
    /// What was read behind the last piece.
    buffer: Vec<u8>,
    ended: bool,
}

impl<R: Read> Cutter<R> {
    /// Starts: a UTF-8 byte order mark is skipped, that of another encoding refused. Pieces have
    /// about so many bytes, and more where a record is longer.
    pub(crate) fn new(
        reader: R,
        delimiter: Delimiter,
        piece_bytes: usize,
    ) -> Result<Self, LoadError> {
        let mut cutter = Self {
            reader,
            delimiter: delimiter.byte(),
            piece_bytes,
            hash: Sha256::new(),
            end_byte: 0,
            line: 1,
            number: 0,
            buffer: Vec::new(),
            ended: false,
        };
        cutter.fill(4)?;
        match cutter.buffer[..] {
            [0xef, 0xbb, 0xbf, ..] => {
                let rest = cutter.buffer.split_off(3);
                let mark = std::mem::replace(&mut cutter.buffer, rest);
                cutter.pass(&mark);
            }
            [0xff, 0xfe, ..] | [_, 0, _, 0] => return Err(ParseError::Encoding("UTF-16LE").into()),
            [0xfe, 0xff, ..] | [0, _, 0, _] => return Err(ParseError::Encoding("UTF-16BE").into()),
            _ => {}
        }
        Ok(cutter)
    }

    /// The next piece; `None` at the end of the file.
    pub(crate) fn next_piece(&mut self) -> Result<Option<Piece>, LoadError> {
        self.fill(self.piece_bytes)?;
        let end = loop {
            if self.ended {
                break self.buffer.len();
            }
            if let Some(end) = last_record_end(&self.buffer, self.delimiter) {
                break end;
            }
            if self.buffer.len() > MAX_RECORD_BYTES {
                return Err(ParseError::RecordTooLong { line: self.line }.into());
            }
            self.fill(self.buffer.len() + self.piece_bytes)?;
        };
        if end == 0 {
            return Ok(None);
        }
        let mut rest = Vec::with_capacity(self.piece_bytes + MAX_RECORD_BYTES);
        rest.extend_from_slice(&self.buffer[end..]);
        self.buffer.truncate(end);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        self.pass(&bytes);
        let (number, line) = (self.number, self.line);
        self.number += 1;
        self.line = self.line.saturating_add(count_line_ends(&bytes));
        if self.line > MAX_LINES {
            return Err(ParseError::TooManyLines.into());
        }
        let content = self.hash.clone().finalize().into();
        Ok(Some(Piece { number, bytes, line, end_byte: self.end_byte, content }))
    }

    /// The digest and the count of all bytes, once there is no further piece.
    pub(crate) fn end(&self) -> (Digest, u64) {
        (Digest(self.hash.clone().finalize().into()), self.end_byte)
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.end_byte += bytes.len() as u64;
    }

    /// Reads until there are so many bytes, or the file ends.
    fn fill(&mut self, bytes: usize) -> Result<(), LoadError> {
        let missing = bytes.saturating_sub(self.buffer.len());
        if missing > 0 && !self.ended {
            let count = (&mut self.reader).take(missing as u64).read_to_end(&mut self.buffer)?;
            self.ended = count < missing;
        }
        Ok(())
    }
}

/// The end of the last record that is surely whole: behind a line end outside quotes.
fn last_record_end(text: &[u8], delimiter: u8) -> Option<usize> {
    // Behind a CR at the very end an LF may come that belongs to it.
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let (mut last, mut outside) = (None, 0);
    while let Some(quote) = memchr(b'"', &text[outside..]).map(|at| outside + at) {
        last = line_end(text, outside, quote).or(last);
        let before = quote.checked_sub(1).map_or(b'\n', |before| text[before]);
        outside = quote + 1;
        if before == delimiter || matches!(before, b'\r' | b'\n') {
            match closing_quote(text, outside) {
                Some(close) => outside = close + 1,
                None => return last,
            }
        }
    }
    line_end(text, outside, text.len()).or(last)
}

fn line_end(text: &[u8], from: usize, to: usize) -> Option<usize> {
    memrchr2(b'\r', b'\n', &text[from..to]).map(|at| from + at + 1)
}

fn closing_quote(text: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let quote = from + memchr(b'"', &text[from..])?;
        if text.get(quote + 1) != Some(&b'"') {
            return Some(quote);
        }
        from = quote + 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parse::Records;

    type Lines = Vec<(u32, Vec<Vec<u8>>)>;

    fn records(text: &[u8], line: u32, lines: &mut Lines) -> Result<(), ParseError> {
        let mut records = Records::new(text, line, Delimiter::default());
        while let Some(record) = records.next_record()? {
            let fields = (0..record.width()).map(|index| record.field(index).to_vec());
            lines.push((record.line(), fields.collect()));
        }
        Ok(())
    }

    fn cut(text: &[u8], piece_bytes: usize) -> Result<(Lines, usize), LoadError> {
        let mut cutter = Cutter::new(text, Delimiter::default(), piece_bytes)?;
        let (mut lines, mut pieces) = (Lines::new(), 0);
        while let Some(piece) = cutter.next_piece()? {
            assert_eq!(piece.number, pieces);
            pieces += 1;
            records(&piece.bytes, piece.line, &mut lines)?;
        }
        assert_eq!(cutter.end().1, text.len() as u64);
        Ok((lines, pieces as usize))
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_field() {
        for text in ["\u{feff}a,b\n", "\u{feff}\"a\",b\n"] {
            let (lines, _) = cut(text.as_bytes(), 100).unwrap();
            assert_eq!(lines, [(1, vec![b"a".to_vec(), b"b".to_vec()])]);
        }
        assert_eq!(cut("\u{feff}".as_bytes(), 100).unwrap().0.len(), 0);
    }

    #[test]
    fn another_encoding_is_named() {
        for (text, name) in [
            (&b"\xff\xfea\0,\0"[..], "UTF-16LE"),
            (b"\xfe\xff\0a\0,", "UTF-16BE"),
            (b"S\0a\0l\0", "UTF-16LE"),
        ] {
            let error = cut(text, 100).unwrap_err();
            assert!(matches!(error, LoadError::Parse(ParseError::Encoding(it)) if it == name));
        }
    }

    #[test]
    fn a_record_that_never_ends_is_refused_before_it_fills_the_memory() {
        let text = format!("a,b\n1,\"2\n{}", "3,4\n".repeat(3 * MAX_RECORD_BYTES));
        let error = cut(text.as_bytes(), 1000).unwrap_err();
        assert!(matches!(error, LoadError::Parse(ParseError::RecordTooLong { line: 2 })));
    }

    proptest! {
        #[test]
        fn records_are_the_same_wherever_the_pieces_end(
            text in "([ab ]|,|\"|\r|\n|\"\"|,\"|\",|\r\n){0,80}",
            piece_bytes in 4_usize..20,
        ) {
            let mut whole = Lines::new();
            let expected = records(text.as_bytes(), 1, &mut whole);
            match cut(text.as_bytes(), piece_bytes) {
                Ok((lines, _)) => {
                    prop_assert_eq!(expected, Ok(()));
                    prop_assert_eq!(lines, whole);
                }
                Err(LoadError::Parse(error)) => prop_assert_eq!(expected, Err(error)),
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }
}
