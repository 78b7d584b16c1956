//! Every index is paid for by each import: none that no statement looks into.

use std::time::Duration;

use ledger::{OnOverlap, postgres::ImportFilter, postgres::Page};

use crate::support::*;

/// What importers, the API and the owner do, a few times over.
async fn work(test: &TestLedger) {
    let (role, importer) = test.role("importer");
    test.ledger.grant_importer(&role, &"default".parse().unwrap()).await.unwrap();
    let mut first = File::new(&[(1, "a", "1"), (2, "a", "2"), (2, "b", "4"), (3, "c", "-1.5")]);
    first.sales[0].payment_method = Some("Cash");
    load(&importer, &first).await.unwrap();
    load(&importer, &first.clone().run_of(File::new(&[]).import_id(), 1)).await.unwrap();
    let claimed = open(&importer, &File::new(&[])).await;
    importer.claim(&claimed, &claim(Duration::ZERO)).await.unwrap();
    let replacer = File::new(&[(1, "a", "8"), (2, "b", "4")]).on_overlap(OnOverlap::Replace);
    load(&importer, &replacer).await.unwrap();
    importer.revert(first.import_id(), "test", "").await.unwrap();
    test.ledger.maintain(&KEEP_NOTHING).await.unwrap();
    let page = Page { limit: 10, before: None };
    let imports = test.ledger.imports(&ImportFilter::default(), page).await.unwrap();
    test.ledger.rejects(imports[0].id, 10, None).await.unwrap();
    test.figures(1, 31).await;
    let replica = test.ledger.register().await.unwrap();
    test.ledger.renew(&replica, None).await.unwrap();
    test.ledger.unregister(replica).await.unwrap();
    importer.close().await;
    test.ledger.close().await;
}

#[tokio::test]
async fn every_index_is_used_by_a_statement_of_ours() {
    let test = TestLedger::new().await;
    // On tables this small PostgreSQL would look into none.
    test.sql(&format!("ALTER DATABASE {} SET enable_seqscan = off", test.database.name));
    test.ledger.close().await;
    let test = TestLedger { ledger: connect(&test.database.url), ..test };
    work(&test).await;
    let unused = test.sql(
        "SELECT string_agg(indexrelname, ' ' ORDER BY indexrelname) FROM pg_stat_user_indexes
         WHERE schemaname = 'takings' AND idx_scan = 0
            -- Holds the table to one row.
            AND indexrelname <> 'ledger_version_pkey'",
    );
    assert_eq!(unused, "");
    let of_sale = "SELECT count(*) FROM pg_indexes WHERE tablename LIKE 'sale%'";
    assert_eq!(test.sql(of_sale), "0", "each would slow every import");
}
