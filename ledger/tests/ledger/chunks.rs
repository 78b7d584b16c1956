//! Chunks of tries that meet: what one has written is taken for another's only where it is the same.

use std::time::Duration;

use ledger::{
    OnOverlap,
    postgres::{Claimed, Load, Names},
};

use crate::support::*;

/// Writes chunk 0 with one line; says whether what is there is that.
async fn write_one(load: &Load, content: u8) -> bool {
    let mut names = Names::default();
    let mut chunk = load.chunk(0, 0);
    chunk.content = [content; 32];
    chunk.add(&sale(2, day(1), "a", "1"), &mut names);
    load.write(chunk, &mut names).await.unwrap()
}

#[tokio::test]
async fn a_chunk_that_another_importer_wrote_counts_only_where_it_is_the_same() {
    let test = TestLedger::new().await;
    let run = open(&test.ledger, &File::new(&[])).await;
    let one = test.ledger.open_load(&run).await.unwrap();
    let other = test.ledger.open_load(&run).await.unwrap();
    assert!(write_one(&one, 1).await);
    assert!(write_one(&other, 1).await, "the same, a moment later");
    assert!(!write_one(&other, 2).await, "another file, or read otherwise");
    assert_eq!(test.sql("SELECT count(*) FROM takings.sale"), "1");
}

#[tokio::test]
async fn a_retry_that_claims_anew_learns_what_earlier_tries_have_loaded() {
    let test = TestLedger::new().await;
    let run = open(&test.ledger, &File::new(&[])).await;
    let claimed = async || match test.ledger.claim(&run, &claim(Duration::ZERO)).await.unwrap() {
        Claimed::Mine(load) => load,
        other => panic!("{other:?}"),
    };
    let first = claimed().await;
    assert!(first.loaded().await.unwrap().is_empty());
    assert!(write_one(&first, 1).await);
    let loaded = claimed().await.loaded().await.unwrap();
    assert_eq!(loaded.values().map(|chunk| chunk.lines_read).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn what_an_earlier_try_has_compared_does_not_count() {
    let test = TestLedger::new().await;
    let file = File::new(&[(1, "a", "1")]);
    let run = open(&test.ledger, &file).await;
    let load = write(&test.ledger, &run, &file).await.unwrap();
    test.sql(
        "SELECT takings.add_chunk(load_id, -1, 0, 'x', 0, 0, '{}', NULL, NULL,
            ROW('{2025-03-01}', '{100}', '{0}', '{0}', '{}', '{}', '{}')::takings.figures, '{}')
         FROM takings.load",
    );
    let outcome = load.publish(file.totals()).await.unwrap();
    assert_eq!((outcome.lines_imported, outcome.revenue), (1, Some("1".parse().unwrap())));
    assert_eq!(test.figures(1, 31).await, ("1".into(), 1, 1));
    assert_eq!(test.sql("SELECT count(*) FROM takings.load_chunk WHERE chunk = -1"), "0");
}

#[tokio::test]
async fn a_load_that_was_given_up_is_gone_once_its_run_has_published() {
    let test = TestLedger::new().await;
    let file = File::new(&[(1, "a", "1")]);
    let run = open(&test.ledger, &file).await;
    write(&test.ledger, &run, &file).await.unwrap().give_up().await.unwrap();
    write_and_publish(&test.ledger, &run, &file).await.unwrap();
    assert_eq!(test.load_rows(), "1|1|1|1");
}

#[tokio::test]
async fn a_load_whose_chunks_are_not_what_was_read_is_not_published() {
    let test = TestLedger::new().await;
    for (lines_read, lines_rejected) in [(3, 0), (1, 0), (2, 1)] {
        let file = File::new(&[(1, "a", "1"), (1, "b", "2")]);
        let run = open(&test.ledger, &file).await;
        let load = write(&test.ledger, &run, &file).await.unwrap();
        let mut totals = file.totals();
        (totals.lines_read, totals.lines_rejected) = (lines_read, lines_rejected);
        let error = load.publish(totals).await.unwrap_err();
        assert!(error.to_string().contains("not those that were read"), "{error}");
        assert_eq!(test.figures(1, 31).await.1, 0);
        let request = &file.request;
        test.ledger.settle(request.import_id, request.run, &request.dataset).await.unwrap();
        let left =
            "SELECT (SELECT count(*) FROM takings.sale), (SELECT count(*) FROM takings.load)";
        assert_eq!(test.sql(left), "0|0", "what a settled run left behind is swept");
    }
}

#[tokio::test]
async fn a_run_has_the_settings_of_its_latest_try_until_it_has_ended() {
    let test = TestLedger::new().await;
    let file = File::new(&[(1, "a", "1")]).currency("EUR");
    open(&test.ledger, &file).await;
    let file = file.currency("SGD").on_overlap(OnOverlap::Skip);
    let settings = "SELECT currency, on_overlap FROM takings.imported_file";
    let outcome = test.load(&file).await;
    assert_eq!(test.sql(settings), "SGD|skip");
    let again = test.load(&file.clone().currency("USD")).await;
    assert_eq!((again, test.sql(settings)), (outcome, "SGD|skip".to_owned()));
}

/// What a transaction of these statements waits for at its end.
fn commit_waits(test: &TestLedger, statements: &str) -> String {
    let sql = format!("BEGIN; {statements}; SHOW synchronous_commit; ROLLBACK");
    test.sql(&sql).lines().rev().find(|line| ["on", "off"].contains(line)).unwrap().into()
}

#[tokio::test]
async fn only_the_end_of_a_run_waits_for_the_disk_whatever_the_server_does() {
    let test = TestLedger::new().await;
    let file = File::new(&[(1, "a", "1")]);
    let run = open(&test.ledger, &file).await;
    write(&test.ledger, &run, &file).await.unwrap();
    let names = "SELECT takings.name_ids(load_id, '{tea}', '{}', '{}') FROM takings.load";
    let reject = "SELECT takings.add_rejects(imported_file_id, '{2}', '{Total}', '{x}', '{Missing}') FROM takings.imported_file";
    let end = "SELECT takings.refuse_run(imported_file_id, 'Invalid', 'x', NULL, 0, 0, 0, 0, NULL, NULL, '[]', '{}', NULL) FROM takings.imported_file";
    let settle = "SELECT takings.settle_run(import_id, 1, 'default') FROM takings.imported_file";
    for default in ["on", "off"] {
        test.sql(&format!(
            "ALTER DATABASE {} SET synchronous_commit = {default}",
            test.database.name
        ));
        assert_eq!(commit_waits(&test, names), "off");
        assert_eq!(commit_waits(&test, reject), "off");
        assert_eq!(commit_waits(&test, end), "on");
        assert_eq!(commit_waits(&test, settle), "on");
        assert_eq!(commit_waits(&test, &format!("{reject}; {end}")), "on");
    }
}
