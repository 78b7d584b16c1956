//! Ends at points that are hit surely, since the program is built with them.

use std::{path::Path, process::Output};

use ledger::{
    ImportId, Outcome,
    outcome::{Reason, RunResult},
};

use super::{LINES, wait_for_lines};
use crate::{
    sales::{Expected, Shape},
    support::*,
};

/// The n-th file: other orders than all the others, some of its days the same.
fn nth_file(shop: &Shop, n: u64, all: &mut Expected) -> std::path::PathBuf {
    let shape = Shape { seed: n, days: 30, first_order: n * 1_000_000, ..Shape::of(LINES) };
    let (path, expected) = shop.write_generated("sales.csv", &shape);
    all.lines += expected.lines;
    all.orders += expected.orders;
    for (date, day) in expected.days {
        let sum = all.days.entry(date).or_default();
        (sum.mills, sum.lines, sum.orders) =
            (sum.mills + day.mills, sum.lines + day.lines, sum.orders + day.orders);
    }
    path
}

fn load(shop: &Shop, path: &Path, import: ImportId) -> tokio::process::Command {
    let import = import.to_string();
    let path = path.to_str().unwrap();
    // Small chunks, so that there is much between which to die.
    let chunks = ["--chunk-bytes", "100000"];
    let load = ["load", "--file", path, "--import-id", &import, "--run", "1"];
    shop.program(&[&load[..], &chunks].concat())
}

fn outcome(output: &Output) -> Outcome {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

async fn end_at(shop: &Shop, path: &Path, import: ImportId, point: &str) -> Output {
    let mut command = load(shop, path, import);
    command.env("TAKINGS_FAILPOINT", point).output().await.unwrap()
}

#[tokio::test]
async fn killed_at_each_point_and_started_again_every_sale_counts_once() {
    use std::os::unix::process::ExitStatusExt;
    let shop = Shop::open().await;
    let mut all = Expected::default();
    let points = [
        "after-begin",
        "after-open",
        "after-chunk",
        "after-chunk:2",
        "after-chunk:8",
        "before-publish",
        "after-publish",
    ];
    for (n, point) in points.into_iter().enumerate() {
        let path = nth_file(&shop, n as u64 + 1, &mut all);
        let import = ImportId::random();
        let killed = end_at(&shop, &path, import, point).await;
        assert_eq!(killed.status.signal(), Some(9), "{point}: {killed:?}");
        let visible = shop.sql("SELECT coalesce(sum(line_count), 0) FROM takings.daily_revenue");
        let is_published = point == "after-publish";
        assert_eq!(visible, (LINES * (n as u64 + u64::from(is_published))).to_string());
        let again = outcome(&load(&shop, &path, import).output().await.unwrap());
        assert_published(&again, LINES, 0);
    }
    shop.assert_holds(&all).await;
}

#[tokio::test]
async fn started_again_with_other_settings_nothing_is_read_in_two_ways() {
    let shop = Shop::open().await;
    let lines = (0..20_000).map(|n| format!("3/4/2025,{n},1.5\n")).collect::<Vec<_>>();
    let header = "Sale Date,Sale ID,Item Total\n";
    let path = shop.write("sales.csv", format!("{header}{}", lines.concat()));
    let settings = [["TAKINGS_CHUNK_BYTES", "70000"], ["TAKINGS_DATE_ORDER", "day-first"]];
    for ([name, value], day) in settings.into_iter().zip(["2025-03-04", "2025-04-03"]) {
        let import = ImportId::random().to_string();
        let load = || {
            let file = path.to_str().unwrap();
            let mut load = shop.program(&["load", "--file", file, "--import-id", &import]);
            load.env("TAKINGS_CHUNK_BYTES", "100000").env("TAKINGS_DATASET", value);
            load
        };
        load().env("TAKINGS_FAILPOINT", "after-chunk").output().await.unwrap();
        // What the first try had loaded is given up, and the next one begins anew.
        let changed = outcome(&load().env(name, value).output().await.unwrap());
        assert_ended(&changed, RunResult::Fault, Reason::SourceChanged);
        let again = outcome(&load().env(name, value).output().await.unwrap());
        assert_eq!(again.result, RunResult::Published, "{}", again.message);
        let found = shop.sql(&format!(
            "SELECT string_agg(sale_date || ' ' || line_count || ' ' || trim_scale(revenue), ',')
             FROM takings.daily_revenue JOIN takings.dataset USING (dataset_id)
             WHERE name = '{value}'"
        ));
        assert_eq!(found, format!("{day} 20000 30000"));
    }
}

#[tokio::test]
async fn settle_tells_what_a_killed_importer_could_not() {
    let shop = Shop::open().await;
    let mut all = Expected::default();
    let path = nth_file(&shop, 1, &mut all);
    for (point, result) in
        [("after-chunk:2", RunResult::Abandoned), ("after-publish", RunResult::Published)]
    {
        let import = ImportId::random();
        end_at(&shop, &path, import, point).await;
        let settle = ["settle", "--import-id", &import.to_string(), "--run", "1"];
        let settled = outcome(&shop.program(&settle).output().await.unwrap());
        assert_eq!(settled.result, result);
        let again = outcome(&load(&shop, &path, import).output().await.unwrap());
        assert_eq!(again, settled);
    }
    shop.assert_holds(&all).await;
}

#[tokio::test]
async fn a_load_that_is_told_to_stop_says_so_and_can_go_on() {
    let shop = Shop::open().await;
    let mut all = Expected::default();
    let path = nth_file(&shop, 1, &mut all);
    let import = ImportId::random();
    let mut command = load(&shop, &path, import);
    command
        .env("TAKINGS_FAILPOINT", "after-chunk:2")
        .env("TAKINGS_FAILPOINT_ACTION", "pause:60000");
    let child = command.spawn().unwrap();
    wait_for_lines(&shop).await;
    let pid = rustix::process::Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let stopped = child.wait_with_output().await.unwrap();
    assert_eq!(stopped.status.code(), Some(1), "{stopped:?}");
    assert_eq!(outcome(&stopped).result, RunResult::Fault);
    assert_eq!(shop.sql("SELECT count(*) FROM takings.live_sale"), "0");
    assert_published(&outcome(&load(&shop, &path, import).output().await.unwrap()), LINES, 0);
    shop.assert_holds(&all).await;
}
