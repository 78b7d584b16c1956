//! Where records begin and end, whatever stands in them and wherever the reads end.

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
    let mut records = Records::new(Pieces(text, size), Delimiter::default());
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
    let mut records = Records::new(Pieces(text.as_bytes(), size), Delimiter::default());
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
    ] {
        for size in [1, 2, usize::MAX] {
            assert_eq!(read_from(text, skip, size), expected, "{text:?}");
        }
    }
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
fn a_quote_that_swallows_the_next_line_refuses_the_file_at_its_line() {
    let swallowed = b"a,b\n1,\"x\n3,\"y\"\n5,z\n";
    assert_eq!(error(swallowed), ParseError::DoubtfulQuote { line: 2 });
    assert_eq!(read("a,b\n\"5\" pipe\",2\n3,4\n").len(), 3, "on one line there is no doubt");
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
    assert_eq!(read_pieces(commas.as_bytes(), usize::MAX).unwrap()[0].1.len(), commas.len() + 1);
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
                error, LoadError::Parse(
                    ParseError::UnclosedQuote { .. } | ParseError::DoubtfulQuote { .. }
                )), "{}", error),
        }
    }
}
