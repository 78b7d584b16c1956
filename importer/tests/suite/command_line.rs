//! The real program, as a Job or a person at a laptop runs it.

use std::process::Output;

use harness::postgres::Server;
use ledger::{
    ImportId, Outcome,
    outcome::{MAX_BYTES, Reason, RunResult},
};
use tokio::io::AsyncReadExt as _;

use crate::support::*;

const FILE: &str = "Sale Date,Sale ID,Item name,Item Total\n3/1/2025,1,Water,1.5\n";

async fn run(shop: &Shop, arguments: &[&str]) -> Output {
    shop.program(arguments).output().await.unwrap()
}

/// The outcome on standard output: exactly one line.
fn outcome(output: &Output) -> Outcome {
    let text = std::str::from_utf8(&output.stdout).unwrap();
    assert_eq!((text.lines().count(), text.ends_with('\n')), (1, true), "{output:?}");
    assert!(text.len() <= MAX_BYTES + 1);
    let outcome: Outcome = serde_json::from_str(text).unwrap();
    assert_eq!(output.status.code(), Some(outcome.exit_code().into()), "{output:?}");
    outcome
}

fn document(output: &Output) -> serde_json::Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn a_file_loaded_by_hand_is_published_once() {
    let shop = Shop::open().await;
    let path = shop.write("march.csv", FILE);
    let last_words = shop.write("termination-log", "");
    let load = ["load", "--file", path.to_str().unwrap()];
    let first =
        run(&shop, &[&load[..], &["--termination-log", last_words.to_str().unwrap()]].concat())
            .await;
    assert_published(&outcome(&first), 1, 0);
    let said = std::fs::read_to_string(last_words).unwrap();
    assert_eq!(serde_json::from_str::<Outcome>(&said).unwrap(), outcome(&first));
    let again = outcome(&run(&shop, &load).await);
    assert_ended(&again, RunResult::AlreadyLoaded, Reason::AlreadyLoaded);
    assert_eq!(shop.revenue().await, "1.5");
}

#[tokio::test]
async fn log_lines_are_json_on_standard_error_and_hold_no_password() {
    let shop = Shop::open().await;
    let path = shop.write("march.csv", FILE);
    let output =
        run(&shop, &["load", "--file", path.to_str().unwrap(), "--log-level", "debug"]).await;
    let password = shop.database.url.split([':', '@']).nth(2).unwrap().to_owned();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.lines().count() > 0);
    for line in text.lines() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "{line}");
        assert!(!line.contains(&password), "{line}");
    }
}

#[tokio::test]
async fn input_that_can_not_be_loaded_exits_with_2_and_a_missing_database_with_1() {
    let shop = Shop::open().await;
    let refused = outcome(&run(&shop, &["load", "--file", "/nonexistent.csv"]).await);
    assert_ended(&refused, RunResult::Refused, Reason::SourceNotFound);
    let url = "postgres://u:s3cret@127.0.0.1:1/x";
    let path = shop.write("march.csv", FILE);
    let fault =
        run(&shop, &["load", "--file", path.to_str().unwrap(), "--database-url", url]).await;
    assert_ended(&outcome(&fault), RunResult::Fault, Reason::DatabaseUnavailable);
    assert!(!format!("{fault:?}").contains("s3cret"));
}

#[tokio::test]
async fn settings_come_from_the_environment_as_well() {
    let shop = Shop::open().await;
    let text = b"March 2025\nDay:Receipt:Betr\xe4ge\n%x\n1.3.2025:7:1.5\nx:7:1.5\n";
    shop.write("march.csv", text);
    let mut command = shop.program(&["load"]);
    command
        .env("TAKINGS_ROOT", &shop.folder)
        .env("TAKINGS_FILE", "march.csv")
        .env("TAKINGS_DATASET", "pier")
        .env("TAKINGS_CURRENCY", "EUR")
        .env("TAKINGS_ENCODING", "Windows-1252")
        .env("TAKINGS_DELIMITER", ":")
        .env("TAKINGS_COMMENT", "%")
        .env("TAKINGS_SKIP_LINES", "1")
        .env("TAKINGS_DATE_ORDER", "day-first")
        .env("TAKINGS_COLUMNS", "saleDate=Day\norderId=Receipt\ntotal=Betrag\ntotal=Beträge")
        .env("TAKINGS_MAX_REJECTED", "50%")
        .env("TAKINGS_REQUESTED_BY", "shop/march")
        .env("TAKINGS_RUN", "3");
    let outcome = outcome(&command.output().await.unwrap());
    assert_published(&outcome, 1, 0);
    assert_eq!((outcome.dataset.as_str(), outcome.currency.as_str()), ("pier", "EUR"));
    assert_eq!((outcome.run.0, outcome.first_sale_date), (3, Some(jiff::civil::date(2025, 3, 1))));
    let recorded = shop.sql("SELECT requested_by, filename FROM takings.imported_file");
    assert_eq!(recorded, "shop/march|march.csv");
}

#[tokio::test]
async fn arguments_that_can_not_be_right_are_the_outcome_of_the_run() {
    let shop = Shop::open().await;
    let id = ImportId::random().to_string();
    let load = ["load", "--file", "x", "--import-id", &id, "--run", "2"];
    let output = run(&shop, &[&load[..], &["--on-overlap", "merge"]].concat()).await;
    let outcome = outcome(&output);
    assert_ended(&outcome, RunResult::Refused, Reason::InvalidArgument);
    assert_eq!((outcome.import_id.to_string(), outcome.run.0), (id, 2));
    let nameless = run(&shop, &["load", "--file", "x", "--on-overlap", "merge"]).await;
    assert_eq!((nameless.status.code(), nameless.stdout.len()), (Some(2), 0));
    assert!(run(&shop, &["--help"]).await.status.success());
}

#[tokio::test]
async fn a_database_is_migrated_granted_settled_and_reverted() {
    let shop = Shop::open().await;
    assert_eq!(document(&run(&shop, &["migrate"]).await)["migrationsApplied"], 0);
    let unknown = run(&shop, &["grant", "--role", "nobody", "--dataset", "pier"]).await;
    assert!(String::from_utf8_lossy(&unknown.stdout).contains("CREATE ROLE"), "{unknown:?}");
    let granted = run(&shop, &["grant", "--role", "takings_importer", "--reader"]).await;
    assert_eq!(document(&granted)["reader"], true);
    shop.sql("REVOKE takings_api FROM takings_importer");

    let path = shop.write("march.csv", FILE);
    let id = ImportId::random().to_string();
    let import = ["--import-id", &id];
    let loaded =
        run(&shop, &[&["load", "--file", path.to_str().unwrap()], &import[..]].concat()).await;
    let settled = run(&shop, &[&["settle", "--run", "1"], &import[..]].concat()).await;
    assert_eq!(outcome(&settled), outcome(&loaded));
    let abandoned = outcome(&run(&shop, &[&["settle", "--run", "2"], &import[..]].concat()).await);
    assert_ended(&abandoned, RunResult::Abandoned, Reason::Abandoned);
    let late = [&["load", "--run", "2", "--file", path.to_str().unwrap()], &import[..]].concat();
    assert_eq!(outcome(&run(&shop, &late).await), abandoned, "an abandoned run stays so");

    let keep = ["maintain", "--keep-reverted-for", "0", "--keep-reject-values-for", "0"];
    let maintained = document(&run(&shop, &keep).await);
    let nothing = serde_json::json!({
        "abandonedRuns": 0, "sweptLoads": 0, "purgedLoads": 0, "removedLines": 0, "purgedRejects": 0
    });
    assert_eq!(maintained, nothing);
    let verified = document(&run(&shop, &["verify"]).await);
    assert_eq!(verified["holds"], true, "{verified}");
    let revert = [&["revert", "--reason", "wrong month"], &import[..]].concat();
    let reverted = document(&run(&shop, &revert).await);
    assert_eq!((&reverted["lines"], &reverted["reason"]), (&1.into(), &"wrong month".into()));
    assert_eq!(shop.revenue().await, "0");
    let maintained = document(&run(&shop, &["maintain", "--abandon-after", "1"]).await);
    assert_eq!(maintained, nothing, "what was reverted is kept, unless told otherwise");
    let maintained = document(&run(&shop, &keep).await);
    assert_eq!((&maintained["purgedLoads"], &maintained["removedLines"]), (&1.into(), &1.into()));
    let nothing =
        run(&shop, &["revert", "--reason", "x", "--import-id", &ImportId::random().to_string()])
            .await;
    assert_eq!(nothing.status.code(), Some(2), "{nothing:?}");
}

#[tokio::test]
async fn a_revert_with_a_run_ends_that_run_first_and_says_so_in_an_outcome() {
    let shop = Shop::open().await;
    let path = shop.write("march.csv", FILE);
    let id = ImportId::random().to_string();
    let load = ["load", "--import-id", &id, "--file", path.to_str().unwrap(), "--run"];
    let revert = ["revert", "--reason", "deleted", "--import-id", &id, "--run"];
    let nothing = outcome(&run(&shop, &[&revert[..], &["1"]].concat()).await);
    assert_ended(&nothing, RunResult::Reverted, Reason::Reverted);
    assert_eq!(
        (nothing.run.0, nothing.message.as_str()),
        (1, "Nothing of the import was in the ledger.")
    );
    let late = outcome(&run(&shop, &[&load[..], &["1"]].concat()).await);
    assert_ended(&late, RunResult::Abandoned, Reason::Abandoned);

    assert_published(&outcome(&run(&shop, &[&load[..], &["2"]].concat()).await), 1, 0);
    let other = ["load", "--requested-by", "shop/other", "--file", path.to_str().unwrap()];
    assert_ended(
        &outcome(&run(&shop, &other).await),
        RunResult::AlreadyLoaded,
        Reason::AlreadyLoaded,
    );
    for _ in 0..2 {
        let reverted = outcome(&run(&shop, &[&revert[..], &["2"]].concat()).await);
        assert_ended(&reverted, RunResult::Reverted, Reason::Reverted);
        let told = "Its 1 lines, a revenue of 1.5, are out of the figures of the dataset default.";
        assert!(reverted.message.starts_with(told), "{}", reverted.message);
        assert!(reverted.message.ends_with("run these again: shop/other."), "{}", reverted.message);
    }
    assert_eq!(shop.revenue().await, "0");
}

#[tokio::test]
async fn figures_that_disagree_with_the_lines_are_told_by_verify() {
    let shop = Shop::open().await;
    let path = shop.write("march.csv", FILE);
    run(&shop, &["load", "--file", path.to_str().unwrap()]).await;
    shop.sql("UPDATE takings.daily_revenue SET revenue = revenue + 0.001");
    let verified = run(&shop, &["verify"]).await;
    assert_eq!(verified.status.code(), Some(2), "{verified:?}");
    let document: serde_json::Value = serde_json::from_slice(&verified.stdout).unwrap();
    assert_eq!(document["holds"], false);
    assert_eq!(document["invariants"][0]["violations"], 1, "{document}");
}

#[tokio::test]
async fn rejected_lines_come_as_csv_without_formulas() {
    let shop = Shop::open().await;
    let text = "Sale Date,Sale ID,Item Total\n3/1/2025,7,=1+1\n\"3/1\n2025\",8,1\n3/1/2025,9,1\n";
    let path = shop.write("march.csv", text);
    let id = ImportId::random().to_string();
    let load = ["load", "--import-id", &id, "--max-rejected", "2", "--file"];
    run(&shop, &[&load[..], &[path.to_str().unwrap()]].concat()).await;
    let rejects = run(&shop, &["rejects", "--import-id", &id]).await;
    assert_eq!(rejects.status.code(), Some(0), "{rejects:?}");
    assert_eq!(
        String::from_utf8(rejects.stdout).unwrap(),
        "line,column,value,reason\n2,Item Total,'=1+1,InvalidNumber\n\
         3,Sale Date,\"3/1\n2025\",InvalidDate\n"
    );
    let unknown = run(&shop, &["rejects", "--import-id", &ImportId::random().to_string()]).await;
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
}

#[tokio::test]
async fn a_list_of_rejected_lines_that_the_database_cuts_off_is_seen_to_be_cut_off() {
    let shop = Shop::open_at(Server::own().unwrap()).await;
    let path = shop.write("bad.csv", format!("{HEADER}{}", "bad\n".repeat(20_000)));
    let id = ImportId::random().to_string();
    let load = ["load", "--import-id", &id, "--max-rejected", "100%", "--file"];
    run(&shop, &[&load[..], &[path.to_str().unwrap()]].concat()).await;
    let mut child = shop.program(&["rejects", "--import-id", &id]).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    // Nobody reads on, so that most of it has not been asked for yet.
    let mut list = vec![0; 100];
    stdout.read_exact(&mut list).await.unwrap();
    shop.server.stop().unwrap();
    stdout.read_to_end(&mut list).await.unwrap();
    let ended = child.wait_with_output().await.unwrap();
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    let list = String::from_utf8(list).unwrap();
    let (whole, rest) = list.rsplit_once('\n').unwrap();
    assert_eq!(rest, "\"", "the next line is begun and never ends");
    let lines: Vec<_> = whole.lines().collect();
    assert_eq!(lines[0], "line,column,value,reason");
    assert!(lines.len() > 1 && lines.len() < 20_001, "{} lines", lines.len());
    assert!(lines[1..].iter().all(|line| line.ends_with(",WrongFieldCount")), "{whole}");
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(told.lines().last().unwrap().contains("database"), "{told}");
}
