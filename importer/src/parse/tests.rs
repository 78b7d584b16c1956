//! Where records begin and end, whatever stands in them.

use proptest::prelude::*;

use super::*;

type Lines = Vec<(u32, Vec<String>)>;

fn format() -> Format {
    Format { comment: "#".parse().ok(), ..Format::default() }
}

fn try_read(text: &[u8]) -> Result<Lines, ParseError> {
    try_read_as(text, &format())
}

fn try_read_as(text: &[u8], format: &Format) -> Result<Lines, ParseError> {
    let mut records = Records::new(text, 1, format);
    let mut lines = Vec::new();
    while let Some(record) = records.next_record()? {
        let field = |index| String::from_utf8_lossy(record.field(index)).into_owned();
        lines.push((record.line(), (0..record.width()).map(field).collect()));
    }
    Ok(lines)
}

fn read(text: &str) -> Lines {
    try_read(text.as_bytes()).unwrap()
}

fn error(text: &[u8]) -> ParseError {
    try_read(text).unwrap_err()
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
    assert_eq!(try_read(format!("a,b\n{long},y\n").as_bytes()).unwrap().len(), 2);
    let text = format!("a,b\n{long},yyyy\n");
    assert_eq!(error(text.as_bytes()), ParseError::RecordTooLong { line: 2 });
    for open in ["1,\"2\n", "\"1\n2"] {
        let text = format!("a,b\n{open}{}\"x\"", "3,4\n".repeat(MAX_RECORD_BYTES));
        assert_eq!(error(text.as_bytes()), ParseError::RecordTooLong { line: 2 });
    }
    let commas = ",".repeat(MAX_RECORD_BYTES - 1);
    assert_eq!(try_read(commas.as_bytes()).unwrap()[0].1.len(), commas.len() + 1);
}

#[test]
fn a_line_that_begins_a_comment_is_none_whatever_it_holds() {
    let expected = lines(&[(3, &["a", "b"]), (4, &["1", "#2\n#3"]), (7, &["4", "5"])]);
    let text = "#\"\n# x\na,b\n1,\"#2\n#3\"\n#\"\",\"\r\n4,5\n#";
    assert_eq!(read(text), expected);
    assert_eq!(read(" #,b"), lines(&[(1, &[" #", "b"])]), "not its first character");
    assert_eq!(read("\"#\",b"), lines(&[(1, &["#", "b"])]), "quoted");
}

#[test]
fn text_behind_a_quoted_field_of_several_lines_refuses_the_file() {
    for text in ["3/1/2025,\"a,1\n3/2/2025,\"b\",2\n", "\"a\n\" b,c\n", "x,\"\r\"x", "\"a\"\"\n\"b"]
    {
        assert_eq!(error(text.as_bytes()), ParseError::DoubtfulQuote { line: 1 }, "{text:?}");
    }
    for text in ["\"5\" pipe\",c\n", "a\"\nb\",c", ",\"\n\",\n", "\"a\r\n\"\"b\"\"\n\",\"\"\r\n"] {
        assert!(try_read(text.as_bytes()).is_ok(), "{text:?}");
    }
}

#[test]
fn lines_are_passed_over_whatever_they_hold() {
    let text = b"a\"\r\n\n,\rb\nc";
    let rest = |lines| &text[behind_lines(text, lines)..];
    assert_eq!([rest(0), rest(1), rest(2)], [&text[..], b"\n,\rb\nc", b",\rb\nc"]);
    assert_eq!([rest(3), rest(4), rest(5), rest(9)], [&b"b\nc"[..], b"c", b"", b""]);
}

proptest! {
    #[test]
    fn records_are_those_of_the_csv_crate(
        text in "([ab ]|,|\"|\r|\n|#|\"\"|,\"|\",){0,60}",
    ) {
        // There a comment goes on behind a lone CR.
        let comment = "#".parse().ok().filter(|_| !text.contains('\r'));
        let format = Format { comment, ..Format::default() };
        let expected: Vec<Vec<String>> = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .comment(comment.map(Comment::byte))
            .from_reader(text.as_bytes())
            .records()
            .map(|record| record.unwrap().iter().map(str::to_owned).collect())
            .filter(|record: &Vec<String>| record.len() > 1 || !record[0].trim().is_empty())
            .collect();
        match try_read_as(text.as_bytes(), &format) {
            Ok(lines) => {
                let records: Vec<_> = lines.iter().map(|(_, record)| record.clone()).collect();
                prop_assert_eq!(records, expected);
                prop_assert!(lines.windows(2).all(|pair| pair[0].0 < pair[1].0));
            }
            Err(error) => {
                let doubt = matches!(
                    error,
                    ParseError::UnclosedQuote { .. } | ParseError::DoubtfulQuote { .. }
                );
                prop_assert!(doubt, "{}", error);
            }
        }
    }
}
