//! What is no longer to be kept goes, and nothing that counts or may count again goes with it.

use ledger::{
    OnOverlap, Reject, RejectReason,
    outcome::RunResult,
    postgres::{Maintained, Retention},
};

use crate::support::*;

impl TestLedger {
    async fn keep_nothing(&self) -> Maintained {
        self.ledger.maintain(&KEEP_NOTHING).await.unwrap()
    }

    async fn revert(&self, file: &File) {
        self.ledger.revert(file.import_id(), "test", "ann").await.unwrap();
    }

    /// What is published, and that all that is verified holds.
    async fn verified_figures(&self) -> (String, u64, u64) {
        let verified = self.ledger.verify().await.unwrap();
        assert!(verified.iter().all(|one| one.violations == 0), "{verified:#?}");
        self.figures(1, 31).await
    }
}

#[tokio::test]
async fn the_lines_of_a_reverted_import_go_and_its_record_stays() {
    let test = TestLedger::new().await;
    test.load(&File::new(&[(1, "a", "1")])).await;
    let before = test.load_rows();
    let wrong = File::new(&[(1, "a", "1"), (2, "b", "2"), (2, "c", "4")]);
    let published = test.load(&wrong).await;
    let reverted = test.ledger.revert(wrong.import_id(), "wrong file", "ann").await.unwrap();
    let purged = Maintained { purged_loads: 1, removed_lines: 3, ..Maintained::default() };
    assert_eq!(test.keep_nothing().await, purged);
    assert_eq!(test.load_rows(), before.replace("|1|", "|2|"), "the load itself stays");
    assert_eq!(test.sql("SELECT count(*) FROM takings.superseded"), "0");
    assert_eq!(test.keep_nothing().await, Maintained::default(), "twice does no harm");
    assert_eq!(test.verified_figures().await, ("1".into(), 1, 1));
    assert_eq!(test.load(&wrong).await, published, "who asks the run again is told the same");
    let again = test.ledger.revert(wrong.import_id(), "again", "bob").await.unwrap();
    assert_eq!(again, reverted);
    // The same content comes in again, by another import and by a later run of this one.
    let outcome = test.load(&File::new(&[(1, "a", "1"), (2, "b", "2"), (2, "c", "4")])).await;
    assert_eq!((outcome.result, outcome.lines_imported), (RunResult::Published, 2));
    let outcome = test.load(&wrong.clone().run_of(wrong.import_id(), 2)).await;
    assert_eq!((outcome.lines_imported, outcome.lines_skipped), (0, 3));
    assert_eq!(test.verified_figures().await, ("7".into(), 3, 3));
}

#[tokio::test]
async fn what_was_taken_out_is_kept_until_its_days_are_over_and_for_ever_where_none_are_set() {
    let test = TestLedger::new().await;
    let mut file = File::new(&[(1, "a", "1")]);
    file.request.max_rejected = "1".parse().unwrap();
    file.rejects = vec![Reject::new(7, "Sale Date", "13/40/2025", RejectReason::InvalidDate)];
    test.load(&file).await;
    test.revert(&file).await;
    test.sql("UPDATE takings.load SET ended_at = now() - interval '50 hours'");
    test.sql("UPDATE takings.imported_file SET ended_at = now() - interval '50 hours'");
    let hours = |hours| Some(std::time::Duration::from_hours(hours));
    for (ended_loads, reject_values, purged_loads, purged_rejects) in [
        (None, None, 0, 0),
        (hours(51), hours(51), 0, 0),
        (hours(49), None, 1, 0),
        (None, hours(49), 0, 1),
    ] {
        let retention = Retention { ended_loads, reject_values, ..KEEP_NOTHING };
        let maintained = test.ledger.maintain(&retention).await.unwrap();
        let counts = (maintained.purged_loads, maintained.purged_rejects);
        assert_eq!(counts, (purged_loads, purged_rejects), "{retention:?}");
    }
}

#[tokio::test]
async fn a_load_that_another_has_replaced_as_a_whole_comes_back_when_that_is_reverted() {
    let test = TestLedger::new().await;
    test.load(&File::new(&[(1, "a", "1"), (1, "b", "2")])).await;
    let replacer = File::new(&[(1, "a", "5"), (1, "b", "6")]).on_overlap(OnOverlap::Replace);
    test.load(&replacer).await;
    assert_eq!(test.keep_nothing().await, Maintained::default(), "it is live: it may count again");
    test.revert(&replacer).await;
    assert_eq!(test.keep_nothing().await.purged_loads, 1);
    assert_eq!(test.verified_figures().await, ("3".into(), 2, 2));
}

#[tokio::test]
async fn a_load_may_be_reverted_after_the_one_that_it_had_replaced_is_purged() {
    let test = TestLedger::new().await;
    let [first, second] = ["1", "5"]
        .map(|total| File::new(&[(1, "a", total), (2, "b", total)]).on_overlap(OnOverlap::Replace));
    test.load(&first).await;
    test.load(&second).await;
    test.load(&File::new(&[(2, "b", "7")]).on_overlap(OnOverlap::Replace)).await;
    test.revert(&first).await;
    assert_eq!(test.keep_nothing().await.purged_loads, 1);
    assert_eq!(test.verified_figures().await, ("12".into(), 2, 2));
    test.revert(&second).await;
    assert_eq!(test.verified_figures().await, ("7".into(), 1, 1));
}

#[tokio::test]
async fn the_lines_of_a_former_run_go_and_the_later_run_can_still_be_reverted() {
    let test = TestLedger::new().await;
    let former = File::new(&[(1, "a", "1"), (2, "b", "2")]);
    test.load(&former).await;
    let later = File::new(&[(1, "a", "10")]).run_of(former.import_id(), 2);
    test.load(&later).await;
    let purged = Maintained { purged_loads: 1, removed_lines: 2, ..Maintained::default() };
    assert_eq!(test.keep_nothing().await, purged);
    assert_eq!(test.verified_figures().await, ("10".into(), 1, 1));
    // What is compared is what is live: the order of the former run is new again.
    assert_eq!(test.load(&File::new(&[(2, "b", "3")])).await.lines_imported, 1);
    test.revert(&later).await;
    assert_eq!(test.verified_figures().await, ("3".into(), 1, 1));
}

#[tokio::test]
async fn a_rejected_line_stays_on_record_without_what_stood_there() {
    let test = TestLedger::new().await;
    let mut file = File::new(&[(1, "a", "1")]);
    file.request.max_rejected = "2".parse().unwrap();
    file.rejects = vec![
        Reject::new(7, "Sale Date", "13/40/2025", RejectReason::InvalidDate),
        Reject::new(9, "", "Ann Miller,4711", RejectReason::WrongFieldCount),
    ];
    let published = test.load(&file).await;
    let maintained = test.keep_nothing().await;
    assert_eq!(maintained, Maintained { purged_rejects: 2, ..Maintained::default() });
    assert_eq!(test.keep_nothing().await, Maintained::default(), "twice does no harm");
    let import = test.ledger.import(file.import_id()).await.unwrap().unwrap();
    let rejects = test.ledger.rejects(import.id, 10, None).await.unwrap();
    let kept: Vec<_> =
        rejects.iter().map(|it| (it.line, &*it.column, &*it.reason, it.value.clone())).collect();
    assert_eq!(kept, [(7, "Sale Date", "InvalidDate", None), (9, "", "WrongFieldCount", None)]);
    let mut expected = published;
    expected.rejects.iter_mut().for_each(|reject| reject.value.clear());
    assert_eq!(test.load(&file).await, expected, "the outcome tells all but what stood there");
    test.verified_figures().await;
}

#[tokio::test]
async fn rejects_of_abandoned_runs_age_too_and_those_of_repeated_content_go_with_its_load() {
    let test = TestLedger::new().await;
    let mut file = File::new(&[(1, "a", "1")]);
    file.request.max_rejected = "1".parse().unwrap();
    file.rejects = vec![Reject::new(7, "Sale Date", "13/40/2025", RejectReason::InvalidDate)];
    // Two imports of one content are at it at the same time.
    let same = file.clone().run_of(File::new(&[]).import_id(), 1);
    let run = open(&test.ledger, &same).await;
    let load = write(&test.ledger, &run, &same).await.unwrap();
    test.load(&file).await;
    let rejects = "SELECT string_agg(status || coalesce(' ' || value, ''), ', ' ORDER BY status)
        FROM takings.reject JOIN takings.imported_file USING (imported_file_id)";
    assert_eq!(test.sql(rejects), "Published 13/40/2025, Running 13/40/2025");
    let outcome = load.publish(same.totals()).await.unwrap();
    assert_eq!(outcome.result, RunResult::AlreadyLoaded);
    assert_eq!(outcome.rejects, file.rejects, "those of the load that it names");
    assert_eq!(test.sql(rejects), "Published 13/40/2025");

    let other = file.clone().run_of(File::new(&[]).import_id(), 1).dataset("other");
    let run = open(&test.ledger, &other).await;
    write(&test.ledger, &run, &other).await.unwrap();
    let request = &other.request;
    test.ledger.settle(request.import_id, request.run, &request.dataset).await.unwrap();
    assert_eq!(test.keep_nothing().await.purged_rejects, 2);
    assert_eq!(test.sql(rejects), "Abandoned, Published");
}
