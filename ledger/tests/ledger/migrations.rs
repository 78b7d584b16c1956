//! The schema: made once, by several at once, and checked by who uses it.

use crate::support::{TestLedger, connect};
use harness::postgres::Server;
use ledger::postgres::{DatabaseUrl, Ledger, LedgerError};

#[tokio::test]
async fn migrating_twice_and_at_once_changes_nothing_more() {
    let database = Server::shared().unwrap().create_database().unwrap();
    let url = DatabaseUrl::new(&database.url).unwrap();
    let (one, other) = tokio::join!(Ledger::migrate(&url), Ledger::migrate(&url));
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert_eq!(Ledger::migrate(&url).await.unwrap(), 0);
    connect(&database.url).check_schema().await.unwrap();
}

#[tokio::test]
async fn a_database_without_a_ledger_says_what_to_run() {
    let database = Server::shared().unwrap().create_database().unwrap();
    let error = connect(&database.url).check_schema().await.unwrap_err();
    assert!(matches!(error, LedgerError::SchemaMissing), "{error}");
    assert!(error.to_string().contains("takings-importer migrate"));
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let test = TestLedger::new().await;
    test.sql("UPDATE takings.schema_migration SET version = 9999 WHERE version = (SELECT max(version) FROM takings.schema_migration)");
    let error = test.ledger.check_schema().await.unwrap_err();
    assert!(matches!(error, LedgerError::SchemaMismatch { found: 9999, .. }), "{error}");
}

#[tokio::test]
async fn every_migration_file_is_embedded() {
    let test = TestLedger::new().await;
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations")).unwrap();
    let files = files
        .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|e| e == "sql"))
        .count();
    assert_eq!(test.sql("SELECT count(*) FROM takings.schema_migration"), files.to_string());
}
