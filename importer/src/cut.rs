//! A file's text in, pieces of whole records out, so that several of them can be read side by side.
//!
//! A piece ends at a line end outside quotes, by the same rules as records are split. Each knows
//! its first line's number and a mark that tells whether an earlier try has loaded the very same.

use std::io::Read;

use ledger::Digest;
use memchr::{memchr, memchr2, memrchr2};

use crate::{
    digest::Digesting,
    error::LoadError,
    format::{Comment, Format},
    opening::{Opening, Text},
    parse::{MAX_LINES, MAX_RECORD_BYTES, ParseError, behind_lines, count_line_ends},
};

/// Lines of a piece, but for a single record of more: what is made of a short line, a reject above
/// all, takes many times its bytes.
const MAX_PIECE_LINES: u32 = 128 * 1024;

/// Whole records, one after the other.
#[derive(Debug)]
pub(crate) struct Piece {
    /// Its number in the file, from 0.
    pub(crate) number: u32,
    /// Its text.
    pub(crate) bytes: Vec<u8>,
    /// The physical line of the first byte.
    pub(crate) line: u32,
    /// How many bytes of the file were read when it was cut: all of its own, and some behind them.
    pub(crate) bytes_read: u64,
    /// SHA-256 of those bytes, of where the piece begins and ends, and of how it is read: equal
    /// where an earlier try has made the very same of it.
    pub(crate) content: [u8; 32],
}

/// Cuts a text into pieces.
pub(crate) struct Cutter<R> {
    text: Text<Digesting<R>>,
    quoting: Quoting,
    /// The effective format, as text.
    format: String,
    piece_bytes: usize,
    /// Where the last piece ends.
    end: u64,
    line: u32,
    number: u32,
    /// What was read behind the last piece.
    buffer: Vec<u8>,
    ended: bool,
    /// The line of a record that does not end, once it was given out.
    broken_at: Option<u32>,
}

/// What decides whether a quote opens a field.
#[derive(Clone, Copy, Debug)]
struct Quoting {
    delimiter: u8,
    comment: Option<u8>,
}

impl<R: Read> Cutter<R> {
    /// Starts. Pieces have about so many bytes, and more where a record is longer.
    pub(crate) fn new(opening: Opening<Digesting<R>>, piece_bytes: usize) -> Self {
        let Opening { text, line, format } = opening;
        Self {
            text,
            quoting: Quoting::of(&format),
            format: format.canonical(),
            piece_bytes,
            end: 0,
            line,
            number: 0,
            buffer: Vec::new(),
            ended: false,
            broken_at: None,
        }
    }

    /// The next piece; `None` at the end of the file. The beginning of a record that does not end
    /// is a piece as well, and the last one.
    pub(crate) fn next_piece(&mut self) -> Result<Option<Piece>, LoadError> {
        if let Some(line) = self.broken_at {
            return Err(ParseError::RecordTooLong { line }.into());
        }
        self.fill(self.piece_bytes)?;
        let mut end = loop {
            if self.ended {
                break self.buffer.len();
            }
            if let Some(end) = self.quoting.last_record_end(&self.buffer) {
                break end;
            }
            if self.buffer.len() > MAX_RECORD_BYTES {
                if !self.quoting.is_comment(self.buffer[0]) {
                    // Whoever splits it says what is wrong with it.
                    self.broken_at = Some(self.line);
                    break self.buffer.len();
                }
                // Nobody reads it. Its last byte stays, which may be half a line end.
                self.buffer.drain(1..self.buffer.len() - 1);
            }
            self.fill(self.buffer.len() + self.piece_bytes)?;
        };
        if end == 0 {
            return Ok(None);
        }
        let mut lines = count_line_ends(&self.buffer[..end]);
        if lines > MAX_PIECE_LINES {
            end = self.quoting.end_within_lines(&self.buffer[..end]);
            lines = count_line_ends(&self.buffer[..end]);
        }
        let mut rest = Vec::with_capacity(self.piece_bytes + MAX_RECORD_BYTES);
        rest.extend_from_slice(&self.buffer[end..]);
        self.buffer.truncate(end);
        let bytes = std::mem::replace(&mut self.buffer, rest);
        let start = self.end;
        self.end += bytes.len() as u64;
        let (number, line) = (self.number, self.line);
        self.number += 1;
        self.line = self.line.saturating_add(lines);
        if self.line > MAX_LINES {
            return Err(ParseError::TooManyLines.into());
        }
        let read = self.text.get_ref();
        let part = format!("{start} {} {line} {}", self.end, self.format);
        let (bytes_read, content) = (read.count(), read.mark(part.as_bytes()));
        Ok(Some(Piece { number, bytes, line, bytes_read, content }))
    }

    /// The digest and the count of all bytes of the file, once there is no further piece.
    pub(crate) fn end(&self) -> (Digest, u64) {
        let read = self.text.get_ref();
        (read.digest(), read.count())
    }

    /// Reads until there are so many bytes, or the file ends.
    fn fill(&mut self, bytes: usize) -> Result<(), LoadError> {
        let missing = bytes.saturating_sub(self.buffer.len());
        if missing > 0 && !self.ended {
            let count = (&mut self.text).take(missing as u64).read_to_end(&mut self.buffer)?;
            self.ended = count < missing;
        }
        Ok(())
    }
}

impl Quoting {
    fn of(format: &Format) -> Self {
        Self {
            delimiter: format.delimiter.unwrap_or_default().byte(),
            comment: format.comment.map(Comment::byte),
        }
    }

    /// The end of the last record that is surely whole: behind a line end outside quotes.
    fn last_record_end(self, text: &[u8]) -> Option<usize> {
        // Behind a CR at the very end an LF may come that belongs to it.
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let (mut last, mut outside) = (None, 0);
        while let Some(quote) = memchr(b'"', &text[outside..]).map(|at| outside + at) {
            last = line_end(text, outside, quote).or(last);
            if self.is_comment(text[last.unwrap_or_default()]) {
                let Some(length) = memchr2(b'\r', b'\n', &text[quote..]) else { return last };
                outside = quote + length;
                continue;
            }
            let before = quote.checked_sub(1).map_or(b'\n', |before| text[before]);
            outside = quote + 1;
            if before == self.delimiter || matches!(before, b'\r' | b'\n') {
                match closing_quote(text, outside) {
                    Some(close) => outside = close + 1,
                    None => return last,
                }
            }
        }
        line_end(text, outside, text.len()).or(last)
    }

    /// The last such end within as many lines as a piece has, or as the first record needs.
    fn end_within_lines(self, text: &[u8]) -> usize {
        let mut lines = MAX_PIECE_LINES;
        loop {
            let limit = behind_lines(text, lines);
            if limit == text.len() {
                return limit;
            }
            if let Some(end) = self.last_record_end(&text[..limit]) {
                return end;
            }
            lines = lines.saturating_mul(2);
        }
    }

    fn is_comment(self, first: u8) -> bool {
        Some(first) == self.comment
    }
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
    use crate::{
        encoding::{Decoded, Encoding},
        format::DateOrder,
        parse::Records,
    };

    type Lines = Vec<(u32, Vec<Vec<u8>>)>;

    fn format() -> Format {
        Format { comment: "#".parse().ok(), ..Format::default() }
    }

    fn records(text: &[u8], line: u32, lines: &mut Lines) -> Result<(), ParseError> {
        let format = format();
        let mut records = Records::new(text, line, &format);
        while let Some(record) = records.next_record()? {
            let fields = (0..record.width()).map(|index| record.field(index).to_vec());
            lines.push((record.line(), fields.collect()));
        }
        Ok(())
    }

    fn cutter(text: &[u8], piece_bytes: usize) -> Result<Cutter<&[u8]>, LoadError> {
        let text = Text::new(Vec::new(), Decoded::new(Digesting::new(text), Encoding::Utf8)?);
        Ok(Cutter::new(Opening { text, line: 1, format: format() }, piece_bytes))
    }

    fn cut(text: &[u8], piece_bytes: usize) -> Result<(Lines, usize), LoadError> {
        let mut cutter = cutter(text, piece_bytes)?;
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
    fn pieces_of_other_bytes_or_other_ends_or_read_otherwise_have_other_marks() {
        let marks = |text: &str, piece_bytes, date_order| {
            let text = Digesting::new(text.as_bytes());
            let text = Text::new(Vec::new(), Decoded::new(text, Encoding::Utf8).unwrap());
            let format = Format { date_order, ..format() };
            let mut cutter = Cutter::new(Opening { text, line: 1, format }, piece_bytes);
            std::iter::from_fn(|| cutter.next_piece().unwrap().map(|piece| piece.content))
                .collect::<Vec<_>>()
        };
        let (text, order) = ("a,b\nc,d\ne", DateOrder::MonthFirst);
        assert_eq!(marks(text, 9, order), marks(text, 9, order));
        assert_ne!(marks(text, 9, order)[0], marks(text, 10, order)[0], "another end");
        assert_ne!(marks(text, 6, order).last(), marks(text, 8, order).last(), "another start");
        assert_ne!(marks(text, 9, order)[0], marks("a,b\nc,D\ne", 9, order)[0], "other bytes");
        assert_ne!(marks(text, 9, order)[0], marks(text, 9, DateOrder::DayFirst)[0]);
    }

    #[test]
    fn a_piece_has_not_more_lines_than_its_rejects_have_room_but_for_a_single_record() {
        let lines = MAX_PIECE_LINES as usize;
        let record = format!("\"{}\"\n", "\n".repeat(lines + 9));
        let text = format!("{}{record}{}", "x\n".repeat(2 * lines + 1), "\r\n".repeat(lines + 2));
        let mut cutter = cutter(text.as_bytes(), text.len() + 1).unwrap();
        let (mut found, mut line) = (Vec::new(), 1);
        while let Some(piece) = cutter.next_piece().unwrap() {
            assert_eq!(piece.line, line);
            found.push(count_line_ends(&piece.bytes));
            line += count_line_ends(&piece.bytes);
        }
        assert_eq!(found.iter().sum::<u32>(), count_line_ends(text.as_bytes()));
        let most = MAX_PIECE_LINES;
        assert_eq!(found[..3], [most, most, 1]);
        assert!(found[3] > most && found[3] <= 2 * most, "the long record: {found:?}");
        assert!(found[4..].iter().all(|lines| *lines <= most), "{found:?}");
    }

    #[test]
    fn a_comment_of_any_length_is_passed_over_in_bounded_memory() {
        for (piece_bytes, end) in [(1_000, "\n"), (4_096, "\r\n"), (MAX_RECORD_BYTES, "\r")] {
            let comment = format!("#\"{}{end}", "x,\"".repeat(MAX_RECORD_BYTES));
            let text = format!("a,b{end}{comment}1,2{end}{comment}{comment}3,4{end}{comment}");
            let (mut cutter, mut lines) = (cutter(text.as_bytes(), piece_bytes).unwrap(), vec![]);
            while let Some(piece) = cutter.next_piece().unwrap() {
                records(&piece.bytes, piece.line, &mut lines).unwrap();
                let most = 2 * (MAX_RECORD_BYTES + piece_bytes);
                assert!(piece.bytes.capacity() <= most, "{}", piece.bytes.capacity());
            }
            let found: Vec<_> = lines.iter().map(|(line, fields)| (*line, fields.len())).collect();
            assert_eq!(found, [(1, 2), (3, 2), (6, 2)], "{end:?}");
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
            text in "([ab ]|,|\"|\r|\n|\n#|\"\"|,\"|\",|\r\n){0,80}",
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
