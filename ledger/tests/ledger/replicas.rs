//! Who tells of a change waits for every replica that could still answer with what was before.

use std::time::Duration;

use ledger::{
    Outcome, Run,
    outcome::RunResult,
    postgres::{BootTime, LEASE, LedgerError, Registration},
};

use crate::support::{File, TestLedger, load, open, write};

const FIRST: &[(i8, &str, &str)] = &[(1, "1", "2.5")];
const OTHER: &[(i8, &str, &str)] = &[(2, "2", "1")];

/// A replica that knows of the present version and says nothing more.
async fn silent(test: &TestLedger) -> Registration {
    let registration = test.ledger.register().await.unwrap();
    let version = test.version().await;
    let renewed = test.ledger.renew(&registration, Some(version)).await.unwrap();
    assert_eq!(renewed.unwrap().version, version);
    registration
}

/// Whether a replica is still registered, and so would be waited for.
async fn is_registered(test: &TestLedger, registration: &Registration) -> bool {
    test.ledger.renew(registration, None).await.unwrap().is_some()
}

#[tokio::test]
async fn a_publish_is_told_as_soon_as_every_replica_knows_of_it() {
    let test = TestLedger::new().await;
    let replicas = [silent(&test).await, silent(&test).await];
    let before = test.version().await;
    let (ledger, file) = (test.ledger.clone(), File::new(FIRST));
    let publish = tokio::spawn(async move { load(&ledger, &file).await });
    let version = loop {
        let version = test.version().await;
        if version > before {
            break version;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    for replica in &replicas {
        assert!(!publish.is_finished(), "it was told before all replicas knew of it");
        let renewed = test.ledger.renew(replica, Some(version)).await.unwrap();
        assert_eq!(renewed.unwrap().version, version);
    }
    assert_eq!(publish.await.unwrap().unwrap().result, RunResult::Published);
    for replica in &replicas {
        assert!(is_registered(&test, replica).await);
    }
}

#[tokio::test]
async fn a_silent_replica_is_waited_for_as_long_as_its_lease_may_last_and_then_forgotten() {
    let test = TestLedger::new().await;
    let replica = silent(&test).await;
    let began = BootTime::now();
    test.load(&File::new(FIRST)).await;
    assert!(BootTime::now() > began.after(LEASE), "its lease had not run out");
    assert!(!is_registered(&test, &replica).await);
}

#[tokio::test]
async fn a_replica_that_registers_after_the_change_is_not_waited_for() {
    let test = TestLedger::new().await;
    let replica = silent(&test).await;
    let (ledger, file) = (test.ledger.clone(), File::new(FIRST));
    let publish = tokio::spawn(async move { load(&ledger, &file).await });
    while test.version().await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // Long enough for the register to have been read.
    tokio::time::sleep(LEASE / 4).await;
    let later = test.ledger.register().await.unwrap();
    test.ledger.renew(&replica, Some(1)).await.unwrap();
    publish.await.unwrap().unwrap();
    assert!(is_registered(&test, &later).await);
}

#[tokio::test]
async fn every_way_to_tell_of_what_is_published_waits() {
    let test = TestLedger::new().await;
    let first = File::new(FIRST);
    test.load(&first).await;

    let replica = silent(&test).await;
    test.sql("UPDATE takings.ledger_version SET version = version + 1");
    assert_eq!(test.load(&first).await.result, RunResult::Published, "asked for again");
    assert!(!is_registered(&test, &replica).await, "asked for again");

    let replica = silent(&test).await;
    test.sql("UPDATE takings.ledger_version SET version = version + 1");
    let same = File::new(FIRST);
    assert_eq!(test.load(&same).await.result, RunResult::AlreadyLoaded);
    assert!(!is_registered(&test, &replica).await, "the same content");

    let replica = silent(&test).await;
    test.sql("UPDATE takings.ledger_version SET version = version + 1");
    let dataset = &first.request.dataset;
    let settled = test.ledger.settle(first.import_id(), Run(1), dataset).await.unwrap();
    assert_eq!(settled.result, RunResult::Published);
    assert!(!is_registered(&test, &replica).await, "settled");

    let replica = silent(&test).await;
    test.ledger.revert(first.import_id(), "a mistake", "").await.unwrap();
    assert!(!is_registered(&test, &replica).await, "reverted");

    let replica = silent(&test).await;
    test.sql("UPDATE takings.ledger_version SET version = version + 1");
    test.ledger.revert(first.import_id(), "a mistake", "").await.unwrap();
    assert!(!is_registered(&test, &replica).await, "reverted before");
}

#[tokio::test]
async fn what_changes_no_figure_waits_for_nobody() {
    let test = TestLedger::new().await;
    let file = File::new(FIRST);
    open(&test.ledger, &file).await;
    let replica = silent(&test).await;
    test.sql("UPDATE takings.ledger_version SET version = version + 1");
    let dataset = &file.request.dataset;
    let settled = test.ledger.settle(file.import_id(), Run(1), dataset).await.unwrap();
    assert_eq!(settled.result, RunResult::Abandoned);
    assert!(is_registered(&test, &replica).await);
}

#[tokio::test]
async fn a_publish_whose_register_can_not_be_read_is_not_told() {
    let test = TestLedger::new().await;
    let file = File::new(FIRST);
    let run = open(&test.ledger, &file).await;
    let written = write(&test.ledger, &run, &file).await.unwrap();
    test.sql("ALTER TABLE takings.replica RENAME TO replica_away");
    let published: Result<Outcome, LedgerError> = written.publish(file.totals()).await;
    published.unwrap_err();
    test.sql("ALTER TABLE takings.replica_away RENAME TO replica");
    assert_eq!(test.version().await, 1, "it is there all the same");
    assert_eq!(test.load(&file).await.result, RunResult::Published);
}

#[tokio::test]
async fn an_importer_can_not_make_others_forget_a_replica_that_was_just_seen() {
    let test = TestLedger::new().await;
    let (role, importer) = test.role("importer");
    test.ledger.grant_importer(&role, &"default".parse().unwrap()).await.unwrap();
    let replica = silent(&test).await;
    let id = test.sql("SELECT replica_id FROM takings.replica");
    let forget = format!("SELECT takings.forget_replicas(ARRAY['{id}'::uuid], 9)");
    let as_importer = |sql: &str| test.sql(&format!("SET ROLE {role}; {sql}"));
    as_importer(&forget);
    assert!(is_registered(&test, &replica).await);
    // A load of its own tells as others do.
    test.ledger.unregister(replica).await.unwrap();
    load(&importer, &File::new(OTHER)).await.unwrap();
    let refused = test
        .server
        .sql(&test.database.name, &format!("SET ROLE {role}; SELECT takings.register_replica()"));
    assert!(refused.unwrap_err().to_string().contains("permission denied"));
}

#[tokio::test]
async fn a_new_version_is_told_to_who_listens() {
    let test = TestLedger::new().await;
    let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
    let listens = test.ledger.clone();
    let listening =
        tokio::spawn(async move { listens.listen(|| told.send(()).unwrap_or(())).await });
    while test.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'") == "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    test.load(&File::new(FIRST)).await;
    heard.recv().await.unwrap();
    listening.abort();
}
