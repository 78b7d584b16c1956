//! What real files do to their readers: each trap with the sales, rejects and sum it must give.

use std::io::Cursor;

use ledger::{Decimal, RejectReason, RejectReason::*};

use super::*;
use crate::format::DateOrder;

/// Reads a file; the header is put before the lines where they have none.
fn read_all(bytes: &[u8], format: &Format) -> (Vec<Chunk>, Result<End, LoadError>) {
    let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
    let (bytes, format) = (bytes.to_vec(), format.clone());
    let reading =
        std::thread::spawn(move || read(Cursor::new(bytes), &format, Limits::default(), &sender));
    let chunks = std::iter::from_fn(|| receiver.blocking_recv()).collect();
    (chunks, reading.join().unwrap())
}

/// Asserts the line numbers of the sales, their sum, and the rejects with their reasons.
fn check(name: &str, lines: &[u8], sales: &[u32], sum: &str, rejects: &[(u32, RejectReason)]) {
    let bytes = [b"Sale Date,Sale ID,Item name,Quantity,Item Total\n", lines].concat();
    check_file(name, &bytes, &Format::default(), sales, sum, rejects);
}

fn check_file(
    name: &str,
    bytes: &[u8],
    format: &Format,
    sales: &[u32],
    sum: &str,
    rejects: &[(u32, RejectReason)],
) {
    let (chunks, end) = read_all(bytes, format);
    end.unwrap_or_else(|error| panic!("{name}: {error}"));
    let all = || chunks.iter().flat_map(|chunk| &chunk.sales);
    let total: Decimal = all().map(|sale| sale.line_total).sum();
    assert_eq!(all().map(|sale| sale.line).collect::<Vec<_>>(), sales, "{name}");
    assert_eq!(total.to_string(), sum, "{name}");
    let rejected = chunks.iter().flat_map(|chunk| &chunk.rejects);
    let rejected: Vec<_> = rejected.map(|reject| (reject.line, reject.reason)).collect();
    assert_eq!(rejected, rejects, "{name}");
}

#[test]
fn lines_end_and_stay_blank_in_many_ways() {
    check("no end of the last line", b"3/1/2025,1,a,1,1\n3/1/2025,1,a,1,2", &[2, 3], "3", &[]);
    check(
        "mixed ends",
        b"3/1/2025,1,a,1,1\r\n3/1/2025,1,a,1,2\r3/1/2025,1,a,1,3\n",
        &[2, 3, 4],
        "6",
        &[],
    );
    check("blank lines at the end", b"3/1/2025,1,a,1,1\n\n\r\n  \n\t\n\n", &[2], "1", &[]);
    check("only commas", b"3/1/2025,1,a,1,1\n,,,,\n", &[2], "1", &[(3, Missing)]);
    check(
        "a line of a dot",
        b"3/1/2025,1,a,1,1\n\\.\n3/1/2025,1,a,1,2\n",
        &[2, 4],
        "3",
        &[(3, WrongFieldCount)],
    );
    check("a comment", b"# note\n3/1/2025,1,a,1,1\n", &[3], "1", &[(2, WrongFieldCount)]);
    check("a comma at the end", b"3/1/2025,1,a,1,1,\n", &[], "0", &[(2, WrongFieldCount)]);
    check("a footer", b"3/1/2025,1,a,1,1\nTOTAL,,,,9999\n", &[2], "1", &[(3, InvalidDate)]);
    let twice =
        b"3/1/2025,1,a,1,1\nSale Date,Sale ID,Item name,Quantity,Item Total\n3/2/2025,1,a,1,1\n";
    check("the header again, in the middle", twice, &[2, 4], "2", &[(3, InvalidDate)]);
}

#[test]
fn quotes_hold_what_they_hold() {
    check("a line end", b"3/1/2025,1,\"a\nb\r\nc\",1,1\n3/1/2025,1,a,1,2\n", &[2, 5], "3", &[]);
    check("doubled quotes", b"3/1/2025,1,\"a \"\"b\"\", c\",1,1\n", &[2], "1", &[]);
    check("an inch mark", b"3/1/2025,1,5\" pipe,1,1\n3/1/2025,1,a,1,2\n", &[2, 3], "3", &[]);
    check("a backslash", b"3/1/2025,1,\"a\\\",1,1\n3/1/2025,1,a,1,2\n", &[2, 3], "3", &[]);
    check("a space before", b"3/1/2025,1, \"x, y\",1,1\n", &[], "0", &[(2, WrongFieldCount)]);
    check("quoted numbers", b"\"3/1/2025\",\"1\",\"a\",\"1\",\"1.5\"\n", &[2], "1.5", &[]);
    let buffer = format!("3/1/2025,1,\"{}\n\"\"\",1,1\n3/1/2025,1,a,1,2\n", "x".repeat(4000));
    let many = buffer.repeat(200);
    let sales: Vec<_> = (0..200).flat_map(|n| [2 + 3 * n, 4 + 3 * n]).collect();
    check("quotes over the edges of the buffer", many.as_bytes(), &sales, "600", &[]);
}

#[test]
fn amounts_are_plain_decimals_or_rejected() {
    for (text, sum) in [
        ("-0", "0"),
        ("+5", "5"),
        (" 5 ", "5"),
        (".5", "0.5"),
        ("5.", "5"),
        ("0.036", "0.036"),
        ("-196.20", "-196.2"),
        ("\u{a0}7\u{2009}", "7"),
        ("007", "7"),
        ("1.0000000000", "1"),
        ("999999999999999.999999999", "999999999999999.999999999"),
    ] {
        check(text, format!("3/1/2025,1,a,1,{text}\n").as_bytes(), &[2], sum, &[]);
    }
    for (text, reason) in [
        ("", Missing),
        ("---", Missing),
        ("  ", Missing),
        ("N/A", InvalidNumber),
        ("NULL", InvalidNumber),
        ("$5", InvalidNumber),
        ("S$5", InvalidNumber),
        ("5 SGD", InvalidNumber),
        ("\"1,234.50\"", InvalidNumber),
        ("1 234", InvalidNumber),
        ("1'234", InvalidNumber),
        ("\"1,5\"", InvalidNumber),
        ("5-", InvalidNumber),
        ("\u{2212}5", InvalidNumber),
        ("(12.50)", InvalidNumber),
        ("1e3", InvalidNumber),
        ("1E-7", InvalidNumber),
        ("NaN", InvalidNumber),
        ("Infinity", InvalidNumber),
        ("#REF!", InvalidNumber),
        ("\u{ff15}", InvalidNumber),
        ("\u{665}", InvalidNumber),
        ("0x10", InvalidNumber),
        ("0.1234567891", TooPrecise),
        ("1000000000000000", TooLarge),
        ("99999999999999999999999999999999999999999", TooLarge),
    ] {
        check(text, format!("3/1/2025,1,a,1,{text}\n").as_bytes(), &[], "0", &[(2, reason)]);
    }
    check("no quantity", b"3/1/2025,1,a,,1\n3/1/2025,1,a,---,2\n", &[2, 3], "3", &[]);
    check("a wrong quantity", b"3/1/2025,1,a,two,1\n", &[], "0", &[(2, InvalidNumber)]);
}

#[test]
fn orders_are_text_and_equal_lines_are_sales() {
    let orders = b"3/1/2025,007,a,1,1\n3/1/2025,7,a,1,1\n3/1/2025,A-1,a,1,1\n\
        3/1/2025,99999999999999999999999999,a,1,1\n3/1/2025,7 ,a,1,1\n3/1/2025,7,a,1,1\n";
    let (chunks, _) = read_all(
        &[b"Sale Date,Sale ID,Item name,Quantity,Item Total\n", &orders[..]].concat(),
        &Format::default(),
    );
    let ids: Vec<_> = chunks[0].sales.iter().map(|sale| sale.order_id.as_str()).collect();
    assert_eq!(ids, ["007", "7", "A-1", "99999999999999999999999999", "7", "7"]);
    check(
        "a blank order",
        b"3/1/2025,,a,1,1\n3/1/2025, ,a,1,1\n",
        &[],
        "0",
        &[(2, Missing), (3, Missing)],
    );
}

#[test]
fn bytes_that_are_no_text_reject_their_line_only() {
    check("NUL", b"3/1/2025,1,a\0b,1,1\n3/1/2025,1,a,1,2\n", &[3], "2", &[(2, NulCharacter)]);
    check("Latin-1", b"3/1/2025,1,caf\xe9,1,1\n3/1/2025,1,a,1,2\n", &[3], "2", &[(2, InvalidUtf8)]);
    check("a mark within", "3/1/2025,1,\u{feff}a,1,1\n".as_bytes(), &[2], "1", &[]);
    check(
        "a mark in a number",
        "3/1/2025,1,a,1,\u{feff}1\n".as_bytes(),
        &[],
        "0",
        &[(2, InvalidNumber)],
    );
    check("smart quotes", "3/1/2025,1,\u{201c}a\u{201d},1,1\n".as_bytes(), &[2], "1", &[]);
    let unused = b"Sale Date,Sale ID,Item Total,Notes\n3/1/2025,1,1,caf\xe9\0\n";
    check_file("a column that is not read", unused, &Format::default(), &[2], "1", &[]);
}

#[test]
fn dates_are_of_the_declared_order_or_rejected() {
    for text in ["03/01/2025", "3/1/2025", "3/22/2025", "2025-03-01", "2/29/2024", " 3/1/2025 "] {
        check(text, format!("{text},1,a,1,1\n").as_bytes(), &[2], "1", &[]);
    }
    for text in [
        "13/01/2025",
        "03/01/25",
        "02/30/2025",
        "2/29/2025",
        "45717",
        "today",
        "infinity",
        "3/1/2025 10:00",
        "2025-03-01T10:00:00+08:00",
        "3/1/0001",
        "3/1/9999",
        "0/0/0000",
    ] {
        check(text, format!("{text},1,a,1,1\n").as_bytes(), &[], "0", &[(2, InvalidDate)]);
    }
    let format = Format { date_order: DateOrder::DayFirst, ..Format::default() };
    let bytes = b"Sale Date,Sale ID,Item Total\n22/3/2025,1,1\n3/22/2025,1,2\n2025-03-22,1,4\n";
    check_file("day first", bytes, &format, &[2, 4], "5", &[(3, InvalidDate)]);
}

#[test]
fn headers_are_found_in_every_order_and_dress() {
    for header in [
        "\u{feff}Sale Date,Sale ID,Item Total",
        "\u{feff}\"Sale Date\",\"Sale ID\",\"Item Total\"",
        " sale date ,SALE ID,Item total",
        "\n\n\nSale Date,Sale ID,Item Total",
    ] {
        let line = 2 + u32::try_from(header.matches('\n').count()).unwrap();
        let text = format!("{header}\r\n3/1/2025,1,1.5\r\n");
        check_file(header, text.as_bytes(), &Format::default(), &[line], "1.5", &[]);
    }
    let wide = format!("Sale Date,Sale ID,Item Total{}\n", ",x".repeat(10_000));
    let text = format!("{wide}3/1/2025,1,1.5{}\n", ",".repeat(10_000));
    check_file("ten thousand columns", text.as_bytes(), &Format::default(), &[2], "1.5", &[]);
    let format = Format { delimiter: ";".parse().ok(), ..Format::default() };
    let text = b"Sale Date;Item Total;Sale ID\n3/1/2025;1.5;\"a;b\"\n";
    check_file("semicolons", text, &format, &[2], "1.5", &[]);
}

#[test]
fn a_preamble_is_no_header() {
    let text = "Sales of March\n\nSale Date,Sale ID,Item Total\n";
    let (chunks, end) = read_all(text.as_bytes(), &Format::default());
    assert!(chunks.is_empty());
    assert!(matches!(end, Err(LoadError::Header(HeaderError::Missing(_)))));
}
