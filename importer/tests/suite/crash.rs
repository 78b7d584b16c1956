//! Ends that nobody planned: of the importer, of the database, of both. What is started again
//! under the same import and run loses nothing and doubles nothing.

use std::{path::Path, process::Output, time::Duration};

use harness::postgres::Server;
use importer::{LoadRequest, Source};
use ledger::{
    ImportId, Outcome,
    outcome::{Reason, RunResult},
};
use tokio::{io::AsyncWriteExt, time::Instant};

use crate::{
    sales::{self, Expected, Shape},
    support::*,
};

const LINES: u64 = 20_000;
const KILLS: u32 = 24;

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

#[tokio::test]
async fn killed_at_any_time_and_started_again_every_sale_counts_once() {
    let shop = Shop::open().await;
    let mut all = Expected::default();
    let path = nth_file(&shop, 1, &mut all);
    let started = Instant::now();
    load(&shop, &path, ImportId::random()).output().await.unwrap();
    let whole = started.elapsed();
    let mut killed = 0;
    for n in 0..KILLS {
        let path = nth_file(&shop, u64::from(n) + 2, &mut all);
        let import = ImportId::random();
        let mut child = load(&shop, &path, import).spawn().unwrap();
        let at = whole * (2 * n + 1) / (2 * KILLS);
        if tokio::time::timeout(at, child.wait()).await.is_err() {
            child.kill().await.unwrap();
            killed += 1;
        }
        let again = load(&shop, &path, import).output().await.unwrap();
        assert_published(&outcome(&again), LINES, 0);
        let lines = shop.sql("SELECT sum(line_count) FROM takings.daily_revenue");
        assert_eq!(lines, (LINES * (u64::from(n) + 2)).to_string());
    }
    eprintln!("{killed} of {KILLS} were killed before their end");
    shop.assert_holds(&all).await;
}

#[tokio::test]
async fn a_database_that_stops_in_mid_load_is_a_fault_and_the_same_run_goes_on() {
    let shop = Shop::open_at(Server::own().unwrap()).await;
    let mut bytes = Vec::new();
    let expected = sales::write(&mut bytes, &Shape::of(LINES)).unwrap();
    let (reader, mut writer) = tokio::io::duplex(1 << 20);
    let source = Source::Stream {
        reader: Box::new(reader),
        filename: "sales.csv".into(),
        read_timeout: Duration::from_mins(1),
    };
    let request = LoadRequest { chunk_bytes: 100_000, ..request() };
    let loading = shop.load(request.clone(), source);
    let cutting = async {
        let middle = bytes.len() * 3 / 4;
        writer.write_all(&bytes[..middle]).await.unwrap();
        wait_for_lines(&shop).await;
        shop.server.stop().unwrap();
        // Nobody reads on once the load has failed.
        let _ = writer.write_all(&bytes[middle..]).await;
        drop(writer);
    };
    let (fault, ()) = tokio::join!(loading, cutting);
    assert_ended(&fault, RunResult::Fault, Reason::DatabaseUnavailable);
    shop.server.start().unwrap();
    assert_eq!(shop.sql("SELECT count(*) FROM takings.live_sale"), "0");
    let path = shop.write("sales.csv", bytes);
    assert_published(&shop.load(request, file(&path)).await, LINES, 0);
    shop.assert_holds(&expected).await;
}

/// Waits until some of a load's lines are in the database, though not in the ledger.
async fn wait_for_lines(shop: &Shop) {
    for _ in 0..600 {
        let pages = "SELECT coalesce(pg_relation_size(to_regclass('takings.sale_1')), 0) > 0";
        if shop.sql(pages) == "t" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no line came to the database");
}

/// At points that are hit surely, since the program is built with them.
#[cfg(feature = "failpoints")]
mod failpoints {
    use super::*;

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
            let visible =
                shop.sql("SELECT coalesce(sum(line_count), 0) FROM takings.daily_revenue");
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
}
