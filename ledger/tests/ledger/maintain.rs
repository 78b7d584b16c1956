//! What is left behind by runs that end otherwise, and how it goes.

use std::time::Duration;

use ledger::{
    outcome::RunResult,
    postgres::{Maintained, Retention},
};

use crate::support::*;

const NOTHING: Maintained = Maintained {
    abandoned_runs: 0,
    swept_loads: 0,
    purged_loads: 0,
    removed_lines: 0,
    purged_rejects: 0,
};

impl TestLedger {
    /// Gives up runs that nobody has seen for a day.
    async fn maintain(&self) -> Maintained {
        let retention = Retention {
            unended_runs: Duration::from_hours(24),
            ended_loads: None,
            reject_values: None,
        };
        self.ledger.maintain(&retention).await.unwrap()
    }

    /// Makes it 25 hours ago that the run without an end was seen in this way.
    fn long_ago(&self, table: &str, column: &str) {
        self.sql(&format!("UPDATE takings.{table} SET {column} = now() - interval '25 hours'"));
    }
}

#[tokio::test]
async fn what_a_run_without_an_end_left_behind_goes_after_a_day() {
    let test = TestLedger::new().await;
    let published = File::new(&[(1, "a", "1"), (2, "b", "2")]);
    test.load(&published).await;
    let before = test.load_rows();
    let left = File::new(&[(3, "c", "4"), (3, "d", "8"), (3, "e", "16"), (4, "f", "32")]);
    let run = open(&test.ledger, &left).await;
    let load = write(&test.ledger, &run, &left).await.unwrap();
    test.ledger.claim(&run, &claim(Duration::ZERO)).await.unwrap();
    for (table, column) in [
        ("imported_file", "started_at"),
        ("load", "opened_at"),
        ("load_chunk", "loaded_at"),
        ("claim", "seen_at"),
    ] {
        assert_eq!(test.maintain().await, NOTHING, "a sign of life: {table}.{column}");
        test.long_ago(table, column);
    }
    let removed = Maintained { abandoned_runs: 1, swept_loads: 1, removed_lines: 4, ..NOTHING };
    assert_eq!(test.maintain().await, removed);
    assert_eq!(test.load_rows(), before);
    assert_eq!(test.sql("SELECT count(*) FROM takings.claim"), "0");
    assert_eq!(test.maintain().await, NOTHING, "twice does no harm");
    // Its importer was only asleep: it learns how the run has ended, and adds nothing.
    assert!(load.loaded().await.unwrap().is_empty());
    let outcome = write_and_publish(&test.ledger, &run, &left).await.unwrap();
    assert_eq!(outcome.result, RunResult::Abandoned);
    assert_eq!(test.figures(1, 31).await, ("3".into(), 2, 2));
    assert_eq!(test.load_rows(), before);
}

#[tokio::test]
async fn a_run_that_never_opened_a_load_is_given_up_a_day_after_it_began() {
    let test = TestLedger::new().await;
    open(&test.ledger, &File::new(&[])).await;
    assert_eq!(test.maintain().await, NOTHING);
    test.long_ago("imported_file", "started_at");
    assert_eq!(test.maintain().await, Maintained { abandoned_runs: 1, ..NOTHING });
}

#[tokio::test]
async fn only_the_owner_maintains() {
    let test = TestLedger::new().await;
    let (role, importer) = test.role("importer");
    test.ledger.grant_importer(&role, &"shop".parse().unwrap()).await.unwrap();
    let error = importer.maintain(&KEEP_NOTHING).await.unwrap_err();
    assert!(error.to_string().contains("permission denied"), "{error}");
}
