//! Files that come again, overlap, or hold lines that are no sales.

use ledger::{
    MaxRejected, OnOverlap, Run,
    outcome::{Reason, RunResult},
};

use crate::{sales::Shape, support::*};

const MARCH: &str = "Sale Date,Sale ID,Item name,Item Total\n\
    3/30/2025,1,Water,1.5\n3/31/2025,2,Water,2\n3/31/2025,2,Water,2\n";

#[tokio::test]
async fn a_longer_export_adds_only_what_is_new_under_every_policy() {
    for policy in [OnOverlap::Fail, OnOverlap::Skip, OnOverlap::Replace] {
        let shop = Shop::open().await;
        assert_published(&shop.load_text(MARCH).await, 3, 0);
        let longer = format!("{MARCH}4/1/2025,3,Water,4\n4/1/2025,1,Water,-1.5\n");
        let outcome = shop.load(with_policy(policy), upload(&longer)).await;
        assert_published(&outcome, 2, 3);
        assert_eq!(shop.revenue().await, "8");
    }
}

#[tokio::test]
async fn other_lines_of_an_order_day_are_a_conflict_that_the_policy_decides() {
    let corrected = MARCH.replacen("3/31/2025,2,Water,2", "3/31/2025,2,Water,20", 1);
    for (policy, revenue) in [(OnOverlap::Skip, "5.5"), (OnOverlap::Replace, "23.5")] {
        let shop = Shop::open().await;
        shop.load_text(MARCH).await;
        let outcome = shop.load(with_policy(policy), upload(&corrected)).await;
        let imported = if policy == OnOverlap::Replace { 2 } else { 0 };
        assert_published(&outcome, imported, 3 - imported);
        assert_eq!(shop.revenue().await, revenue);
    }
    let shop = Shop::open().await;
    let first = shop.load_text(MARCH).await;
    let outcome = shop.load(with_policy(OnOverlap::Fail), upload(&corrected)).await;
    assert_ended(&outcome, RunResult::Refused, Reason::Overlap);
    assert_eq!(outcome.conflicts[0].import_id, first.import_id);
    assert_eq!(outcome.conflicts[0].order_id, "2");
    assert_eq!(shop.revenue().await, "5.5");
}

#[tokio::test]
async fn overlapping_exports_of_any_cut_sum_up_to_the_whole() {
    let shop = Shop::open().await;
    let mut bytes = Vec::new();
    let expected = crate::sales::write(&mut bytes, &Shape::of(10_000)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let part = |range: std::ops::Range<usize>| {
        // Cut where an order begins, as an export by days would be.
        let order = |line: usize| lines[line].split(',').nth(2).unwrap();
        let cut = |at: usize| (at..lines.len()).find(|&at| at < 2 || order(at) != order(at - 1));
        let (start, end) = (cut(range.start).unwrap(), cut(range.end).unwrap_or(lines.len()));
        format!("{}{}", lines[0], lines[start..end].concat())
    };
    for range in [4_000..8_000, 1..5_000, 3_000..10_000, 2..9_999] {
        let outcome = shop.load_text(&part(range)).await;
        assert_ended(&outcome, RunResult::Published, Reason::Published);
    }
    let outcome = shop.load_text(&text).await;
    assert_ended(&outcome, RunResult::Published, Reason::Published);
    shop.assert_holds(&expected).await;
}

#[tokio::test]
async fn rejected_lines_refuse_a_file_unless_so_many_are_tolerated() {
    let shop = Shop::open().await;
    let text = format!(
        "{HEADER}13/1/2025,1,a,1\n3/1/2025,,a,1\n3/1/2025,2,a,1\n3/1/2025,2,a,x\n3/1/2025,2\n"
    );
    for (allowed, tolerated) in [("0", false), ("3", false), ("79%", false), ("80%", true)] {
        let outcome = shop.load(tolerating(allowed), upload(&text)).await;
        let lines: Vec<_> = outcome.rejects.iter().map(|reject| reject.line).collect();
        assert_eq!(lines, [2, 3, 5, 6], "{allowed}");
        assert_eq!((outcome.lines_read, outcome.lines_rejected), (5, 4));
        if tolerated {
            assert_published(&outcome, 1, 0);
        } else {
            assert_ended(&outcome, RunResult::Refused, Reason::TooManyRejected);
            assert!(outcome.message.contains("4 of 5 lines"), "{}", outcome.message);
        }
    }
    assert_eq!(shop.revenue().await, "1");
}

#[tokio::test]
async fn a_refused_file_keeps_its_first_rejects_and_exact_counts() {
    let shop = Shop::open().await;
    let text = format!("{HEADER}{}3/1/2025,1,a,1\n", "x,1,a,1\n".repeat(25_000));
    let outcome = shop.load(tolerating("7"), upload(&text)).await;
    assert_ended(&outcome, RunResult::Refused, Reason::TooManyRejected);
    assert_eq!((outcome.lines_rejected, outcome.lines_valid), (25_000, 1));
    assert_eq!(shop.sql("SELECT count(*), max(line) FROM takings.reject"), "10000|10001");
    let counts = "SELECT reject_counts FROM takings.imported_file";
    assert_eq!(shop.sql(counts), "{\"InvalidDate\": 25000}");
    assert_eq!(shop.sql("SELECT count(*) FROM takings.sale"), "0");
}

#[tokio::test]
async fn a_published_file_keeps_all_its_rejects() {
    let shop = Shop::open().await;
    let text = format!("{HEADER}{}3/1/2025,1,a,1\n", "x,1,a,1\n".repeat(25_000));
    let outcome = shop.load(tolerating("100%"), upload(&text)).await;
    assert_published(&outcome, 1, 0);
    assert_eq!(shop.sql("SELECT count(*), max(line) FROM takings.reject"), "25000|25001");
}

#[tokio::test]
async fn the_same_content_with_fewer_tolerated_rejects_is_refused() {
    let shop = Shop::open().await;
    let path = shop.write("sales.csv", format!("{HEADER}x,1,a,1\n3/1/2025,1,a,1\n"));
    assert_published(&shop.load(tolerating("1"), file(&path)).await, 1, 0);
    let again = shop.load(tolerating("1"), file(&path)).await;
    assert_ended(&again, RunResult::AlreadyLoaded, Reason::AlreadyLoaded);
    let strict = shop.load(request(), file(&path)).await;
    assert_ended(&strict, RunResult::Refused, Reason::TooManyRejected);
}

#[tokio::test]
async fn a_run_that_ended_is_answered_without_opening_its_source() {
    let shop = Shop::open().await;
    let mut request = request();
    request.max_rejected = MaxRejected::Count(0);
    let published = shop.load(request.clone(), upload(MARCH)).await;
    let missing = file(std::path::Path::new("/nonexistent/march.csv"));
    assert_eq!(shop.load(request.clone(), missing).await, published);

    let second = ledger::Outcome { run: Run(2), ..published };
    request.run = second.run;
    let corrected = MARCH.replace("1.5", "2.5");
    assert_published(&shop.load(request.clone(), upload(&corrected)).await, 3, 0);
    assert_eq!(shop.revenue().await, "6.5", "the second run takes the place of the first");
    request.run = Run(1);
    assert_published(&shop.load(request, upload("")).await, 3, 0);
    assert_eq!(shop.revenue().await, "6.5");
}

#[tokio::test]
async fn two_importers_with_the_same_file_at_the_same_moment_add_it_once() {
    let shop = Shop::open().await;
    let (path, expected) = shop.write_generated("sales.csv", &Shape::of(10_000));
    let same_run = request();
    let (one, two, three) = tokio::join!(
        shop.load(same_run.clone(), file(&path)),
        shop.load(same_run, file(&path)),
        shop.load(request(), file(&path)),
    );
    let all = [one, two, three];
    let imported: u64 = all
        .iter()
        .filter(|outcome| outcome.result == RunResult::Published)
        .map(|outcome| outcome.lines_imported)
        .max()
        .unwrap();
    assert_eq!(imported, 10_000);
    assert_eq!(all[0], all[1], "two tries of one run have one end");
    for outcome in &all {
        assert!(outcome.result.is_final(), "{outcome:?}");
    }
    shop.assert_holds(&expected).await;
}
