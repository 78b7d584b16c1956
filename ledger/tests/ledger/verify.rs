//! What is verified holds after every kind of import, and each invariant notices when it is broken.

use ledger::OnOverlap;

use crate::support::*;

/// A ledger with skipped, replaced, retired, reverted, refused and unfinished loads.
async fn busy() -> TestLedger {
    let test = TestLedger::new().await;
    let first = File::new(&[(1, "a", "1"), (2, "a", "2"), (2, "b", "4"), (3, "c", "-1.5")]);
    test.load(&first).await;
    test.load(&File::new(&[(2, "b", "4"), (2, "b2", "1")])).await;
    test.load(&File::new(&[(1, "a", "8"), (4, "a", "1")]).on_overlap(OnOverlap::Replace)).await;
    test.load(&File::new(&[(3, "c", "7"), (3, "d", "1")]).on_overlap(OnOverlap::Skip)).await;
    test.load(&File::new(&[(3, "c", "9")])).await;
    let reverted = File::new(&[(5, "e", "1")]);
    test.load(&reverted).await;
    test.ledger.revert(reverted.import_id(), "test", "").await.unwrap();
    let again = File::new(&[(6, "f", "1")]);
    test.load(&again).await;
    test.load(&File::new(&[(6, "f", "2")]).run_of(again.import_id(), 2)).await;
    let unfinished = File::new(&[(7, "g", "1")]);
    let run = open(&test.ledger, &unfinished).await;
    write(&test.ledger, &run, &unfinished).await.unwrap();
    test
}

/// The invariants that do not hold.
async fn broken(test: &TestLedger) -> Vec<&'static str> {
    let verified = test.ledger.verify().await.unwrap();
    let broken = verified.into_iter().filter(|one| one.violations > 0);
    broken
        .map(|one| {
            assert!(one.invariant.ends_with('.') && !one.examples.is_empty(), "{one:?}");
            one.name
        })
        .collect()
}

#[tokio::test]
async fn each_invariant_holds_and_notices_when_it_is_broken() {
    let test = busy().await;
    assert_eq!(broken(&test).await, [""; 0]);
    for (damage, repair, names) in [
        (
            "UPDATE takings.daily_revenue SET revenue = revenue + 0.000000001 WHERE sale_date = '2025-03-02'",
            "UPDATE takings.daily_revenue SET revenue = revenue - 0.000000001 WHERE sale_date = '2025-03-02'",
            &["daily_figures"][..],
        ),
        (
            "UPDATE takings.order_day_pair SET order_count = order_count + 1 WHERE first_date = '2025-03-01'",
            "UPDATE takings.order_day_pair SET order_count = order_count - 1 WHERE first_date = '2025-03-01'",
            &["order_day_pairs"],
        ),
        (
            "INSERT INTO takings.order_day_pair VALUES (1, '2025-03-08', '2025-03-09', 1)",
            "DELETE FROM takings.order_day_pair WHERE first_date = '2025-03-08'",
            &["order_day_pairs"],
        ),
        (
            "UPDATE takings.imported_file SET revenue = revenue + 1 WHERE load_id = 1",
            "UPDATE takings.imported_file SET revenue = revenue - 1 WHERE load_id = 1",
            &["imported_lines", "load_chunks"],
        ),
        (
            "INSERT INTO takings.reject SELECT imported_file_id, 1, '', '', 'InvalidDate' FROM takings.load WHERE load_id = 1;
             UPDATE takings.imported_file SET lines_rejected = 2, lines_read = lines_read + 2 WHERE load_id = 1",
            "DELETE FROM takings.reject;
             UPDATE takings.imported_file SET lines_rejected = 0, lines_read = lines_read - 2 WHERE load_id = 1",
            &["load_chunks", "lines_read"],
        ),
        (
            "UPDATE takings.load SET state = 'live', publish_order = 99 WHERE state = 'loading'",
            "UPDATE takings.load SET state = 'loading', publish_order = NULL WHERE publish_order = 99",
            &["daily_figures", "load_chunks", "live_loads"],
        ),
        (
            "INSERT INTO takings.sale (dataset_id, load_id, line, sale_date, order_id, line_total) VALUES (1, 99, 2, '2025-03-01', 'x', 1)",
            "DELETE FROM takings.sale WHERE load_id = 99",
            &["known_loads"],
        ),
        (
            "UPDATE takings.load_chunk SET figures.order_counts[1] = 9 WHERE load_id = 1 AND chunk = 0",
            "UPDATE takings.load_chunk SET figures.order_counts[1] = 1 WHERE load_id = 1 AND chunk = 0",
            &["load_figures"],
        ),
        (
            "UPDATE takings.load_chunk SET chunk = 7 WHERE load_id = 1 AND chunk = 1",
            "UPDATE takings.load_chunk SET chunk = 1 WHERE load_id = 1 AND chunk = 7",
            &["load_chunks"],
        ),
        (
            "UPDATE takings.load_chunk SET chunk = -7 WHERE chunk = -1",
            "UPDATE takings.load_chunk SET chunk = -1 WHERE chunk = -7",
            &["load_chunks"],
        ),
        (
            "UPDATE takings.load_chunk SET lines_read = lines_read + 1 WHERE load_id = 1 AND chunk = 0",
            "UPDATE takings.load_chunk SET lines_read = lines_read - 1 WHERE load_id = 1 AND chunk = 0",
            &["load_chunks"],
        ),
        (
            "UPDATE takings.load_chunk SET lines_read = lines_read + 2 * chunk - 1 WHERE load_id = 1 AND chunk >= 0",
            "UPDATE takings.load_chunk SET lines_read = lines_read - 2 * chunk + 1 WHERE load_id = 1 AND chunk >= 0",
            &["load_chunks"],
        ),
        (
            "UPDATE takings.sale SET line = 2 WHERE load_id = 1 AND line = 3",
            "UPDATE takings.sale SET line = 3 WHERE load_id = 1 AND sale_date = '2025-03-02' AND order_id = 'a'",
            &["unique_lines"],
        ),
        (
            "UPDATE takings.superseded SET order_ids = '{x}' WHERE load_id <> by_load_id AND order_ids = '{a}'",
            "UPDATE takings.superseded SET order_ids = '{a}' WHERE load_id <> by_load_id AND order_ids = '{x}'",
            &["daily_figures", "live_order_days"],
        ),
        (
            "UPDATE takings.dataset SET currency = 'EUR'",
            "UPDATE takings.dataset SET currency = 'SGD'",
            &["one_currency"],
        ),
    ] {
        test.sql(damage);
        assert_eq!(broken(&test).await, names, "{damage}");
        test.sql(repair);
        assert_eq!(broken(&test).await, [""; 0], "{repair}");
    }
}
