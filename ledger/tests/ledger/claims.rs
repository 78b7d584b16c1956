//! Claims: who holds one, until when, and that nothing but time depends on it.

use std::time::Duration;

use ledger::{
    outcome::RunResult,
    postgres::{Claim, Claimed, OpenRun},
};

use crate::support::*;

const HOUR: Duration = Duration::from_hours(1);

/// What a claim has found, without the load that comes with it.
#[derive(Debug, PartialEq)]
enum Found {
    Mine,
    Held,
    Loaded,
}

fn found(claimed: &Claimed) -> Found {
    match claimed {
        Claimed::Mine(_) => Found::Mine,
        Claimed::Held => Found::Held,
        Claimed::Loaded => Found::Loaded,
    }
}

impl TestLedger {
    async fn claim(&self, run: &OpenRun) -> Found {
        found(&self.ledger.claim(run, &claim(HOUR)).await.unwrap())
    }

    /// Makes it two hours ago that the holder was seen.
    fn silence(&self) {
        self.sql("UPDATE takings.claim SET seen_at = now() - interval '2 hours'");
    }
}

#[tokio::test]
async fn a_content_is_claimed_by_one_import_until_that_has_ended_or_is_silent() {
    let test = TestLedger::new().await;
    let files = [1, 2].map(|day| File::new(&[(day, "a", "1")]));
    let (one, other) = (open(&test.ledger, &files[0]).await, open(&test.ledger, &files[1]).await);
    assert_eq!((test.claim(&one).await, test.claim(&other).await), (Found::Mine, Found::Held));
    assert_eq!(test.claim(&one).await, Found::Mine, "a retry");
    test.silence();
    test.ledger.keep_claim(&one, &claim(HOUR).content).await.unwrap();
    assert_eq!(test.claim(&other).await, Found::Held, "it has shown a sign of life");
    test.silence();
    test.ledger.keep_claim(&other, &claim(HOUR).content).await.unwrap();
    assert_eq!(test.claim(&other).await, Found::Mine, "only its holder keeps it");
    assert_eq!(test.claim(&one).await, Found::Held);
    let outcome = write_and_publish(&test.ledger, &one, &files[0]).await.unwrap();
    assert_eq!(outcome.result, RunResult::Published, "without a claim");
    assert_eq!(test.claim(&other).await, Found::Mine, "its end is that of its own claim alone");
    let third = open(&test.ledger, &File::new(&[])).await;
    assert_eq!(test.claim(&third).await, Found::Held);
    write_and_publish(&test.ledger, &other, &files[1]).await.unwrap();
    assert_eq!(test.sql("SELECT count(*) FROM takings.claim"), "0");
    assert_eq!(test.claim(&third).await, Found::Mine);
}

#[tokio::test]
async fn the_end_of_a_run_is_the_end_of_its_claim_also_where_nothing_is_swept() {
    let test = TestLedger::new().await;
    let file = File::new(&[]);
    let (one, other) = (open(&test.ledger, &file).await, open(&test.ledger, &File::new(&[])).await);
    assert_eq!((test.claim(&one).await, test.claim(&other).await), (Found::Mine, Found::Held));
    test.sql(&format!("SELECT takings.settle_run('{}', 1, 'default')", file.import_id()));
    assert_eq!(test.sql("SELECT count(*) FROM takings.claim"), "1");
    assert_eq!(test.claim(&other).await, Found::Mine);
}

#[tokio::test]
async fn a_later_run_of_an_import_takes_over_what_the_earlier_one_has_claimed() {
    let test = TestLedger::new().await;
    let file = File::new(&[]);
    let earlier = open(&test.ledger, &file).await;
    assert_eq!(test.claim(&earlier).await, Found::Mine);
    let later = open(&test.ledger, &file.clone().run_of(file.import_id(), 2)).await;
    assert_eq!(test.claim(&later).await, Found::Mine);
}

#[tokio::test]
async fn who_claims_what_is_live_is_told_so() {
    let test = TestLedger::new().await;
    let file = File::new(&[(1, "a", "1")]);
    test.load(&file).await;
    let run = open(&test.ledger, &File::new(&[])).await;
    let other = open(&test.ledger, &File::new(&[])).await;
    let [same, another] = [file.digest(), File::new(&[]).digest()].map(Some);
    for (bytes, digest, claimed) in [
        (Some(0), None, Found::Loaded),
        (None, None, Found::Loaded),
        (Some(7), None, Found::Mine),
        (Some(0), same, Found::Loaded),
        (Some(0), another, Found::Mine),
    ] {
        let claim = Claim { bytes, digest, ..claim(HOUR) };
        let claim_of = async |run| found(&test.ledger.claim(run, &claim).await.unwrap());
        assert_eq!(claim_of(&run).await, claimed, "{claim:?}");
        let held = if claimed == Found::Mine { Found::Held } else { claimed };
        assert_eq!(claim_of(&other).await, held, "{claim:?}");
    }
}
