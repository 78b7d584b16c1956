//! A database that goes away and comes back, with no restart of the program.

use std::{
    io::Write as _,
    time::{Duration, Instant},
};

use crate::support::{Answer, Proxy, Request, SAMPLE, Start, TestApi, connect, eventually, part};

const REVENUE: &str = "/api/metrics/revenue/?start=3/1/2025&end=3/2/2025";
/// Far more than the program's own limits in these tests, far less than for ever.
const BOUND: Duration = Duration::from_secs(20);

fn start() -> (TestApi, Proxy) {
    let (start, proxy) = Start::behind_a_proxy();
    let api =
        start.flag("database-acquire-timeout", "1").flag("database-statement-timeout", "2").start();
    assert_eq!(api.upload("sample.csv", SAMPLE).status, 201);
    assert_eq!(api.get(REVENUE).status, 200);
    (api, proxy)
}

fn says_so_in_bounded_time(api: &TestApi) {
    for path in
        [REVENUE, "/api/v1/revenue?from=2025-03-01&to=2025-03-02", "/api/v1/imports", "/health"]
    {
        let begun = Instant::now();
        // What is in memory may be answered for some seconds more.
        let answer = eventually(|| Some(api.get(path)).filter(|answer| answer.status != 200));
        assert!(begun.elapsed() < BOUND, "{path}");
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (503, Some("5")),
            "{path}: {answer:?}"
        );
        assert!(answer.sentence().contains("database"), "{path}: {answer:?}");
    }
    let begun = Instant::now();
    let answer = api.upload("sample.csv", SAMPLE);
    assert!(begun.elapsed() < BOUND);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer:?}");
    assert_eq!(
        api.ask_admin("/readyz").status,
        200,
        "with every replica unready nobody could say 503"
    );
    assert_eq!(api.ask_admin("/livez").status, 200);
}

fn comes_back(api: &TestApi) {
    let answer = eventually(|| Some(api.get(REVENUE)).filter(|answer| answer.status == 200));
    assert!(answer.body.contains("-171.348"), "{answer:?}");
    assert_eq!(
        eventually(|| Some(api.upload("sample.csv", SAMPLE)).filter(|answer| answer.status == 201))
            .status,
        201
    );
}

#[test]
fn a_database_that_refuses_connections_is_told_and_comes_back() {
    let (api, proxy) = start();
    proxy.cut();
    says_so_in_bounded_time(&api);
    proxy.open();
    comes_back(&api);
}

#[test]
fn a_database_that_says_nothing_is_told_and_comes_back() {
    let (api, proxy) = start();
    proxy.freeze();
    says_so_in_bounded_time(&api);
    proxy.open();
    comes_back(&api);
}

#[test]
fn the_health_says_what_is_wrong() {
    let (api, proxy) = start();
    proxy.cut();
    let answer = api.get("/api/health/");
    assert_eq!(answer.status, 503);
    assert_ne!(answer.json()["data"]["database"], "ok");
    assert!(answer.json()["data"]["database"].is_string(), "{answer:?}");
}

#[test]
fn a_password_is_in_no_answer_and_no_log_line() {
    let start = Start::on_a_database();
    let (_, place) = start
        .url()
        .split_once('@')
        .map(|(login, place)| (login.to_owned(), place.to_owned()))
        .unwrap();
    let url = format!("postgres://takings:s3cr3t-word@{place}");
    let api = start
        .variable("DATABASE_URL", &url)
        .variable("TAKINGS_IMPORT_DATABASE_URL", &url)
        .start_unready();
    let answers = [
        api.get(REVENUE),
        api.get("/health"),
        api.upload("sample.csv", SAMPLE),
        api.ask_admin("/readyz"),
        api.ask_admin("/metrics"),
    ];
    assert!(answers[..3].iter().all(|answer| answer.status == 503), "{answers:?}");
    assert!(!format!("{answers:?} {:?}", api.log()).contains("s3cr3t-word"));
}

#[test]
fn a_program_that_starts_before_its_database_becomes_ready_by_itself() {
    let (start, proxy) = Start::behind_a_proxy();
    proxy.cut();
    let api = start.flag("database-acquire-timeout", "1").start_unready();
    assert_eq!(api.ask_admin("/readyz").status, 503);
    assert_eq!(api.get(REVENUE).status, 503);
    proxy.open();
    eventually(|| (api.ask_admin("/readyz").status == 200).then_some(()));
    assert_eq!(api.get(REVENUE).status, 200);
}

#[test]
fn an_upload_that_loses_its_database_fails_and_its_run_is_ended_later() {
    let (start, proxy) = Start::behind_a_proxy();
    let api = start.flag("database-acquire-timeout", "1").start();
    let lines = "3/1/2025,7,1\n".repeat(100_000);
    let file = format!("Sale Date,Sale ID,Item Total\n{lines}");
    let request = Request::post("/api/import-sales/").header("Connection", "close");
    let request = request.form(&[part("march.csv", file.as_bytes())]).bytes();
    let (begin, end) = request.split_at(request.len() - 20);
    let mut stream = connect(api.address);
    stream.write_all(begin).unwrap();
    eventually(|| (api.sales_and_open_runs() == "0 1").then_some(()));
    proxy.cut();
    stream.write_all(end).unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer:?}");
    proxy.open();
    eventually(|| (api.sales_and_open_runs() == "0 0").then_some(()));
    assert_eq!(api.sql("SELECT status FROM takings.imported_file"), "Abandoned");
}
