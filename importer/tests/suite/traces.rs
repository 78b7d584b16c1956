//! The trace that a load is started in, in its log lines and at a collector.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};

use crate::support::*;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

type Received = Arc<Mutex<Vec<u8>>>;

async fn receive(State(received): State<Received>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    received.lock().unwrap().extend_from_slice(&body);
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.map(byte).collect()
}

fn holds(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

/// Loads a small file in such an environment: its log lines.
async fn load(shop: &Shop, environment: &[(&str, String)]) -> Vec<serde_json::Value> {
    let path = shop.write("march.csv", format!("{HEADER}3/1/2025,1,Water,1.5\n"));
    let mut command = shop.program(&["load", "--file", path.to_str().unwrap()]);
    command.envs(environment.iter().cloned());
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stderr).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_load_sends_its_spans_under_the_trace_that_it_was_started_in() {
    let shop = Shop::open().await;
    let received = Received::default();
    let routes = Router::new().route("/v1/traces", post(receive)).with_state(received.clone());
    let endpoint = format!("http://{}", serve(routes).await);
    let parent = ("TRACEPARENT", format!("00-{TRACE}-{PARENT}-01"));
    load(&shop, &[parent, ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]).await;
    let received = received.lock().unwrap().clone();
    assert!(holds(&received, &bytes(TRACE)) && holds(&received, &bytes(PARENT)));
    for name in ["takings-importer", "load", "chunk", "compare", "publish"] {
        // A text in protobuf is its length and its bytes.
        let text = [&[u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
        assert!(holds(&received, &text), "{name}: {}", String::from_utf8_lossy(&received));
    }
}

#[tokio::test]
async fn log_lines_carry_the_trace_also_without_a_collector() {
    let shop = Shop::open().await;
    let lines = load(&shop, &[("TRACEPARENT", format!("00-{TRACE}-{PARENT}-01"))]).await;
    assert!(lines.len() > 1, "{lines:?}");
    assert!(lines.iter().all(|line| line["span"]["trace_id"] == TRACE), "{lines:?}");
    for environment in [&[][..], &[("TRACEPARENT", "00-none-of-it".to_owned())]] {
        let lines = load(&shop, environment).await;
        assert!(lines.iter().all(|line| line["span"].is_null()), "{lines:?}");
    }
}

#[tokio::test]
async fn a_collector_that_is_away_holds_up_no_load_and_a_new_trace_is_begun_without_a_parent() {
    let shop = Shop::open().await;
    let away = "http://127.0.0.1:1".to_owned();
    let lines = load(&shop, &[("OTEL_EXPORTER_OTLP_ENDPOINT", away)]).await;
    let id = |line: &serde_json::Value| line["span"]["trace_id"].as_str().map(str::to_owned);
    let of_load = lines.iter().find_map(id).unwrap();
    assert_eq!((of_load.len(), of_load.contains(|digit: char| digit != '0')), (32, true));
}
