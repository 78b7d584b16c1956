//! A file that breaks somewhere: what is told of it is what stands before that place, whoever was
//! reading where at that moment.

use importer::LoadRequest;
use ledger::{
    Outcome,
    outcome::{Reason, RunResult},
};

use crate::support::*;

/// Lines before the place where it breaks, and among them those that are no sales.
const LINES: u64 = 3_000;
const BAD: u64 = LINES / 10;
/// So that there are chunks of few lines, and one of all.
const CHUNK_BYTES: [u32; 3] = [10_000, 30_000, importer::CHUNK_BYTES];

const SOME_ID: &str = "d9428888-122b-41e1-b85c-61f1f1a1b1c1";

/// So many lines of which each tenth is no sale.
fn lines(count: u64) -> String {
    let line = |number| match number % 10 {
        0 => "bad,,,\n".to_owned(),
        _ => format!("3/1/2025,{number},Water,1\n"),
    };
    (1..=count).map(line).collect()
}

/// What the program tells of a file that breaks, and what it puts on record.
async fn told(shop: &Shop, text: &str, chunk_bytes: u32) -> (Outcome, Vec<u64>) {
    let request = LoadRequest { chunk_bytes, connections: 4, ..tolerating("100%") };
    let import_id = request.import_id;
    let mut outcome = shop.load(request, upload(text)).await;
    assert_ended(&outcome, RunResult::Refused, Reason::InvalidFile);
    let import = shop.ledger.import(import_id).await.unwrap().unwrap();
    let rejects = shop.ledger.rejects(import.id, 20_000, None).await.unwrap();
    // How much of the file was read depends on where it was cut.
    outcome.bytes = 0;
    outcome.import_id = SOME_ID.parse().unwrap();
    (outcome, rejects.iter().map(|reject| reject.line.into()).collect())
}

/// Asserts that all loads of a file tell the same.
async fn check(breaking: &str, sentence: &str) {
    let shop = Shop::open().await;
    let text = format!("{HEADER}{}{breaking}{}", lines(LINES), lines(2 * LINES));
    let first = told(&shop, &text, CHUNK_BYTES[0]).await;
    assert!(first.0.message.contains(sentence), "{:?}", first.0);
    assert!(first.0.message.contains(&format!("line {} ", LINES + 2)), "{:?}", first.0);
    assert_eq!((first.0.lines_read, first.0.lines_rejected), (LINES, BAD), "{:?}", first.0);
    assert_eq!(first.1, (1..=BAD).map(|number| 10 * number + 1).collect::<Vec<_>>());
    for repeat in 1..=20 {
        let chunk_bytes = CHUNK_BYTES[repeat % CHUNK_BYTES.len()];
        let again = told(&shop, &text, chunk_bytes).await;
        assert_eq!(again, first, "repeat {repeat}, chunks of {chunk_bytes} bytes");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_doubtful_quote_nothing_counts() {
    let doubtful = "3/1/2025,1,\"Water,1\n3/1/2025,2,\"Soda\",1\n";
    // Behind it stands another: the first is told.
    check(&format!("{doubtful}{}{doubtful}", lines(400)), "text behind its closing quote").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_record_that_is_too_long_nothing_counts() {
    let long = format!("3/1/2025,1,\"{}\",1\n", "Water, Soda\n".repeat(100_000));
    check(&long, "longer than 1 MiB").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_quote_that_is_never_closed_nothing_counts() {
    check("3/1/2025,1,\"Water,1\n", "ends within a quoted field").await;
    let more_than_a_record = lines(50_000);
    check(&format!("3/1/2025,1,\"Water,1\n{more_than_a_record}"), "longer than 1 MiB").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_doubtful_before_it_is_too_long_is_doubtful() {
    let doubtful = "3/1/2025,1,\"a\nb\"c,";
    check(&format!("{doubtful}{}\n", "Water ".repeat(200_000)), "text behind its closing").await;
}
