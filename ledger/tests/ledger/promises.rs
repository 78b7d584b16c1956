//! The promises of the ledger, each on a real PostgreSQL.

use crate::support::{File, TestLedger, connect, day, load, open, write, write_and_publish};
use ledger::{
    OnOverlap, Reject, RejectReason, Run,
    outcome::{Reason, RunResult},
    postgres::{LedgerError, Refusal},
};

#[tokio::test]
async fn every_line_counts_once_equal_ones_and_refunds_too() {
    let test = TestLedger::new().await;
    let file = File::new(&[
        (1, "7101", "23.98"),
        (1, "7101", "0.436"),
        (1, "7101", "0.436"),
        (2, "7102", "-196.2"),
    ]);
    let outcome = test.load(&file).await;
    assert_eq!((outcome.result, outcome.lines_imported), (RunResult::Published, 4));
    assert_eq!(outcome.revenue.unwrap().to_string(), "-171.348");
    assert_eq!(test.figures(1, 31).await, ("-171.348".into(), 4, 2));
    assert_eq!(test.figures(1, 1).await, ("24.852".into(), 3, 1));
    let days = test.ledger.daily(&"default".parse().unwrap(), day(1), day(31)).await.unwrap();
    let days: Vec<_> = days.iter().map(|d| (d.date, d.revenue.to_string())).collect();
    assert_eq!(days, [(day(1), "24.852".into()), (day(2), "-196.2".into())]);
}

#[tokio::test]
async fn the_same_content_adds_nothing_and_names_the_first_import() {
    let test = TestLedger::new().await;
    let first = File::new(&[(1, "a", "1.5")]);
    let load = test.load(&first).await.load;
    let version = test.version().await;
    let again = test.load(&File::new(&[(1, "a", "1.5")])).await;
    assert_eq!(again.result, RunResult::AlreadyLoaded);
    let existing = again.existing.unwrap();
    assert_eq!((existing.import_id, Some(existing.load)), (first.import_id(), load));
    assert!(again.message.contains("shop/march"), "{}", again.message);
    assert_eq!((again.lines_read, again.lines_skipped), (1, 1));
    assert_eq!(test.figures(1, 31).await, ("1.5".into(), 1, 1));
    assert_eq!(test.version().await, version, "nothing changed");
}

#[tokio::test]
async fn a_larger_file_adds_only_what_is_new() {
    let test = TestLedger::new().await;
    test.load(&File::new(&[(1, "a", "1"), (1, "a", "2")])).await;
    // The same lines in another order are the same order-day; numbers compare by value.
    let larger = File::new(&[(1, "a", "2.00"), (1, "a", "1"), (2, "a", "4"), (2, "b", "8")]);
    let outcome = test.load(&larger).await;
    assert_eq!((outcome.lines_imported, outcome.lines_skipped), (2, 2));
    assert_eq!(test.figures(1, 31).await, ("15".into(), 4, 2));
    // And once more, with a line that is new again.
    let outcome = test.load(&File::new(&[(1, "a", "1"), (1, "a", "2"), (3, "c", "1")])).await;
    assert_eq!((outcome.lines_imported, outcome.lines_skipped), (1, 2));
}

#[tokio::test]
async fn an_order_day_with_other_lines_fails_the_whole_file() {
    let test = TestLedger::new().await;
    let first = File::new(&[(1, "a", "1"), (2, "b", "2")]);
    test.load(&first).await;
    let version = test.version().await;
    let outcome = test.load(&File::new(&[(1, "a", "1"), (2, "b", "3"), (3, "c", "4")])).await;
    assert_eq!((outcome.result, outcome.reason), (RunResult::Refused, Reason::Overlap));
    assert_eq!((outcome.lines_read, outcome.lines_skipped, outcome.lines_valid), (3, 1, 2));
    let conflict = &outcome.conflicts[0];
    assert_eq!((conflict.order_id.as_str(), conflict.sale_date), ("b", day(2)));
    assert_eq!(conflict.import_id, first.import_id());
    assert_eq!(test.figures(1, 31).await, ("3".into(), 2, 2));
    assert_eq!(test.version().await, version);
    assert_eq!(test.sql("SELECT count(*) FROM takings.sale"), "2");
}

#[tokio::test]
async fn an_equal_line_more_or_less_is_a_conflict() {
    let test = TestLedger::new().await;
    test.load(&File::new(&[(1, "a", "1"), (1, "a", "1")])).await;
    let outcome = test.load(&File::new(&[(1, "a", "1")])).await;
    assert_eq!(outcome.reason, Reason::Overlap);
}

#[tokio::test]
async fn skip_keeps_what_is_there_and_counts_the_lines_as_skipped() {
    let test = TestLedger::new().await;
    test.load(&File::new(&[(1, "a", "1")])).await;
    let file = File::new(&[(1, "a", "5"), (1, "a", "6"), (2, "b", "7")]);
    let outcome = test.load(&file.on_overlap(OnOverlap::Skip)).await;
    assert_eq!((outcome.lines_imported, outcome.lines_skipped), (1, 2));
    assert_eq!(test.figures(1, 31).await, ("8".into(), 2, 2));
}

#[tokio::test]
async fn replace_takes_the_place_and_its_revert_gives_it_back() {
    let test = TestLedger::new().await;
    test.load(&File::new(&[(1, "a", "1"), (1, "b", "2")])).await;
    let replacer = File::new(&[(1, "a", "5"), (1, "a", "6")]).on_overlap(OnOverlap::Replace);
    let outcome = test.load(&replacer).await;
    assert_eq!((outcome.lines_imported, outcome.lines_skipped), (2, 0));
    assert_eq!(test.figures(1, 31).await, ("13".into(), 3, 2));
    let reverted = test.ledger.revert(replacer.import_id(), "wrong file", "ann").await.unwrap();
    assert_eq!((reverted.lines, reverted.reverted_by.as_str()), (2, "ann"));
    assert_eq!(test.figures(1, 31).await, ("3".into(), 2, 2));
    let version = test.version().await;
    let again = test.ledger.revert(replacer.import_id(), "twice", "bob").await.unwrap();
    assert_eq!(again, reverted, "a second revert changes nothing");
    assert_eq!(test.version().await, version);
}

#[tokio::test]
async fn content_that_lost_an_order_day_is_loaded_anew() {
    let test = TestLedger::new().await;
    let lines = [(1, "a", "1"), (1, "b", "2")];
    test.load(&File::new(&lines)).await;
    test.load(&File::new(&[(1, "a", "5")]).on_overlap(OnOverlap::Replace)).await;
    let outcome = test.load(&File::new(&lines).on_overlap(OnOverlap::Replace)).await;
    assert_eq!((outcome.result, outcome.lines_imported), (RunResult::Published, 1));
    assert_eq!(test.figures(1, 31).await, ("3".into(), 2, 2));
}

#[tokio::test]
async fn a_revert_names_the_imports_that_had_skipped() {
    let test = TestLedger::new().await;
    let first = File::new(&[(1, "a", "1")]);
    test.load(&first).await;
    let same = File::new(&[(1, "a", "1")]);
    test.load(&same).await;
    let larger = File::new(&[(1, "a", "1"), (2, "b", "2")]);
    test.load(&larger).await;
    let reverted = test.ledger.revert(first.import_id(), "test", "").await.unwrap();
    let named: Vec<_> = reverted.skipped_by.iter().map(|import| import.import_id).collect();
    assert_eq!(named, [same.import_id(), larger.import_id()]);
    assert_eq!(test.figures(1, 31).await, ("2".into(), 1, 1));
    // Run again, they bring the lines back.
    test.load(&same.clone().run_of(same.import_id(), 2)).await;
    assert_eq!(test.figures(1, 31).await, ("3".into(), 2, 2));
}

#[tokio::test]
async fn a_later_run_of_an_import_takes_the_place_of_the_former() {
    let test = TestLedger::new().await;
    let first = File::new(&[(1, "a", "1"), (2, "b", "2")]);
    test.load(&first).await;
    let corrected = File::new(&[(1, "a", "10")]).run_of(first.import_id(), 2);
    let outcome = test.load(&corrected).await;
    assert_eq!(outcome.result, RunResult::Published, "{}", outcome.message);
    assert_eq!(test.figures(1, 31).await, ("10".into(), 1, 1));
    assert_eq!(
        test.sql("SELECT string_agg(state, ' ' ORDER BY load_id) FROM takings.load"),
        "retired live"
    );
    // The same content as a third run: the load stays.
    let same = File::new(&[(1, "a", "10")]).run_of(first.import_id(), 3);
    assert_eq!(test.load(&same).await.result, RunResult::AlreadyLoaded);
    assert_eq!(test.figures(1, 31).await, ("10".into(), 1, 1));
}

#[tokio::test]
async fn a_run_again_with_another_imports_content_takes_the_former_run_out() {
    let test = TestLedger::new().await;
    test.load(&File::new(&[(1, "a", "1")])).await;
    let wrong = File::new(&[(2, "b", "2")]);
    test.load(&wrong).await;
    let corrected = File::new(&[(1, "a", "1")]).run_of(wrong.import_id(), 2);
    assert_eq!(test.load(&corrected).await.result, RunResult::AlreadyLoaded);
    assert_eq!(test.figures(1, 31).await, ("1".into(), 1, 1));
}

#[tokio::test]
async fn a_finished_run_returns_its_end_whatever_it_is_asked_again() {
    let test = TestLedger::new().await;
    let file = File::new(&[(1, "a", "1")]);
    let first = test.load(&file).await;
    let other_lines = File::new(&[(9, "z", "9")]).run_of(file.import_id(), 1);
    assert_eq!(test.load(&other_lines).await, first);
    let settled =
        test.ledger.settle(file.import_id(), Run(1), &file.request.dataset).await.unwrap();
    assert_eq!(settled, first);
    // A finished run that is no longer the newest still answers; a new one so low is refused.
    test.load(&File::new(&[(3, "c", "1")]).run_of(file.import_id(), 3)).await;
    assert_eq!(test.load(&file).await.load, first.load);
    let late = test.load(&File::new(&[(4, "d", "1")]).run_of(file.import_id(), 2)).await;
    assert_eq!((late.result, late.reason), (RunResult::Refused, Reason::RunSuperseded));
}

#[tokio::test]
async fn a_settled_run_can_never_publish() {
    let test = TestLedger::new().await;
    let file = File::new(&[(1, "a", "1")]);
    let run = open(&test.ledger, &file).await;
    let settled =
        test.ledger.settle(file.import_id(), Run(1), &file.request.dataset).await.unwrap();
    assert_eq!(settled.result, RunResult::Abandoned);
    let late = write_and_publish(&test.ledger, &run, &file).await.unwrap();
    assert_eq!(late.result, RunResult::Abandoned);
    assert_eq!(test.figures(1, 31).await, ("0".into(), 0, 0));
    // Also where the importer had not begun at all.
    let unseen = File::new(&[(1, "a", "1")]);
    test.ledger.settle(unseen.import_id(), Run(1), &unseen.request.dataset).await.unwrap();
    assert_eq!(test.load(&unseen).await.result, RunResult::Abandoned);
}

#[tokio::test]
async fn a_run_that_was_overtaken_by_a_newer_one_does_not_publish() {
    let test = TestLedger::new().await;
    let old = File::new(&[(1, "a", "1")]);
    let run = open(&test.ledger, &old).await;
    test.load(&File::new(&[(1, "a", "2")]).run_of(old.import_id(), 2)).await;
    let outcome = write_and_publish(&test.ledger, &run, &old).await.unwrap();
    assert_eq!(outcome.reason, Reason::RunSuperseded);
    assert_eq!(test.figures(1, 31).await, ("2".into(), 1, 1));
}

#[tokio::test]
async fn two_importers_of_one_run_publish_it_once() {
    let test = TestLedger::new().await;
    let file = File::new(&[(1, "a", "1")]);
    let (one, other) = (open(&test.ledger, &file).await, open(&test.ledger, &file).await);
    let second_pool = connect(&test.database.url);
    let (one, other) = tokio::join!(
        write_and_publish(&test.ledger, &one, &file),
        write_and_publish(&second_pool, &other, &file)
    );
    assert_eq!(one.unwrap().load, other.unwrap().load);
    assert_eq!(test.figures(1, 31).await, ("1".into(), 1, 1));
    assert_eq!(test.sql("SELECT count(*) FROM takings.sale"), "1");
}

#[tokio::test]
async fn the_same_content_from_two_imports_at_once_counts_once() {
    let test = TestLedger::new().await;
    let (one, other) = (File::new(&[(1, "a", "1")]), File::new(&[(1, "a", "1")]));
    let second_pool = connect(&test.database.url);
    let (one, other) = tokio::join!(load(&test.ledger, &one), load(&second_pool, &other));
    let results = [one.unwrap().result, other.unwrap().result];
    assert!(results.contains(&RunResult::Published) && results.contains(&RunResult::AlreadyLoaded));
    assert_eq!(test.figures(1, 31).await, ("1".into(), 1, 1));
}

#[tokio::test]
async fn an_order_on_several_days_is_one_order() {
    let test = TestLedger::new().await;
    test.load(&File::new(&[(1, "a", "1"), (9, "a", "-1"), (20, "a", "2"), (9, "b", "1")])).await;
    assert_eq!(test.figures(1, 31).await.2, 2);
    assert_eq!(test.figures(2, 31).await.2, 2);
    assert_eq!(test.figures(10, 31).await.2, 1);
    // A day that comes between two others, by another file.
    test.load(&File::new(&[(5, "a", "1")])).await;
    assert_eq!(test.figures(1, 5).await.2, 1);
    assert_eq!(test.figures(1, 31).await.2, 2);
}

#[tokio::test]
async fn a_dataset_has_one_currency_until_nothing_is_live_in_it() {
    let test = TestLedger::new().await;
    let dollars = File::new(&[(1, "a", "1")]);
    test.load(&dollars).await;
    let outcome = test.load(&File::new(&[(2, "b", "1")]).currency("EUR")).await;
    assert_eq!((outcome.result, outcome.reason), (RunResult::Refused, Reason::CurrencyMismatch));
    // The same content in another currency is not the same.
    let outcome = test.load(&File::new(&[(1, "a", "1")]).currency("EUR")).await;
    assert_eq!(outcome.reason, Reason::CurrencyMismatch);
    test.ledger.revert(dollars.import_id(), "test", "").await.unwrap();
    let outcome = test.load(&File::new(&[(2, "b", "1")]).currency("EUR")).await;
    assert_eq!(outcome.result, RunResult::Published);
    let currency = test.ledger.currency(&"default".parse().unwrap()).await.unwrap();
    assert_eq!(currency.unwrap().as_str(), "EUR");
}

#[tokio::test]
async fn datasets_do_not_meet() {
    let test = TestLedger::new().await;
    test.load(&File::new(&[(1, "a", "1")])).await;
    let outcome = test.load(&File::new(&[(1, "a", "7")]).dataset("other")).await;
    assert_eq!(outcome.result, RunResult::Published);
    assert_eq!(test.figures(1, 31).await, ("1".into(), 1, 1));
}

#[tokio::test]
async fn nothing_is_seen_before_publish_has_committed() {
    let test = TestLedger::new().await;
    let file = File::new(&[(1, "a", "1")]);
    let run = open(&test.ledger, &file).await;
    write(&test.ledger, &run, &file).await.unwrap();
    assert_eq!(test.figures(1, 31).await, ("0".into(), 0, 0));
    assert_eq!(test.sql("SELECT count(*) FROM takings.live_sale"), "0");
    // The run goes on where it was cut off.
    assert_eq!(test.load(&file).await.lines_imported, 1);
    assert_eq!(test.sql("SELECT count(*) FROM takings.sale"), "1");
}

#[tokio::test]
async fn every_reject_of_a_published_import_is_on_record() {
    let test = TestLedger::new().await;
    let mut file = File::new(&[(1, "a", "1")]);
    file.request.max_rejected = "2".parse().unwrap();
    file.rejects = vec![
        Reject::new(7, "Sale Date", "13/40/2025", RejectReason::InvalidDate),
        Reject::new(9, "Item Total", "\0x", RejectReason::InvalidNumber),
    ];
    let outcome = test.load(&file).await;
    assert_eq!((outcome.lines_read, outcome.lines_imported, outcome.lines_rejected), (3, 1, 2));
    assert_eq!(outcome.rejects, file.rejects);
    let import = test.ledger.import(file.import_id()).await.unwrap().unwrap();
    let rejects = test.ledger.rejects(import.id, 10, Some(7)).await.unwrap();
    assert_eq!((rejects.len(), rejects[0].line, rejects[0].column.as_str()), (1, 9, "Item Total"));
}

#[tokio::test]
async fn a_refusal_is_recorded_and_final() {
    let test = TestLedger::new().await;
    let file = File::new(&[(1, "a", "1")]);
    let run = open(&test.ledger, &file).await;
    let refusal = Refusal {
        lines_read: 5,
        lines_rejected: 2,
        rejects: vec![Reject::new(3, "Sale Date", "x", RejectReason::InvalidDate)],
        ..Refusal::unread(Reason::TooManyRejected, "2 lines are no sales.")
    };
    let outcome = test.ledger.refuse(&run, refusal).await.unwrap();
    assert_eq!((outcome.result, outcome.lines_valid), (RunResult::Refused, 3));
    assert_eq!(outcome.message, "2 lines are no sales.");
    assert_eq!(test.load(&file).await, outcome);
}

#[tokio::test]
async fn reverting_what_is_not_there_is_told() {
    let test = TestLedger::new().await;
    let error = test.ledger.revert(File::new(&[]).import_id(), "x", "").await.unwrap_err();
    assert!(matches!(error, LedgerError::NothingToRevert(_)), "{error}");
}

#[tokio::test]
async fn a_products_price_is_that_of_its_latest_sale() {
    let test = TestLedger::new().await;
    let priced = |day, price: &str| {
        let mut file = File::new(&[(day, "a", "1")]);
        file.sales[0].unit_price = Some(price.parse().unwrap());
        file
    };
    let price =
        "SELECT name || ' ' || latest_price || ' ' || latest_price_date FROM takings.product";
    test.load(&priced(5, "2.50")).await;
    test.load(&priced(3, "9")).await;
    assert_eq!(test.sql(price), "Mineral Water 2.5 2025-03-05");
    test.load(&priced(7, "3")).await;
    test.load(&File::new(&[(9, "b", "1")])).await;
    assert_eq!(test.sql(price), "Mineral Water 3 2025-03-07");
    assert_eq!(test.sql("SELECT string_agg(name, ',') FROM takings.location"), "Online Store");
}
