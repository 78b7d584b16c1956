//! Quotes: what they hold, and what they swallow.

use std::time::Duration;

use importer::Source;
use ledger::{RejectReason::*, outcome::Reason};
use tokio::io::AsyncReadExt as _;

use super::{built, check, trap};
use crate::support::*;

#[tokio::test]
async fn quotes_hold_line_ends_delimiters_and_quotes() {
    let shop = check([
        trap("quoted-newline.csv").loads(1, "1").rejects(&[(4, "", WrongFieldCount)]),
        trap("quoted-crlf.csv").loads(1, "1").rejects(&[(5, "", WrongFieldCount)]),
        trap("doubled-quotes.csv").loads(3, "7"),
        trap("quoted-numbers.csv").loads(1, "1"),
    ])
    .await;
    let names = "SELECT DISTINCT name FROM takings.product WHERE name LIKE '%\"%' ORDER BY 1";
    assert_eq!(shop.sql(names), "\"\nsay \"hi\", twice");
}

#[tokio::test]
async fn quotes_elsewhere_are_text_and_a_backslash_takes_nothing_from_them() {
    check([
        trap("quote-within-a-field.csv").loads(3, "7").rejects(&[(5, "", WrongFieldCount)]),
        trap("backslash-before-a-quote.csv").loads(2, "5").rejects(&[(3, "", WrongFieldCount)]),
        trap("spaces-around-quotes.csv").loads(2, "5").rejects(&[(3, "", WrongFieldCount)]),
    ])
    .await;
}

#[tokio::test]
async fn a_quote_that_is_never_closed_refuses_the_file_at_its_line() {
    check([
        trap("unclosed-quote-at-the-end.csv").refuses(Reason::InvalidFile, "starts on line 3"),
        trap("unclosed-quote-in-the-middle.csv").refuses(Reason::InvalidFile, "starts on line 3"),
        trap("unclosed-quote-before-a-quoted-field.csv")
            .refuses(Reason::InvalidFile, "starts on line 3"),
    ])
    .await;
}

/// A text in which a piece stands so that an edge goes through its pair; its last line is none.
fn over_the_edge(edge: usize, piece: &str) -> String {
    let mut text = "Sale Date,Sale ID,Item Total,Notes\n".to_owned();
    let split = piece.find(['\r', '"']).unwrap() + 1;
    while text.len() + split + 40 < edge {
        let start = "3/1/2025,1,1,\"";
        let room = edge - text.len() - split - start.len();
        let padding = room.min(700 * 1024);
        text.push_str(start);
        text.push_str(&"x".repeat(padding));
        text.push_str(if padding == room { piece } else { "\"\n" });
    }
    format!("{text}x\n")
}

#[tokio::test]
async fn pairs_are_kept_together_over_the_edges_of_buffers() {
    let pairs = [
        "\r\n\"\n",     // a quoted CRLF
        "\"\"a\"\n",    // a doubled quote
        "\"\r\n",       // a quote that is closed
        "\n\"\"\"\r\n", // a newline, then a doubled quote
    ];
    // Of the decoder and the first look, of the splitter, and of a chunk.
    let edges = [64 * 1024, 256 * 1024, 2 * 1024 * 1024];
    let shop = Shop::open().await;
    for (edge, pair) in edges.into_iter().flat_map(|edge| pairs.map(|pair| (edge, pair))) {
        let text = over_the_edge(edge, pair);
        let utf16 = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [text.clone().into_bytes(), utf16] {
            let dataset = format!("edge-{edge}-{}", bytes.len()).parse().unwrap();
            let path = shop.write("edge.csv", bytes);
            let request = importer::LoadRequest { dataset, ..tolerating("1") };
            let outcome = shop.load(request, file(&path)).await;
            let last = u32::try_from(text.matches('\n').count()).unwrap();
            assert_eq!(outcome.rejects[0].line, last, "{edge} {pair:?}");
            let sales = text.matches("3/1/2025").count() as u64;
            assert_eq!(outcome.lines_read, sales + 1, "{edge} {pair:?}");
        }
    }
}

/// A file with a field of so many bytes in its second line.
fn huge(bytes: u64, quote: &'static str) -> impl Fn() -> Source {
    move || {
        let start = format!("{HEADER}3/1/2025,1,a,1\n3/1/2025,2,{quote}").into_bytes();
        let end = format!("{quote},2\n3/1/2025,3,b,4\n").into_bytes();
        let field = tokio::io::repeat(b'x').take(bytes);
        let reader = std::io::Cursor::new(start).chain(field).chain(std::io::Cursor::new(end));
        let read_timeout = Duration::from_secs(10);
        Source::Stream { reader: Box::new(reader), filename: "huge.csv".into(), read_timeout }
    }
}

#[tokio::test]
async fn a_field_of_any_size_is_rejected_or_refused_in_bounded_memory() {
    let too_long = |name, bytes, quote| {
        built(name, huge(bytes, quote)).refuses(Reason::InvalidFile, "starts on line 3")
    };
    check([
        built("4 KiB", huge(4 << 10, "")).loads(3, "7"),
        built("4 KiB and a byte", huge((4 << 10) + 1, "")).loads(2, "5").rejects(&[(
            3,
            "Item name",
            TooLong,
        )]),
        built("nearly 1 MiB", huge((1 << 20) - 100, "\"")).loads(2, "5").rejects(&[(
            3,
            "Item name",
            TooLong,
        )]),
        too_long("1 MiB", 1 << 20, ""),
        too_long("64 MiB", 64 << 20, "\""),
        too_long("1 GiB", 1 << 30, ""),
    ])
    .await;
}
