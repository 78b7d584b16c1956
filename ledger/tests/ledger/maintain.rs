//! What is left behind by runs that end otherwise, and how it goes.

use std::time::Duration;

use ledger::{outcome::RunResult, postgres::Maintained};

use crate::support::*;

const DAY: Duration = Duration::from_hours(24);

impl TestLedger {
    /// Rows of all tables that belong to loads.
    fn rows(&self) -> String {
        self.sql(
            "SELECT (SELECT count(*) FROM takings.sale), (SELECT count(*) FROM takings.load),
                (SELECT count(*) FROM takings.load_chunk WHERE chunk >= 0),
                (SELECT count(*) FROM takings.order_block)",
        )
    }
}

#[tokio::test]
async fn what_a_run_without_an_end_left_behind_goes_after_a_day() {
    let test = TestLedger::new().await;
    let published = File::new(&[(1, "a", "1"), (2, "b", "2")]);
    test.load(&published).await;
    let before = test.rows();
    let left = File::new(&[(3, "c", "4"), (3, "d", "8"), (3, "e", "16"), (4, "f", "32")]);
    let run = open(&test.ledger, &left).await;
    let load = write(&test.ledger, &run, &left).await.unwrap();
    let nothing = Maintained::default();
    assert_eq!(test.ledger.maintain(DAY).await.unwrap(), nothing, "it may still go on");
    test.sql(
        "UPDATE takings.imported_file SET started_at = now() - interval '25 hours'
            WHERE status = 'Running'",
    );
    let removed = Maintained { abandoned_runs: 1, swept_loads: 1, removed_lines: 4 };
    assert_eq!(test.ledger.maintain(DAY).await.unwrap(), removed);
    assert_eq!(test.rows(), before);
    assert_eq!(test.ledger.maintain(DAY).await.unwrap(), nothing, "twice does no harm");
    // Its importer was only asleep: it learns how the run has ended, and adds nothing.
    assert!(load.loaded().await.unwrap().is_empty());
    let outcome = write_and_publish(&test.ledger, &run, &left).await.unwrap();
    assert_eq!(outcome.result, RunResult::Abandoned);
    assert_eq!(test.figures(1, 31).await, ("3".into(), 2, 2));
    assert_eq!(test.rows(), before);
}

#[tokio::test]
async fn only_the_owner_maintains() {
    let test = TestLedger::new().await;
    let (role, importer) = test.role("importer");
    test.ledger.grant_importer(&role, &"shop".parse().unwrap()).await.unwrap();
    let error = importer.maintain(Duration::ZERO).await.unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
}
