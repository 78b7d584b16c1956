//! Files that are fetched: what is tried again, what is refused, and where nobody is led.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{HeaderMap, Response, StatusCode, header},
    routing::get,
};
use importer::{HttpSettings, NetworkRules, Source};
use ledger::outcome::{Reason, RunResult};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::*;

const FILE: &str = "Sale Date,Sale ID,Item name,Item Total\n3/1/2025,1,Water,1.5\n";

fn source(url: impl Into<String>) -> Source {
    remote(url, settings())
}

/// A server that answers every connection with the same bytes, and hangs up.
async fn serve_raw(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let _ = connection.read(&mut [0; 4096]).await;
            let _ = connection.write_all(answer).await;
            let _ = connection.shutdown().await;
        }
    });
    address
}

fn redirect(to: &str) -> Response<Body> {
    let answer = Response::builder().status(StatusCode::FOUND).header(header::LOCATION, to);
    answer.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_file_is_fetched_also_in_pieces_and_after_redirects() {
    let router = Router::new()
        .route("/march.csv", get(async || FILE))
        .route("/hop/1", get(async || redirect("2?sig=s3cret")))
        .route("/hop/2", get(async || redirect("/pieces")))
        .route(
            "/pieces",
            get(async || {
                let pieces =
                    FILE.as_bytes().chunks(7).map(|piece| Ok::<_, String>(Bytes::from(piece)));
                Body::from_stream(futures::stream::iter(pieces))
            }),
        );
    let address = serve(router).await;
    let shop = Shop::open().await;
    let url = format!("http://{address}/march.csv?sig=s3cret");
    assert_published(&shop.load(request(), source(url)).await, 1, 0);
    let recorded = shop.sql("SELECT filename, source FROM takings.imported_file");
    assert_eq!(recorded, format!("march.csv|http://{address}/march.csv"));
    let again = shop.load(request(), source(format!("http://{address}/hop/1"))).await;
    assert_ended(&again, RunResult::AlreadyLoaded, Reason::AlreadyLoaded);
}

#[tokio::test]
async fn an_answer_that_will_not_change_refuses_the_run_for_good() {
    let shop = Shop::open().await;
    for (status, reason) in [
        (StatusCode::NOT_FOUND, Reason::SourceNotFound),
        (StatusCode::GONE, Reason::SourceNotFound),
        (StatusCode::UNAUTHORIZED, Reason::SourceForbidden),
        (StatusCode::FORBIDDEN, Reason::SourceForbidden),
        (StatusCode::BAD_REQUEST, Reason::SourceForbidden),
        (StatusCode::NO_CONTENT, Reason::SourceForbidden),
        (StatusCode::NOT_MODIFIED, Reason::SourceForbidden),
    ] {
        let answer = move || async move { (status, "the body holds a s3cret") };
        let address = serve(Router::new().route("/x", get(answer))).await;
        let request = request();
        let outcome =
            shop.load(request.clone(), source(format!("http://u:s3cret@{address}/x?s3cret"))).await;
        assert_ended(&outcome, RunResult::Refused, reason);
        assert!(outcome.message.contains(&status.as_u16().to_string()), "{}", outcome.message);
        assert!(!outcome.to_json().contains("s3cret"), "{}", outcome.message);
        // Final: the source is not asked again.
        assert_eq!(shop.load(request, upload(FILE)).await, outcome);
    }
    assert_eq!(shop.revenue().await, "0");
}

#[tokio::test]
async fn an_answer_that_may_change_is_a_fault_and_the_same_run_goes_on() {
    let shop = Shop::open().await;
    for status in [500, 502, 503, 504, 408, 425, 429] {
        let status = StatusCode::from_u16(status).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let file = format!("{FILE}3/2/2025,{},Water,1\n", status.as_u16());
        let answer = move || async move {
            let code =
                if asked.fetch_add(1, Ordering::Relaxed) < 2 { status } else { StatusCode::OK };
            (code, file)
        };
        let address = serve(Router::new().route("/x", get(answer))).await;
        let request = request();
        for _ in 0..2 {
            let outcome = shop.load(request.clone(), source(format!("http://{address}/x"))).await;
            assert_ended(&outcome, RunResult::Fault, Reason::SourceUnavailable);
        }
        let outcome = shop.load(request, source(format!("http://{address}/x"))).await;
        assert_ended(&outcome, RunResult::Published, Reason::Published);
    }
    assert_eq!(shop.revenue().await, "8.5");
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_a_fault_and_nothing_is_loaded() {
    let shop = Shop::open().await;
    let length = b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nSale Date,Sale ID,Item Total\n3/1/2025,1,5\n";
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2a\r\nSale Date,Sale ID,Item Total\n3/1/2025,1,5\n\r\n";
    for answer in [&length[..], &chunked[..], b"HTTP/1.1 200 OK\r\nContent-Len", b""] {
        let address = serve_raw(answer).await;
        let outcome = shop.load(request(), source(format!("http://{address}/x"))).await;
        assert_ended(&outcome, RunResult::Fault, Reason::SourceUnavailable);
    }
    // Nobody could tell whether this one is whole.
    let endless = b"HTTP/1.0 200 OK\r\n\r\nSale Date,Sale ID,Item Total\n3/1/2025,1,5\n";
    let address = serve_raw(endless).await;
    let outcome = shop.load(request(), source(format!("http://{address}/x"))).await;
    assert_ended(&outcome, RunResult::Refused, Reason::SourceNotAllowed);
    assert!(outcome.message.contains("Content-Length"), "{}", outcome.message);
    assert_eq!(shop.sql("SELECT count(*) FROM takings.sale"), "0");
}

#[tokio::test]
async fn a_server_that_falls_silent_is_a_fault() {
    let router =
        Router::new().route("/head", get(async || std::future::pending::<()>().await)).route(
            "/body",
            get(async || {
                let first = futures::stream::once(async { Ok::<_, String>(Bytes::from(FILE)) });
                Body::from_stream(futures::StreamExt::chain(first, futures::stream::pending()))
            }),
        );
    let address = serve(router).await;
    let shop = Shop::open().await;
    for path in ["head", "body"] {
        let soon = Duration::from_millis(300);
        let settings = HttpSettings { connect_timeout: soon, read_timeout: soon, ..settings() };
        let source = remote(format!("http://{address}/{path}"), settings);
        let outcome = shop.load(request(), source).await;
        assert_ended(&outcome, RunResult::Fault, Reason::SourceUnavailable);
    }
}

#[tokio::test]
async fn no_redirect_leads_to_a_forbidden_place() {
    let shop = Shop::open().await;
    for to in [
        "http://169.254.169.254/latest/meta-data/",
        "http://[fd00:ec2::254]/latest",
        "http://10.1.2.3/x",
        "http://[::ffff:10.1.2.3]/x",
        "http://0.0.0.0/x",
        "http://192.168.1.1/x",
        "file:///etc/passwd",
        "ftp://example.com/x",
        "",
        "http://",
    ] {
        let address = serve(Router::new().route("/x", get(async move || redirect(to)))).await;
        let outcome = shop.load(request(), source(format!("http://{address}/x"))).await;
        assert_ended(&outcome, RunResult::Refused, Reason::SourceNotAllowed);
    }
}

#[tokio::test]
async fn loopback_is_never_reached_whatever_is_listed() {
    let address = serve(Router::new().route("/x", get(async || FILE))).await;
    let shop = Shop::open().await;
    let allowed =
        ["0.0.0.0/0", "localhost", "127.0.0.1"].map(|text| text.parse().unwrap()).to_vec();
    let network = NetworkRules { allowed, ..NetworkRules::default() };
    for host in [address.to_string(), format!("localhost:{}", address.port())] {
        let settings = HttpSettings { network: network.clone(), ..settings() };
        let source = remote(format!("http://{host}/x"), settings);
        let outcome = shop.load(request(), source).await;
        assert_ended(&outcome, RunResult::Refused, Reason::SourceNotAllowed);
        assert!(outcome.message.contains("importer.network.allow"), "{}", outcome.message);
    }
}

#[tokio::test]
async fn redirects_end_after_five() {
    let hops = |count: usize| {
        Router::new().route(
            "/{hop}",
            get(async move |path: axum::extract::Path<usize>| match path.0 {
                hop if hop == count => Response::new(Body::from(FILE)),
                hop => redirect(&format!("/{}", hop + 1)),
            }),
        )
    };
    let shop = Shop::open().await;
    let address = serve(hops(5)).await;
    let outcome = shop.load(request(), source(format!("http://{address}/0"))).await;
    assert_published(&outcome, 1, 0);
    let address = serve(hops(6)).await;
    let outcome = shop.load(request(), source(format!("http://{address}/0"))).await;
    assert_ended(&outcome, RunResult::Refused, Reason::SourceNotAllowed);
}

#[tokio::test]
async fn a_password_is_sent_to_its_own_host_and_to_no_other() {
    let other = Router::new().route(
        "/x",
        get(async |headers: HeaderMap| match headers.get(header::AUTHORIZATION) {
            None => (StatusCode::OK, FILE),
            Some(_) => (StatusCode::INTERNAL_SERVER_ERROR, "a password came to the wrong host"),
        }),
    );
    let other = serve(other).await;
    let own = Router::new().route("/start", get(async || redirect("/guarded"))).route(
        "/guarded",
        get(async move |headers: HeaderMap| {
            let expected = "Basic dXNlcjpwQHNz";
            match headers.get(header::AUTHORIZATION) {
                Some(value) if value == expected => redirect(&format!("http://{other}/x")),
                _ => Response::builder().status(401).body(Body::empty()).unwrap(),
            }
        }),
    );
    let own = serve(own).await;
    let shop = Shop::open().await;
    let outcome = shop.load(request(), source(format!("http://user:p%40ss@{own}/start"))).await;
    assert_published(&outcome, 1, 0);
}
