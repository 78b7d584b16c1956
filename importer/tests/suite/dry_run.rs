//! Dry runs: they say what the run itself then does, and change nothing.

use importer::LoadRequest;
use ledger::{
    Dataset, OnOverlap, Outcome,
    outcome::{Reason, RunResult},
    postgres::{DatabaseUrl, Ledger, PoolSettings},
};
use tokio_util::sync::CancellationToken;

use crate::{sales::Shape, support::*};

const MARCH: &str = "Sale Date,Sale ID,Item name,Item Total\n\
    3/30/2025,1,Water,1.5\n3/31/2025,2,Water,2\n3/31/2025,2,Water,2\n";

/// Every row of every table, who wrote and who locked it last, and every sequence.
fn everything(shop: &Shop) -> String {
    shop.sql(
        "SELECT string_agg(relname || ' ' || query_to_xml(format('SELECT md5(string_agg(concat(
                ctid, xmin, xmax, kept), '','' ORDER BY ctid)) FROM takings.%I kept', relname),
            true, true, '')::text, ' ' ORDER BY relname), (SELECT string_agg(
                concat(sequencename, last_value), ' ') FROM pg_sequences)
        FROM pg_class WHERE relnamespace = 'takings'::regnamespace AND relkind = 'r'",
    )
}

/// A role as an import's Job has it, for which the database refuses every write.
async fn reading_role(shop: &Shop) -> Ledger {
    let role = format!("importer_{}", shop.database.name);
    shop.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'secret'"));
    shop.ledger.grant_importer(&role, &Dataset::default()).await.unwrap();
    let (host, port) = (shop.server.address(), shop.server.port());
    let url = format!("postgres://{role}:secret@{host}:{port}/{}", shop.database.name);
    let settings = PoolSettings { read_only: true, ..PoolSettings::default() };
    Ledger::connect_lazy(&DatabaseUrl::new(&url).unwrap(), &settings)
}

async fn dry(ledger: &Ledger, request: &LoadRequest, text: &str) -> Outcome {
    let request = LoadRequest { dry_run: true, ..request.clone() };
    importer::load(ledger, request, upload(text), &CancellationToken::new()).await
}

/// Asserts that a dry run says what the run itself then does, and changes nothing.
async fn assert_foreseen(
    shop: &Shop,
    reader: &Ledger,
    request: LoadRequest,
    text: &str,
) -> Outcome {
    let before = everything(shop);
    let foreseen = dry(reader, &request, text).await;
    assert_eq!(everything(shop), before, "a dry run has changed something");
    let happened = shop.load(request, upload(text)).await;
    assert_ne!(everything(shop), before, "what is compared shows nothing");
    assert_eq!(foreseen.result, RunResult::DryRun);
    assert_eq!(foreseen.exit_code(), happened.exit_code());
    assert!(foreseen.message.starts_with("Dry run, nothing was written."), "{foreseen:?}");
    assert!(foreseen.message.contains(&happened.message), "{foreseen:?} {happened:?}");
    let shared = |outcome: &Outcome| Outcome {
        result: RunResult::DryRun,
        message: String::new(),
        load: None,
        conflicts: match outcome.reason {
            Reason::Overlap => outcome.conflicts.clone(),
            _ => Vec::new(),
        },
        dry_run: None,
        ..outcome.clone()
    };
    assert_eq!(shared(&foreseen), shared(&happened));
    foreseen
}

#[tokio::test]
async fn a_dry_run_says_what_the_run_then_does_and_changes_nothing() {
    let corrected = MARCH.replacen("3/31/2025,2,Water,2", "3/31/2025,2,Water,20", 1);
    let longer = format!("{corrected}x,9,Water,1\n4/1/2025,2,Tea,1\n4/1/2025,3,Water,4\n");
    for policy in [OnOverlap::Fail, OnOverlap::Skip, OnOverlap::Replace] {
        let shop = Shop::open().await;
        let reader = reading_role(&shop).await;
        let request = || LoadRequest { max_rejected: "1".parse().unwrap(), ..with_policy(policy) };
        let first = assert_foreseen(&shop, &reader, request(), MARCH).await;
        assert_eq!((first.lines_imported, first.reason), (3, Reason::Published));
        let found = first.dry_run.unwrap();
        assert_eq!(
            (found.orders, found.order_days, found.revenue.to_string()),
            (2, 2, "5.5".into())
        );
        assert_eq!((found.order_days_same, found.order_days_conflicting), (0, 0));

        let again = assert_foreseen(&shop, &reader, request(), MARCH).await;
        assert_eq!((again.reason, again.lines_skipped), (Reason::AlreadyLoaded, 3));
        assert_eq!(again.dry_run.unwrap().order_days_same, 2);

        let other = assert_foreseen(&shop, &reader, request(), &longer).await;
        let found = other.dry_run.unwrap();
        assert_eq!(
            (found.orders, found.order_days, found.revenue.to_string()),
            (3, 4, "28.5".into())
        );
        assert_eq!((found.order_days_same, found.order_days_conflicting), (1, 1));
        assert_eq!((&other.conflicts[0].order_id[..], other.rejects[0].line), ("2", 5));
        let is_refused = policy == OnOverlap::Fail;
        assert_eq!(other.exit_code(), if is_refused { 2 } else { 0 }, "{other:?}");
    }
}

#[tokio::test]
async fn what_would_be_refused_is_refused_with_the_same_words() {
    let shop = Shop::open().await;
    let reader = reading_role(&shop).await;
    shop.load_text(MARCH).await;
    let rejected = format!("{MARCH}x,1,a,1\nx,1,a,1\n");
    let euros = LoadRequest { currency: "EUR".parse().unwrap(), ..request() };
    for (request, text, reason) in [
        (tolerating("1"), &rejected[..], Reason::TooManyRejected),
        (tolerating("39%"), &rejected[..], Reason::TooManyRejected),
        (euros, "Sale Date,Sale ID,Item Total\n4/1/2025,7,1\n", Reason::CurrencyMismatch),
        (request(), "Sale Date,Item Total\n", Reason::InvalidHeader),
        (request(), "", Reason::InvalidFile),
        (request(), &MARCH.replace("1.5", "\"1.5"), Reason::InvalidFile),
    ] {
        let outcome = assert_foreseen(&shop, &reader, request, text).await;
        assert_eq!((outcome.reason, outcome.exit_code()), (reason, 2));
    }
    let elsewhere = LoadRequest { dataset: "pier".parse().unwrap(), ..request() };
    let outcome = dry(&reader, &elsewhere, MARCH).await;
    assert_ended(&outcome, RunResult::DryRun, Reason::DatasetNotGranted);
    assert_eq!(outcome.exit_code(), 2);
}

#[tokio::test]
async fn orders_are_counted_once_however_many_chunks_hold_them() {
    let shop = Shop::open().await;
    let reader = reading_role(&shop).await;
    let mut bytes = Vec::new();
    let expected = crate::sales::write(&mut bytes, &Shape::of(10_000)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let cut = text.split_inclusive('\n').take(4_000).collect::<String>();
    shop.load(request(), upload(&cut)).await;
    let request = LoadRequest { chunk_bytes: 10_000, ..with_policy(OnOverlap::Replace) };
    let outcome = assert_foreseen(&shop, &reader, request, &text).await;
    let found = outcome.dry_run.unwrap();
    let order_days: u64 = expected.days.values().map(|day| day.orders).sum();
    assert_eq!((found.orders, found.order_days), (expected.orders, order_days));
    assert_eq!(found.revenue.to_string(), crate::sales::amount(expected.mills()));
    assert!(found.order_days_same > 1_000, "{found:?}");
    shop.assert_holds(&expected).await;
}

#[tokio::test]
async fn a_later_run_of_an_import_is_compared_without_what_it_retires() {
    let shop = Shop::open().await;
    let reader = reading_role(&shop).await;
    let mut request = request();
    shop.load(request.clone(), upload(MARCH)).await;
    let ended = dry(&reader, &request, MARCH).await;
    assert_ended(&ended, RunResult::DryRun, Reason::Published);
    assert!(ended.message.contains("3 lines imported"), "{}", ended.message);
    request.run = ledger::Run(2);
    let corrected = MARCH.replace("1.5", "2.5");
    let outcome = assert_foreseen(&shop, &reader, request.clone(), &corrected).await;
    assert_eq!((outcome.lines_imported, outcome.reason), (3, Reason::Published));
}

#[tokio::test]
async fn by_hand_and_as_the_owner_a_dry_run_does_not_even_make_the_dataset() {
    let shop = Shop::open().await;
    let path = shop.write("march.csv", MARCH);
    let before = everything(&shop);
    let mut command =
        shop.program(&["load", "--dataset", "pier", "--file", path.to_str().unwrap()]);
    let output = command.env("TAKINGS_DRY_RUN", "true").output().await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let outcome: Outcome = serde_json::from_slice(&output.stdout).unwrap();
    assert_ended(&outcome, RunResult::DryRun, Reason::Published);
    assert_eq!((outcome.lines_imported, outcome.dry_run.unwrap().orders), (3, 2));
    assert_eq!(everything(&shop), before);
    assert_eq!(shop.sql("SELECT name FROM takings.dataset"), "default");
    let mut command = shop.program(&["load", "--dry-run", "--file", "/nonexistent.csv"]);
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let outcome: Outcome = serde_json::from_slice(&output.stdout).unwrap();
    assert_ended(&outcome, RunResult::DryRun, Reason::SourceNotFound);
}

#[tokio::test]
async fn what_a_dry_run_connects_with_can_not_write() {
    let shop = Shop::open().await;
    let reader = reading_role(&shop).await;
    let source = upload(MARCH);
    let outcome = importer::load(&reader, request(), source, &CancellationToken::new()).await;
    assert_ended(&outcome, RunResult::Fault, Reason::DatabaseUnavailable);
    assert!(outcome.message.contains("read-only transaction"), "{}", outcome.message);
}
