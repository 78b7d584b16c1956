//! What a file sums up to, whatever it looks like on the outside.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use ledger::outcome::{Reason, RunResult};

use crate::{
    sales::{self, Shape},
    support::*,
};

const SAMPLE: &str = include_str!("../../../examples/sales-report.csv");

#[tokio::test]
async fn the_sample_has_its_five_facts() {
    let shop = Shop::open().await;
    let outcome = shop.load_text(SAMPLE).await;
    assert_published(&outcome, 4, 0);
    assert_eq!(outcome.revenue.unwrap().to_string(), "-171.348");
    let (from, to) = (outcome.first_sale_date.unwrap(), outcome.last_sale_date.unwrap());
    let daily = shop.ledger.daily(&outcome.dataset, from, to).await.unwrap();
    let days: Vec<_> =
        daily.iter().map(|day| (day.date.to_string(), day.revenue.to_string())).collect();
    let expected = [("2025-03-01", "24.852"), ("2025-03-02", "-196.2")];
    assert_eq!(days, expected.map(|(date, revenue)| (date.to_owned(), revenue.to_owned())));
    let all = shop.ledger.revenue(&outcome.dataset, from, to).await.unwrap();
    assert_eq!((all.order_count, all.line_count), (2, 4));
}

#[tokio::test]
async fn a_hundred_thousand_lines_equal_an_independent_sum_by_day_and_in_all() {
    let shop = Shop::open().await;
    let (path, expected) = shop.write_generated("sales.csv", &Shape::of(100_000));
    assert!(expected.orders > 80_000 && expected.orders < 90_000, "{}", expected.orders);
    let outcome = shop.load(request(), file(&path)).await;
    assert_published(&outcome, 100_000, 0);
    assert_eq!(outcome.revenue.unwrap().to_string(), sales::amount(expected.mills()));
    shop.assert_holds(&expected).await;

    let copy = shop.folder.join("the same under another name.csv");
    std::fs::copy(&path, &copy).unwrap();
    let again = shop.load(request(), file(&copy)).await;
    assert_ended(&again, RunResult::AlreadyLoaded, Reason::AlreadyLoaded);
    let existing = again.existing.unwrap();
    assert_eq!((existing.import_id, existing.filename.as_str()), (outcome.import_id, "sales.csv"));
    assert!(again.message.contains("sales.csv"), "{}", again.message);
    shop.assert_holds(&expected).await;
}

#[tokio::test]
async fn a_file_says_the_same_in_every_dress() {
    let shape = Shape::of(3_000);
    let crlf = Shape { line_end: "\r\n", ..shape };
    let cr = Shape { line_end: "\r", ..shape };
    for (name, shape, gzip, mark) in [
        ("lf", shape, false, ""),
        ("crlf", crlf, false, "\u{feff}"),
        ("cr", cr, false, ""),
        ("gzip", shape, true, ""),
        ("gzip of crlf", crlf, true, "\u{feff}"),
    ] {
        let shop = Shop::open().await;
        let mut bytes = mark.as_bytes().to_vec();
        let expected = sales::write(&mut bytes, &shape).unwrap();
        if gzip {
            // Two members one after the other, as `cat a.gz b.gz` makes them.
            let (first, second) = bytes.split_at(bytes.len() / 2);
            bytes = [first, second].map(packed).concat();
        }
        let path = shop.write("sales.csv", bytes);
        assert_published(&shop.load(request(), file(&path)).await, 3_000, 0);
        shop.assert_holds(&expected).await;
        eprintln!("{name}: as expected");
    }
}

#[tokio::test]
async fn fields_with_line_ends_keep_the_line_numbers_of_what_follows() {
    let shop = Shop::open().await;
    let text = format!(
        "\u{feff}\n{HEADER}3/1/2025,1,\"a\r\nb\",1.5\r\n\n3/1/2025,2,x,oops\r\"3/1/2025\",3,y,2\n"
    );
    let outcome = shop.load(tolerating("1"), upload(&text)).await;
    assert_published(&outcome, 2, 0);
    let lines = shop.sql("SELECT string_agg(line::text, ' ' ORDER BY line) FROM takings.sale");
    assert_eq!((lines.as_str(), outcome.rejects[0].line), ("3 7", 6));
    assert_eq!(shop.sql("SELECT count(*) FROM takings.live_sale WHERE product = E'a\\r\\nb'"), "1");
}

#[tokio::test]
async fn equal_lines_within_an_order_are_all_sales() {
    let shop = Shop::open().await;
    let text = format!("{HEADER}{}", "3/1/2025,7,Water,0.436\n".repeat(3));
    assert_published(&shop.load_text(&text).await, 3, 0);
    assert_eq!(shop.revenue().await, "1.308");
}

#[tokio::test]
async fn a_header_alone_is_published_with_no_lines() {
    let shop = Shop::open().await;
    assert_published(&shop.load_text(HEADER).await, 0, 0);
    assert_eq!(shop.revenue().await, "0");
}

#[tokio::test]
async fn text_that_looks_like_sql_or_copy_is_text() {
    let shop = Shop::open().await;
    let hostile = [
        "\\.",
        "\\N",
        "'); DROP TABLE takings.sale; --",
        "=cmd|'/c calc'!A0",
        "\t",
        "NULL",
        "\"\"",
    ];
    let line = |(order, text): (usize, &&str)| {
        format!("3/1/2025,\\{order},\"{}\",1\n", text.replace('"', "\"\""))
    };
    let lines = hostile.iter().enumerate().map(line).collect::<Vec<_>>().concat();
    let outcome = shop.load_text(&format!("{HEADER}{lines}\\.\n")).await;
    assert_ended(&outcome, RunResult::Refused, Reason::TooManyRejected);
    assert_eq!((outcome.lines_read, outcome.rejects[0].line), (8, 9));
    assert_published(&shop.load_text(&format!("{HEADER}{lines}")).await, 7, 0);
    for (order, text) in hostile.iter().enumerate() {
        let query = format!(
            "SELECT coalesce(product, '(nothing)') FROM takings.live_sale WHERE order_id = '\\{order}'"
        );
        let expected = if text.trim().is_empty() { "(nothing)" } else { text };
        assert_eq!(shop.sql(&query), expected);
    }
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
