//! Files of web servers that are read on after a cut, with what opens them.

use axum::{
    Router,
    body::Body,
    http::{HeaderName, Response, header},
    routing::get,
};
use importer::{
    Source,
    source::{Credentials, StoreSettings},
};
use ledger::outcome::{Reason, RunResult};

use crate::{
    range_server::{File, RangeServer},
    support::*,
};

const ETAG: (HeaderName, &str) = (header::ETAG, "\"one\"");
const OTHER: (HeaderName, &str) = (header::ETAG, "\"two\"");
const WEAK: (HeaderName, &str) = (header::ETAG, "W/\"one\"");
const MODIFIED: (HeaderName, &str) = (header::LAST_MODIFIED, "Sat, 01 Mar 2025 00:00:00 GMT");
const LATER: (HeaderName, &str) = (header::LAST_MODIFIED, "Sun, 02 Mar 2025 00:00:00 GMT");

fn text(lines: usize) -> String {
    format!("{HEADER}{}", "3/1/2025,1,Water,1.5\n".repeat(lines))
}

fn source(server: &RangeServer) -> Source {
    remote(format!("http://{}/march.csv", server.address), settings())
}

#[tokio::test]
async fn a_file_is_read_on_where_its_connection_was_cut() {
    for (headers, condition) in [
        (vec![ETAG, MODIFIED], ETAG.1),
        (vec![MODIFIED], MODIFIED.1),
        (vec![WEAK, MODIFIED], MODIFIED.1),
    ] {
        let shop = Shop::open().await;
        let server = RangeServer::start(File::new(text(1_000), &headers, &[500, 0, 7_000])).await;
        assert_published(&shop.load(request(), source(&server)).await, 1_000, 0);
        assert_eq!(shop.revenue().await, "1500");
        let ranges: Vec<_> =
            server.asked(&header::RANGE).into_iter().map(|asked| asked.1).collect();
        assert_eq!(ranges, ["", "bytes=500-", "bytes=500-", "bytes=7500-"]);
        let conditions = server.asked(&header::IF_RANGE);
        assert!(conditions[1..].iter().all(|asked| asked.1 == condition), "{conditions:?}");
    }
}

#[tokio::test]
async fn a_server_without_ranges_starts_again_and_no_line_comes_twice() {
    let shop = Shop::open().await;
    let file = File { ignores_ranges: true, ..File::new(text(1_000), &[ETAG], &[500, 300, 7_000]) };
    let server = RangeServer::start(file).await;
    assert_published(&shop.load(request(), source(&server)).await, 1_000, 0);
    assert_eq!(shop.revenue().await, "1500");
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_refused() {
    let shop = Shop::open().await;
    for (first, next, headers) in [
        (vec![ETAG], text(1_000), vec![OTHER]),
        (vec![ETAG], text(900), vec![ETAG]),
        (vec![ETAG], text(1_000), vec![]),
        (vec![MODIFIED], text(1_000), vec![LATER]),
        (vec![WEAK, MODIFIED], text(1_000), vec![OTHER, MODIFIED]),
    ] {
        for ignores_ranges in [false, true] {
            let next = File { ignores_ranges, ..File::new(next.clone(), &headers, &[]) };
            let file =
                File { next: Some(Box::new(next)), ..File::new(text(1_000), &first, &[500]) };
            let server = RangeServer::start(file).await;
            let outcome = shop.load(request(), source(&server)).await;
            assert_ended(&outcome, RunResult::Refused, Reason::SourceChanged);
            assert!(outcome.message.contains("byte 500"), "{}", outcome.message);
        }
    }
    assert_eq!(shop.revenue().await, "0");
}

#[tokio::test]
async fn an_answer_with_less_than_was_asked_for_is_not_taken_for_the_end() {
    let shop = Shop::open().await;
    let most = Some(10_000);
    let file = File { most, ..File::new(text(1_000), &[ETAG], &[500]) };
    let server = RangeServer::start(file).await;
    assert_published(&shop.load(request(), source(&server)).await, 1_000, 0);
    assert_eq!(shop.revenue().await, "1500");
}

#[tokio::test]
async fn another_length_is_another_content_also_where_it_is_not_told() {
    let shop = Shop::open().await;
    for lines in [900, 1_100] {
        let next = File::new(text(lines), &[ETAG], &[]);
        let next = File { ignores_ranges: true, is_chunked: true, ..next };
        let file = File { next: Some(Box::new(next)), ..File::new(text(1_000), &[ETAG], &[500]) };
        let server = RangeServer::start(file).await;
        let outcome = shop.load(request(), source(&server)).await;
        assert!(
            matches!(outcome.reason, Reason::SourceChanged | Reason::SourceUnavailable),
            "{outcome:?}"
        );
    }
    assert_eq!(shop.revenue().await, "0");
}

#[tokio::test]
async fn what_nothing_tells_from_another_content_is_not_read_on() {
    let shop = Shop::open().await;
    for (headers, is_chunked) in [(vec![], false), (vec![WEAK], false), (vec![ETAG], true)] {
        let file = File { is_chunked, ..File::new(text(1_000), &headers, &[500]) };
        let server = RangeServer::start(file).await;
        let outcome = shop.load(request(), source(&server)).await;
        assert_ended(&outcome, RunResult::Fault, Reason::SourceUnavailable);
        assert_eq!(server.asked(&header::RANGE).len(), 1);
    }
}

#[tokio::test]
async fn a_token_and_headers_of_a_secret_go_to_their_own_host_and_to_no_other() {
    let other = RangeServer::start(File::new(text(1), &[], &[])).await;
    let address = other.address;
    let own = Router::new().route("/start", get(async || found("/guarded".into()))).route(
        "/guarded",
        get(async move |headers: header::HeaderMap| {
            let sent = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
            match (sent("authorization"), sent("x-shop")) {
                (Some("Bearer s3cret"), Some("s3cret")) => found(format!("http://{address}/x")),
                _ => Response::builder().status(401).body(Body::from("s3cret")).unwrap(),
            }
        }),
    );
    let own = serve(own).await;
    let shop = Shop::open().await;
    shop.write("TAKINGS_BEARER_TOKEN", "s3cret\n");
    shop.write("TAKINGS_HEADERS", "X-Shop: s3cret\n");
    let start = |folder| Source::Url {
        url: format!("http://{own}/start"),
        store: StoreSettings::default(),
        credentials: Credentials { folder, authorities: None },
        settings: settings(),
    };
    let outcome = shop.load(request(), start(Some(shop.folder.clone()))).await;
    assert_published(&outcome, 1, 0);
    for name in ["authorization", "x-shop"] {
        assert_eq!(other.asked(&HeaderName::from_static(name)), [("/x".into(), String::new())]);
    }
    let outcome = shop.load(request(), start(None)).await;
    assert_ended(&outcome, RunResult::Refused, Reason::SourceForbidden);
    assert!(outcome.message.contains("credentialsSecretRef"), "{}", outcome.message);
    assert!(!outcome.to_json().contains("s3cret"), "{}", outcome.message);
}

fn found(to: String) -> Response<Body> {
    Response::builder().status(302).header(header::LOCATION, to).body(Body::empty()).unwrap()
}
