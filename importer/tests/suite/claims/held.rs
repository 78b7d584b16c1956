//! A second import while the first is held, or was ended, at a point that is hit surely.

use std::{path::Path, time::Duration};

use importer::{LoadRequest, progress::Stage};
use ledger::{
    ImportId, MaxRejected, Outcome,
    outcome::{Reason, RunResult},
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use tokio_util::sync::CancellationToken;

use super::{LINES, LONG, loads_begun, waiting};
use crate::{sales::Shape, support::*};

const SHORT: Duration = Duration::from_millis(1500);

fn program(shop: &Shop, path: &Path, import: ImportId) -> Command {
    let (path, import) = (path.to_str().unwrap(), import.to_string());
    let load = ["load", "--file", path, "--import-id", &import, "--chunk-bytes", "100000"];
    shop.program(&load)
}

/// An import that stays at a point for so long, or is killed there.
async fn first(shop: &Shop, path: &Path, import: ImportId, point: &str, action: &str) -> Child {
    let mut command = program(shop, path, import);
    command.env("TAKINGS_FAILPOINT", point).env("TAKINGS_FAILPOINT_ACTION", action);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let reached = async {
        while !lines.next_line().await.unwrap().unwrap().contains("failpoint was reached") {}
    };
    tokio::time::timeout(LONG, reached).await.unwrap();
    child
}

async fn held(shop: &Shop, path: &Path) -> Child {
    first(shop, path, ImportId::random(), "after-chunk", "pause:600000").await
}

async fn outcome(child: Child) -> Outcome {
    let output = child.wait_with_output().await.unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Loads, and does not wait for ever.
async fn load(shop: &Shop, request: &LoadRequest, path: &Path) -> Outcome {
    let load = shop.load(request.clone(), file(path));
    tokio::time::timeout(LONG / 2, load).await.expect("it waits")
}

/// Waits until an import waits for another.
async fn until_waiting(request: &LoadRequest) {
    while request.progress.reached().stage != Stage::Waiting {
        assert_ne!(request.progress.reached().stage, Stage::Ended, "it has not waited");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn where_the_first_was_killed_the_second_takes_over_and_the_first_learns_of_it() {
    let shop = Shop::open().await;
    let (path, expected) = shop.write_generated("sales.csv", &Shape::of(LINES));
    let import = ImportId::random();
    first(&shop, &path, import, "after-chunk:2", "kill").await.wait().await.unwrap();
    let second = LoadRequest { claim_dead_after: SHORT, ..waiting(LONG) };
    let (outcome, ()) = tokio::join!(load(&shop, &second, &path), until_waiting(&second));
    assert_published(&outcome, LINES, 0);
    let again = LoadRequest { import_id: import, ..waiting(LONG) };
    let outcome = load(&shop, &again, &path).await;
    assert_ended(&outcome, RunResult::AlreadyLoaded, Reason::AlreadyLoaded);
    shop.assert_holds(&expected).await;
}

#[tokio::test]
async fn where_the_first_was_only_asleep_it_counts_once_all_the_same() {
    let shop = Shop::open().await;
    let (path, expected) = shop.write_generated("sales.csv", &Shape::of(LINES));
    let asleep = first(&shop, &path, ImportId::random(), "after-chunk:2", "pause:1000").await;
    let pid = Pid::from_raw(asleep.id().unwrap().try_into().unwrap()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let second = LoadRequest { claim_dead_after: SHORT, ..waiting(LONG) };
    assert_published(&load(&shop, &second, &path).await, LINES, 0);
    kill_process(pid, Signal::CONT).unwrap();
    let woken = outcome(asleep).await;
    assert_ended(&woken, RunResult::AlreadyLoaded, Reason::AlreadyLoaded);
    shop.assert_holds(&expected).await;
}

#[tokio::test]
async fn a_try_of_the_same_import_waits_for_none_of_its_own() {
    let shop = Shop::open().await;
    let (path, expected) = shop.write_generated("sales.csv", &Shape::of(LINES));
    let import = ImportId::random();
    let killed = async || {
        first(&shop, &path, import, "after-chunk:2", "kill").await.wait().await.unwrap();
    };
    killed().await;
    killed().await;
    let run = |run| LoadRequest { import_id: import, run: ledger::Run(run), ..waiting(LONG) };
    let later = load(&shop, &run(2), &path).await;
    assert_published(&later, LINES, 0);
    let earlier = load(&shop, &run(1), &path).await;
    assert_ended(&earlier, RunResult::Refused, Reason::RunSuperseded);
    shop.assert_holds(&expected).await;
}

#[tokio::test]
async fn where_the_first_is_refused_the_second_ends_by_its_own_rules() {
    let shop = Shop::open().await;
    let (path, expected) =
        shop.write_generated("sales.csv", &Shape { bad_percent: 1, ..Shape::of(LINES) });
    let strict = first(&shop, &path, ImportId::random(), "after-open", "pause:1500").await;
    let strict = outcome(strict);
    let [tolerant, other] = ["2%", "0"].map(|max_rejected| LoadRequest {
        max_rejected: max_rejected.parse::<MaxRejected>().unwrap(),
        ..waiting(LONG)
    });
    let (strict, tolerant, other) =
        tokio::join!(strict, load(&shop, &tolerant, &path), load(&shop, &other, &path));
    assert_ended(&tolerant, RunResult::Published, Reason::Published);
    for strict in [strict, other] {
        assert_ended(&strict, RunResult::Refused, Reason::TooManyRejected);
    }
    assert_eq!(shop.sql("SELECT count(*) FROM takings.claim"), "0");
    shop.assert_holds(&expected).await;
}

#[tokio::test]
async fn other_content_of_the_same_size_and_other_datasets_wait_for_nobody() {
    let shop = Shop::open().await;
    let [one, other] = [("one.csv", 100_000), ("other.csv", 200_000)].map(|(name, first_order)| {
        let lines: Vec<_> =
            (0..9_000).map(|n| format!("3/4/2025,{},1\n", first_order + n)).collect();
        shop.write(name, format!("Sale Date,Sale ID,Item Total\n{}", lines.concat()))
    });
    let mut held = held(&shop, &one).await;
    for (dataset, path) in [("default", &other), ("pier", &one)] {
        let request = LoadRequest { dataset: dataset.parse().unwrap(), ..waiting(LONG) };
        assert_published(&load(&shop, &request, path).await, 9_000, 0);
    }
    assert!(held.try_wait().unwrap().is_none(), "the first is still at it");
}

#[tokio::test]
async fn a_wait_ends_at_its_bound_and_what_is_loaded_twice_counts_once() {
    let shop = Shop::open().await;
    let (path, expected) = shop.write_generated("sales.csv", &Shape::of(LINES));
    let import = ImportId::random();
    let mut held = first(&shop, &path, import, "after-chunk", "pause:600000").await;
    let second = waiting(Duration::from_secs(1));
    let (outcome, ()) = tokio::join!(load(&shop, &second, &path), until_waiting(&second));
    assert_published(&outcome, LINES, 0);
    assert!(held.try_wait().unwrap().is_none(), "the first is still at it");
    held.kill().await.unwrap();
    let again = LoadRequest { import_id: import, ..waiting(LONG) };
    let outcome = load(&shop, &again, &path).await;
    assert_ended(&outcome, RunResult::AlreadyLoaded, Reason::AlreadyLoaded);
    shop.assert_holds(&expected).await;
}

#[tokio::test]
async fn a_wait_ends_at_once_where_it_is_cancelled_or_its_run_is_settled() {
    let shop = Shop::open().await;
    let (path, _) = shop.write_generated("sales.csv", &Shape::of(LINES));
    let _held = held(&shop, &path).await;
    let (request, cancel) = (waiting(LONG), CancellationToken::new());
    let cancelling = async {
        until_waiting(&request).await;
        cancel.cancel();
    };
    let cancelled = importer::load(&shop.ledger, request.clone(), file(&path), &cancel);
    let cancelled = tokio::time::timeout(LONG / 2, cancelled);
    assert_eq!(tokio::join!(cancelled, cancelling).0.unwrap().reason, Reason::Stopped);
    let request = waiting(LONG);
    let settling = async {
        until_waiting(&request).await;
        let (import, run) = (request.import_id, request.run);
        shop.ledger.settle(import, run, &request.dataset).await.unwrap()
    };
    let (outcome, settled) = tokio::join!(load(&shop, &request, &path), settling);
    assert_eq!((outcome, settled.result), (settled, RunResult::Abandoned));
    assert_eq!(loads_begun(&shop), "1", "that of the first");
}

#[tokio::test]
async fn streams_and_dry_runs_claim_nothing_and_wait_for_nobody() {
    let shop = Shop::open().await;
    let (path, _) = shop.write_generated("sales.csv", &Shape::of(LINES));
    let _held = held(&shop, &path).await;
    let claims = "SELECT count(*), count(DISTINCT imported_file_id) FROM takings.claim";
    let dry = LoadRequest { dry_run: true, ..waiting(LONG) };
    assert_ended(&load(&shop, &dry, &path).await, RunResult::DryRun, Reason::Published);
    let text = std::fs::read_to_string(&path).unwrap();
    let stream = tokio::time::timeout(LONG / 2, shop.load_text(&text)).await.unwrap();
    assert_published(&stream, LINES, 0);
    assert_eq!(shop.sql(claims), "1|1", "that of the first");
}
