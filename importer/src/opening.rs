//! The first bytes of a file in, how it is to be read out: what the settings leave open is found
//! in the byte order mark, a line `sep=;` and the header, and nowhere else.
//!
//! Out come the file's text from the line on where its header is looked for, and its effective
//! format. Where two readings fit, the file is refused.

use std::io::{self, Chain, Cursor, Read};

use crate::{
    encoding::Decoded,
    error::LoadError,
    format::{Delimiter, Format},
    header::{Columns, Elsewhere, HeaderError, Missing},
    parse::{ParseError, Records, behind_lines},
};

/// How much of a file is looked at: mostly the first is enough.
const HEAD_BYTES: [usize; 2] = [64 * 1024, 2 * 1024 * 1024];
/// In how many records a header is looked for, to tell where it is.
const MAX_LOOKED_AT: usize = 100;

/// A file whose format is known, but for the order of its dates.
pub(crate) struct Opening<R> {
    /// What there is to read.
    pub(crate) text: Text<R>,
    /// The physical line with which it begins.
    pub(crate) line: u32,
    /// How it is to be read.
    pub(crate) format: Format,
}

/// A file's text, as UTF-8.
pub(crate) struct Text<R>(Chain<Cursor<Vec<u8>>, Decoded<R>>);

/// Opens a file. The header need not be checked again, but its columns are still to be found.
pub(crate) fn open<R: Read>(reader: R, format: &Format) -> Result<Opening<R>, LoadError> {
    let mut rest = Decoded::new(reader, format.encoding)?;
    let format = Format { encoding: rest.encoding(), ..format.clone() };
    let mut bytes = Vec::new();
    let mut effective = Err(HeaderError::TooFar.into());
    for most in HEAD_BYTES {
        rest.by_ref().take((most - bytes.len()) as u64).read_to_end(&mut bytes)?;
        let head = Head { bytes: &bytes, is_whole: bytes.len() < most };
        effective = head.effective(&format);
        if !matches!(effective, Err(LoadError::Header(HeaderError::TooFar))) {
            break;
        }
    }
    let format = effective?;
    bytes.drain(..behind_lines(&bytes, format.skip_lines));
    let line = format.skip_lines.saturating_add(1);
    Ok(Opening { text: Text::new(bytes, rest), line, format })
}

impl<R: Read> Text<R> {
    /// A text of which some was read already.
    pub(crate) fn new(head: Vec<u8>, rest: Decoded<R>) -> Self {
        Self(Cursor::new(head).chain(rest))
    }

    /// What the bytes of the file are read from.
    pub(crate) fn get_ref(&self) -> &R {
        self.0.get_ref().1.get_ref()
    }
}

impl<R: Read> Read for Text<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// The beginning of a file.
#[derive(Clone, Copy)]
struct Head<'a> {
    bytes: &'a [u8],
    is_whole: bool,
}

impl<'a> Head<'a> {
    fn effective(self, format: &Format) -> Result<Format, LoadError> {
        let mut effective = format.clone();
        if let Some(said) = self.separator() {
            let declared = format.delimiter.unwrap_or(said);
            if declared != said {
                return Err(HeaderError::Contradicted { said, declared }.into());
            }
            effective.delimiter = Some(said);
            effective.skip_lines = format.skip_lines.max(1);
        }
        effective.delimiter = Some(self.delimiter(&effective)?);
        Ok(effective)
    }

    /// What a first line such as `sep=;` says, as spreadsheet programs write and read it.
    fn separator(self) -> Option<Delimiter> {
        let end = self.bytes.iter().position(|byte| b"\r\n".contains(byte));
        let line = std::str::from_utf8(&self.bytes[..end.unwrap_or(self.bytes.len())]).ok()?;
        let (word, character) = line.split_once('=')?;
        if word.eq_ignore_ascii_case("sep") { character.parse().ok() } else { None }
    }

    /// The delimiter with which the header names all that it must.
    fn delimiter(self, format: &Format) -> Result<Delimiter, LoadError> {
        let is_comment = |delimiter: &Delimiter| {
            format.comment.is_some_and(|comment| comment.byte() == delimiter.byte())
        };
        if let Some(declared) = format.delimiter.filter(is_comment) {
            return Err(HeaderError::CommentSeparates(declared).into());
        }
        let candidates = match format.delimiter {
            Some(declared) => vec![declared],
            None => Delimiter::COMMON.into_iter().filter(|one| !is_comment(one)).collect(),
        };
        let read = |delimiter| (delimiter, self.header(format, delimiter));
        let mut readings: Vec<_> = candidates.into_iter().map(read).collect();
        // The one that lacks least comes first, and before it whatever lacks nothing.
        readings.sort_by_key(|(_, reading)| lacking(reading));
        let fits = |reading: &Result<(), LoadError>| lacking(reading) == 0;
        match &readings[..] {
            [(one, first), (other, second), ..] if fits(first) && fits(second) => {
                Err(HeaderError::Undecidable { one: *one, other: *other }.into())
            }
            _ => {
                let (delimiter, reading) = readings.swap_remove(0);
                reading.map(|()| delimiter).map_err(|error| self.advised(error, format))
            }
        }
    }

    fn records(self, format: &Format) -> Records<'a> {
        let text = &self.bytes[behind_lines(self.bytes, format.skip_lines)..];
        Records::new(text, format.skip_lines.saturating_add(1), format)
    }

    /// Whether the last record may go on behind the beginning.
    fn is_cut_off(self, records: &Records<'_>) -> bool {
        !self.is_whole && records.is_at_end()
    }

    fn header(self, format: &Format, delimiter: Delimiter) -> Result<(), LoadError> {
        let format = Format { delimiter: Some(delimiter), ..format.clone() };
        let mut records = self.records(&format);
        let found = match records.next_record() {
            Ok(Some(header)) => Columns::find(&header, &format).map_err(LoadError::from),
            Ok(None) => Err(HeaderError::Empty.into()),
            Err(error @ ParseError::RecordTooLong { .. }) => return Err(error.into()),
            Err(error) => Err(error.into()),
        };
        if self.is_cut_off(&records) { Err(HeaderError::TooFar.into()) } else { found.map(drop) }
    }

    /// Tells where there is a header that lacks nothing, if there is one.
    fn advised(self, error: LoadError, format: &Format) -> LoadError {
        let LoadError::Header(HeaderError::Missing(missing)) = error else { return error };
        let elsewhere = Delimiter::COMMON
            .into_iter()
            .filter_map(|delimiter| Some((self.header_line(format, delimiter)?, delimiter)))
            .min_by_key(|(line, _)| *line)
            .map(|(line, delimiter)| Elsewhere { line, delimiter });
        HeaderError::Missing(Missing { elsewhere, ..missing }).into()
    }

    fn header_line(self, format: &Format, delimiter: Delimiter) -> Option<u32> {
        let format = Format { delimiter: Some(delimiter), ..format.clone() };
        let mut records = self.records(&format);
        for _ in 0..MAX_LOOKED_AT {
            let record = records.next_record().ok()??;
            if Columns::find(&record, &format).is_ok() {
                return Some(record.line());
            }
        }
        None
    }
}

/// How far a reading is from a header. Where more must be read before that is known, this is said
/// before anything else.
fn lacking(reading: &Result<(), LoadError>) -> usize {
    match reading {
        Ok(()) | Err(LoadError::Header(HeaderError::Duplicate { .. })) => 0,
        Err(LoadError::Header(HeaderError::TooFar)) => 1,
        Err(LoadError::Header(HeaderError::Missing(missing))) => 1 + missing.fields.len(),
        Err(_) => usize::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::Encoding;

    const NAMES: [&str; 3] = ["Sale Date", "Sale ID", "Item Total"];

    fn effective(text: &str, format: &Format) -> Result<Format, LoadError> {
        let Opening { text: mut opened, line, format } = open(text.as_bytes(), format)?;
        let mut read = String::new();
        opened.read_to_string(&mut read)?;
        let whole = text.trim_start_matches('\u{feff}').as_bytes();
        assert_eq!(read.as_bytes(), &whole[behind_lines(whole, line - 1)..], "the rest is whole");
        Ok(format)
    }

    fn error(text: &str, format: &Format) -> HeaderError {
        match effective(text, format) {
            Err(LoadError::Header(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    fn declared(delimiter: &str) -> Format {
        Format { delimiter: delimiter.parse().ok(), ..Format::default() }
    }

    #[test]
    fn the_delimiter_is_the_one_with_which_the_header_is_one() {
        for delimiter in Delimiter::COMMON {
            let header = NAMES.join(&char::from(delimiter.byte()).to_string());
            for text in [format!("{header}\n"), format!("\u{feff}\n\n{header}\r\n1,2;3\t4|5\n")] {
                let found = effective(&text, &Format::default()).unwrap();
                assert_eq!(found.delimiter, Some(delimiter), "{text:?}");
                assert_eq!((found.encoding, found.skip_lines), (Encoding::Utf8, 0));
            }
        }
        let quoted = "\"Sale, Date\";\"Sale;ID\";Item Total,x;Sale Date;Sale ID;Item Total\n";
        let found = effective(quoted, &Format::default()).unwrap();
        assert_eq!(found.delimiter, Some(Delimiter::COMMON[1]));
    }

    #[test]
    fn what_is_declared_is_not_looked_for() {
        let error = error("Sale Date;Sale ID;Item Total\n", &declared(","));
        assert!(error.to_string().contains("With the delimiter ; it lacks nothing"), "{error}");
        assert!(effective("Sale Date:Sale ID:Item Total", &declared(":")).is_ok());
        assert!(effective("Sale Date:Sale ID:Item Total", &Format::default()).is_err());
    }

    #[test]
    fn a_header_of_two_readings_is_refused() {
        let text = "a;Sale Date;Sale ID;Item Total;b,Sale Date,Sale ID,Item Total,c\n";
        let error = error(text, &Format::default());
        let [one, other, ..] = Delimiter::COMMON;
        assert_eq!(error, HeaderError::Undecidable { one, other });
        assert!(effective(text, &declared(";")).is_ok());
    }

    #[test]
    fn the_reading_that_lacks_least_is_told() {
        let error = error("Sale Date;Sale ID;Total, all\n", &Format::default());
        for says in ["lacks \"Item Total\".", "has: \"Sale Date\", \"Sale ID\", \"Total, all\"."] {
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn a_line_that_says_the_delimiter_is_believed_and_is_no_header() {
        for (text, delimiter) in [
            ("sep=;\r\nSale Date;Sale ID;Item Total\r\n", ";"),
            ("\u{feff}SEP=,\nSale Date,Sale ID,Item Total", ","),
            ("sep=\t\rSale Date\tSale ID\tItem Total\r", "tab"),
            ("sep=:\nSale Date:Sale ID:Item Total\n", ":"),
        ] {
            for format in [Format::default(), declared(delimiter)] {
                let found = effective(text, &format).unwrap();
                assert_eq!((found.delimiter, found.skip_lines), (delimiter.parse().ok(), 1));
            }
        }
        let text = "sep=;\nSale Date;Sale ID;Item Total\n";
        assert!(matches!(error(text, &declared(",")), HeaderError::Contradicted { .. }));
        let says_no_delimiter = "sep=a\nSale Date,Sale ID,Item Total\n";
        assert!(matches!(error(says_no_delimiter, &Format::default()), HeaderError::Missing(_)));
    }

    #[test]
    fn lines_before_the_header_are_passed_over_only_where_it_is_said() {
        let text = "Sales of \"March\n\nfrom,to,by\nSale Date,Sale ID,Item Total\n";
        let told = error(text.replace('"', "").as_str(), &Format::default()).to_string();
        assert!(told.contains("Line 4 has them") && told.contains("--skip-lines: 3"), "{told}");
        let format = Format { skip_lines: 3, ..Format::default() };
        assert!(effective(text, &format).is_ok());
        let format = Format { skip_lines: 9, ..Format::default() };
        assert_eq!(error(text, &format), HeaderError::Empty);
        let said = format!("sep=,\n{text}");
        let format = Format { skip_lines: 4, ..Format::default() };
        assert_eq!(effective(&said, &format).unwrap().skip_lines, 4);
    }

    #[test]
    fn a_character_is_not_both_delimiter_and_comment() {
        let comment = |delimiter| Format { comment: ";".parse().ok(), ..delimiter };
        let text = "; note\nSale Date;Sale ID;Item Total\n";
        assert!(matches!(error(text, &comment(declared(";"))), HeaderError::CommentSeparates(_)));
        assert!(matches!(error(text, &comment(Format::default())), HeaderError::Missing(_)));
        let text = "; note\nSale Date,Sale ID,Item Total\n";
        assert!(effective(text, &comment(Format::default())).is_ok());
    }

    #[test]
    fn a_header_may_be_long_and_late_within_bounds() {
        let wide = format!("Sale Date,Sale ID,Item Total{}\n1,2,3\n", ",x".repeat(400_000));
        assert!(effective(&wide, &Format::default()).is_ok());
        let late = format!("{}Sale Date,Sale ID,Item Total\n", "\n".repeat(1 << 20));
        assert!(effective(&late, &Format::default()).is_ok());
        let never = "\n".repeat(5 << 20);
        assert_eq!(error(&never, &Format::default()), HeaderError::TooFar);
        let endless = format!("{}Sale Date", "x".repeat(5 << 20));
        let error = effective(&endless, &Format::default());
        assert!(matches!(error, Err(LoadError::Parse(_))), "{error:?}");
    }
}
