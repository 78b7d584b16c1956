//! Several replicas that answer from memory: never with what was before a success that was told.

use std::io::Write as _;

use crate::support::{Answer, Proxy, Request, Start, TestApi, api, connect, eventually, sales};

const REVENUE: &str = "/api/v1/revenue?from=2025-03-01&to=2025-03-31";
const FROM_MEMORY: &str = "takings_answers_total{source=\"memory\"} ";

/// One more replica on the database of that URL.
fn replica(url: &str) -> TestApi {
    Start::without_a_database().variable("DATABASE_URL", url).start()
}

/// Waits until a replica answers from memory.
fn remembers(api: &TestApi) {
    let from_memory = || {
        let metrics = api.ask_admin("/metrics").body;
        let line = metrics.lines().find_map(|line| line.strip_prefix(FROM_MEMORY));
        line.map_or(0, |count| count.parse::<u64>().unwrap())
    };
    let before = from_memory();
    eventually(|| {
        revenue(api);
        (from_memory() > before).then_some(())
    });
}

fn revenue(api: &TestApi) -> String {
    let answer = api.get(REVENUE);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["revenue"].as_str().unwrap().to_owned()
}

/// Imports one more sale of 1.
fn sell(api: &TestApi, number: usize) {
    let id = number.to_string();
    let answer = api.upload(&format!("{number}.csv"), sales(&[("3/1/2025", &id, "1")]));
    assert_eq!(answer.status, 201, "{answer:?}");
}

fn start() -> (TestApi, String) {
    let start = Start::on_a_database();
    let url = start.url();
    (start.start(), url)
}

#[test]
fn each_replica_answers_with_an_import_as_soon_as_it_is_told() {
    let (first, url) = start();
    let replicas = [replica(&url), replica(&url)];
    for number in 1..=10 {
        replicas.iter().for_each(remembers);
        sell(&first, number);
        for replica in &replicas {
            assert_eq!(revenue(replica), number.to_string());
        }
    }
}

#[test]
fn a_replica_that_was_stopped_meanwhile_answers_with_nothing_old() {
    let (first, url) = start();
    let stopped = replica(&url);
    sell(&first, 1);
    remembers(&stopped);
    stopped.signal("STOP");
    sell(&first, 2);
    let mut question = connect(stopped.address);
    question.write_all(&Request::get(REVENUE).header("Connection", "close").bytes()).unwrap();
    stopped.signal("CONT");
    assert_eq!(Answer::read(&mut question).json()["revenue"], "2");
    remembers(&stopped);
}

#[test]
fn a_replica_whose_database_falls_silent_answers_with_nothing_old() {
    let (first, url) = start();
    let (proxy, behind) = Proxy::before(&url);
    let cut_off = Start::without_a_database()
        .variable("DATABASE_URL", &behind)
        .flag("database-acquire-timeout", "1")
        .flag("database-statement-timeout", "1")
        .start();
    sell(&first, 1);
    remembers(&cut_off);
    for (number, fail) in [(2, Proxy::freeze as fn(&Proxy)), (3, Proxy::cut)] {
        fail(&proxy);
        sell(&first, number);
        assert_eq!(cut_off.get(REVENUE).status, 503);
        proxy.open();
        eventually(|| (cut_off.get(REVENUE).status == 200).then_some(()));
        assert_eq!(revenue(&cut_off), number.to_string());
        remembers(&cut_off);
    }
}

#[test]
fn a_notification_that_is_lost_makes_nobody_answer_with_what_was_before() {
    let (first, url) = start();
    let other = replica(&url);
    for number in 1..=3 {
        remembers(&other);
        first.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'",
        );
        sell(&first, number);
        assert_eq!(revenue(&other), number.to_string());
    }
}

#[test]
fn a_revert_is_not_told_before_each_replica_answers_with_it() {
    let (first, url) = start();
    let other = replica(&url);
    sell(&first, 1);
    remembers(&other);
    let id = first.sql("SELECT import_id FROM takings.imported_file");
    first.revert(&id);
    assert_eq!(revenue(&other), "0");
}

#[test]
fn a_replica_that_goes_is_waited_for_no_more() {
    let mut api = api();
    remembers(&api);
    assert_eq!(api.sql("SELECT count(*) FROM takings.replica"), "1");
    api.signal("TERM");
    assert_eq!(api.exit_code(), Some(0));
    assert_eq!(api.sql("SELECT count(*) FROM takings.replica"), "0");
}

#[test]
fn days_and_totals_from_memory_are_those_of_the_database() {
    let start = Start::on_a_database();
    let url = start.url();
    let remembering = start.start();
    let asking = Start::without_a_database()
        .variable("DATABASE_URL", &url)
        .variable("TAKINGS_MEMORY_MEBIBYTES", "0")
        .start();
    // Orders over several days, refunds, days without sales.
    let lines = [
        ("3/1/2025", "1", "2.50"),
        ("3/2/2025", "1", "-1.25"),
        ("3/2/2025", "2", "0"),
        ("3/9/2025", "1", "0.005"),
        ("3/31/2025", "3", "1000000.1"),
    ];
    assert_eq!(remembering.upload("march.csv", sales(&lines)).status, 201);
    remembers(&remembering);
    for (from, to) in [(1, 31), (1, 1), (2, 2), (2, 9), (3, 8), (9, 31), (10, 31), (31, 31)] {
        for path in ["revenue", "revenue/daily"] {
            let path = format!("/api/v1/{path}?from=2025-03-{from:02}&to=2025-03-{to:02}");
            assert_eq!(remembering.get(&path).body, asking.get(&path).body, "{path}");
        }
        let days = format!("start=3/{from}/2025&end=3/{to}/2025");
        for path in ["revenue", "revenue/daily"] {
            let path = format!("/api/metrics/{path}/?{days}");
            assert_eq!(remembering.get(&path).body, asking.get(&path).body, "{path}");
        }
    }
    let other = "/api/v1/revenue?from=2025-03-01&to=2025-03-31&dataset=nobody";
    assert_eq!(remembering.get(other).body, asking.get(other).body);
    let answers = asking.ask_admin("/metrics").body;
    assert!(answers.contains("takings_answers_total{source=\"ledger\"} 33"), "{answers}");
}
