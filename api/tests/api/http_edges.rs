//! Connections that behave badly, or well for a long time.

use std::io::{Read as _, Write as _};

use crate::support::{Answer, Request, SAMPLE, Start, api, connect, part};

#[test]
fn a_head_that_never_ends_is_given_up() {
    let api = Start::on_a_database().flag("header-timeout", "1").start();
    let mut stream = connect(api.address);
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: takings\r\nX-Slow: ").unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(!String::from_utf8_lossy(&rest).contains("200"), "{rest:?}");
    assert_eq!(api.get("/health").status, 200);
}

#[test]
fn an_idle_connection_is_closed_after_a_while() {
    let api = Start::on_a_database().flag("header-timeout", "1").start();
    let mut stream = connect(api.address);
    stream.write_all(&Request::get("/version").bytes()).unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!((answer.status, answer.header("connection")), (200, None), "{answer:?}");
}

#[test]
fn one_connection_serves_an_upload_and_the_question_after_it() {
    let api = api();
    let upload = Request::post("/api/import-sales/").form(&[part("a.csv", SAMPLE.as_bytes())]);
    let question = Request::get("/api/metrics/revenue/?start=3/1/2025&end=3/2/2025");
    let mut stream = connect(api.address);
    stream.write_all(&upload.bytes()).unwrap();
    stream.write_all(&question.header("Connection", "close").bytes()).unwrap();
    let answers = Answer::read(&mut stream).body;
    assert!(answers.contains("\"imported_row\":4") && answers.contains("-171.348"), "{answers}");
}

#[test]
fn what_is_not_http_is_turned_away() {
    let api = api();
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"GET\r\n\r\n",
        b"\r\n\r\n\r\n\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
    ] {
        let mut stream = connect(api.address);
        stream.write_all(nonsense).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{nonsense:?}");
    }
    assert_eq!(
        Request::get(&format!("/health?{}", "x".repeat(70_000))).send(api.address).status,
        414
    );
    assert_eq!(
        Request::get("/health").header("X-Long", &"x".repeat(600_000)).send(api.address).status,
        431
    );
    assert_eq!(api.get("/health").status, 200);
}

#[test]
fn no_answer_may_be_kept_by_a_cache() {
    let api = api();
    for path in [
        "/api/metrics/revenue/?start=3/1/2025&end=3/1/2025",
        "/api/v1/imports",
        "/health",
        "/nothing",
    ] {
        assert_eq!(api.get(path).header("cache-control"), Some("no-store"), "{path}");
    }
}
