//! What operators see: request ids, one log line a request, metrics with bounded labels.

use std::io::Write as _;

use serde_json::json;

use crate::support::{Request, SAMPLE, Start, api, connect, part};

#[test]
fn a_fit_request_id_is_echoed_and_another_is_replaced() {
    let api = api();
    let echoed = |id: &str| {
        let answer = Request::get("/version").header("X-Request-Id", id).send(api.address);
        answer.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(echoed("shop.7_a-1"), "shop.7_a-1");
    assert_eq!(echoed(&"x".repeat(128)), "x".repeat(128));
    for id in ["two words", "\"},{\"level\":\"ERROR\"", &"x".repeat(129), "", "é", "$(reboot)"] {
        let made = echoed(id);
        assert_eq!((made.len(), made.chars().nth(14)), (36, Some('7')), "{id:?}: {made}");
    }
    assert_eq!(api.get("/nothing").header("x-request-id").unwrap().len(), 36);
}

#[test]
fn each_request_is_one_line_with_what_was_asked_and_never_more() {
    let api = api();
    let path = "/api/metrics/revenue/?start=3/1/2025&end=3/2/2025&api_key=s3cret";
    Request::get(path)
        .header("X-Request-Id", "r-1")
        .header("Authorization", "Bearer s3cret")
        .send(api.address);
    let line = api.logged_request("r-1");
    for (name, value) in [
        ("level", json!("INFO")),
        ("method", json!("GET")),
        ("route", json!("/api/metrics/revenue")),
        ("status", json!(200)),
        ("start", json!("3/1/2025")),
        ("end", json!("3/2/2025")),
    ] {
        assert_eq!(line[name], value, "{name}: {line}");
    }
    assert!(line["timestamp"].is_string() && line["duration_ms"].is_number(), "{line}");
    assert_eq!(line.get("from"), None);
    assert!(!format!("{:?}", api.log()).contains("s3cret"));
    assert_eq!(
        api.log()
            .iter()
            .filter(|line| line["message"] == "request" && line["request_id"] == "r-1")
            .count(),
        1
    );
}

#[test]
fn a_value_that_forges_a_line_stays_a_value() {
    let api = api();
    let forged = "%0a%7B%22message%22:%22forged%22%7D";
    Request::get(&format!("/api/metrics/revenue/?start={forged}&end=x"))
        .header("X-Request-Id", "r-2")
        .send(api.address);
    let line = api.logged_request("r-2");
    assert!(line["start"].as_str().unwrap().starts_with('\n'), "{line}");
    assert!(api.log().iter().all(|line| line["message"] != "forged"));
}

#[test]
fn every_line_of_a_request_carries_its_id() {
    let api = api();
    let upload = Request::post("/api/sales/import-sales/").header("X-Request-Id", "r-3");
    upload.form(&[part("a.csv", SAMPLE.as_bytes())]).send(api.address);
    let line = api.logged(|line| line["message"] == "the load has ended");
    assert_eq!(line["span"]["request_id"], "r-3", "{line}");
    assert_eq!(api.sql("SELECT request_id FROM takings.imported_file"), "r-3");

    let broken = Start::on_an_empty_database().start_unready();
    Request::get("/api/v1/imports").header("X-Request-Id", "r-4").send(broken.address);
    let line = broken.logged(|line| line["code"] == "database-away");
    assert_eq!(
        (&line["span"]["request_id"], &line["level"]),
        (&json!("r-4"), &json!("ERROR")),
        "{line}"
    );
}

#[test]
fn a_client_that_goes_away_is_logged_as_499() {
    let api = api();
    let request = Request::post("/api/sales/import-sales/").header("X-Request-Id", "r-5");
    let request = request.form(&[part("a.csv", SAMPLE.as_bytes())]).bytes();
    let mut stream = connect(api.address);
    stream.write_all(&request[..request.len() - 10]).unwrap();
    api.metric_becomes("takings_uploads_in_progress 1");
    drop(stream);
    let status = &api.logged_request("r-5")["status"];
    assert!(*status == 499 || *status == 400, "{status}");
}

#[test]
fn metrics_are_labelled_by_route_and_never_by_what_a_client_makes_up() {
    let api = api();
    api.get("/api/v1/imports/0197f3c2-8a54-7bd1-9d3e-0f1a2b3c4d5e");
    api.get("/api/metrics/revenue/?start=3/1/2025&end=3/1/2025");
    api.get("/api/metrics/revenue?start=3/1/2025&end=3/1/2025");
    api.get("/wp-login.php");
    Request::new("BREW", "/health").send(api.address);
    api.upload("a.csv", SAMPLE);
    // A connection is given back after the answer.
    api.metric_becomes("db_client_connection_count{pool=\"import\",state=\"used\"} 0");
    let metrics = api.ask_admin("/metrics").body;
    for (method, status, route, count) in [
        ("GET", 404, "/api/v1/imports/{id}", 1),
        ("GET", 200, "/api/metrics/revenue", 2),
        ("GET", 404, "_unmatched", 1),
        ("_OTHER", 405, "/health", 1),
    ] {
        let labels = format!(
            "http_request_method=\"{method}\",http_response_status_code=\"{status}\",\
             http_route=\"{route}\""
        );
        let line = format!("http_server_request_duration_seconds_count{{{labels}}} {count}");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    for line in [
        "http_server_active_requests 0",
        "takings_uploads_in_progress 0",
        "takings_uploads_total{result=\"Published\"} 1",
        "db_client_connection_count{pool=\"read\",state=\"idle\"}",
        "takings_build_info{version=",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(!metrics.contains("wp-login") && !metrics.contains("BREW"));
    for bound in ["0.005", "0.075", "0.75", "7.5", "10", "+Inf"] {
        assert!(metrics.contains(&format!("le=\"{bound}\"")), "{bound}");
    }
}

#[test]
fn the_admin_port_is_not_on_the_main_port() {
    let api = api();
    for path in ["/metrics", "/livez", "/readyz"] {
        assert_eq!(api.get(path).status, 404, "{path}");
    }
}
