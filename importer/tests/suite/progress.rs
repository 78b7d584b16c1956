//! What can be seen of a load from outside while it runs.

use std::time::Duration;

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines},
    net::TcpStream,
    process::{Child, ChildStderr},
};

use crate::{sales::Shape, support::*};

const LINES: u64 = 3_000;

/// A load that has read all its lines and stays there.
fn held(shop: &Shop, arguments: &[&str]) -> (Child, Lines<BufReader<ChildStderr>>) {
    let (path, _) = shop.write_generated("sales.csv", &Shape::of(LINES));
    let load = ["load", "--file", path.to_str().unwrap(), "--progress-seconds", "1"];
    let mut command = shop.program(&[&load[..], arguments].concat());
    command.env("TAKINGS_FAILPOINT", "before-publish");
    command.env("TAKINGS_FAILPOINT_ACTION", "pause:600000");
    let mut child = command.spawn().unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    (child, lines)
}

/// The next log line that says so.
async fn says(lines: &mut Lines<BufReader<ChildStderr>>, text: &str) -> serde_json::Value {
    let found = async {
        loop {
            let line = lines.next_line().await.unwrap().expect("the program has ended");
            if line.contains(text) {
                return serde_json::from_str(&line).unwrap();
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(5), found).await.unwrap()
}

async fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{path}: {answer}");
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn the_admin_port_and_the_log_tell_how_far_a_load_is() {
    let shop = Shop::open().await;
    let (mut child, mut lines) = held(&shop, &["--admin-address", "127.0.0.1:0"]);
    let open = says(&mut lines, "the admin port is open").await;
    let address = open["address"].as_str().unwrap();
    says(&mut lines, "failpoint was reached").await;
    let bytes = std::fs::metadata(shop.folder.join("sales.csv")).unwrap().len();
    let expected = serde_json::json!({ "stage": "comparing", "bytes": bytes, "bytesRead": bytes,
        "linesRead": LINES, "linesRejected": 0 });
    let progress: serde_json::Value =
        serde_json::from_str(&get(address, "/progress").await).unwrap();
    assert_eq!(progress, expected);
    let metrics = get(address, "/metrics").await;
    for metric in [
        format!("takings_load_bytes {bytes}"),
        format!("takings_load_bytes_read {bytes}"),
        format!("takings_load_lines_read {LINES}"),
        "takings_load_lines_rejected 0".into(),
        "takings_load_stage{stage=\"comparing\"} 1".into(),
        "takings_load_stage{stage=\"loading\"} 0".into(),
    ] {
        assert!(metrics.lines().any(|line| line == metric), "{metric}: {metrics}");
    }
    assert_eq!(get(address, "/livez").await, "ok\n");
    let logged = says(&mut lines, "still comparing").await;
    assert_eq!((&logged["lines_read"], &logged["bytes"]), (&LINES.into(), &bytes.into()));
    child.kill().await.unwrap();
}

#[tokio::test]
async fn a_load_whose_admin_port_is_taken_goes_on_without_it() {
    let shop = Shop::open().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (mut child, mut lines) = held(&shop, &["--admin-address", &address]);
    says(&mut lines, "goes on without the admin port").await;
    says(&mut lines, "failpoint was reached").await;
    child.kill().await.unwrap();
}

#[tokio::test]
async fn counters_end_with_what_the_outcome_says() {
    let shop = Shop::open().await;
    let request = tolerating("1");
    let progress = request.progress.clone();
    let text = format!("{HEADER}3/1/2025,1,a,1\nx,1,a,1\n3/1/2025,2,a,1\n");
    let outcome = shop.load(request, upload(&text)).await;
    assert_published(&outcome, 2, 0);
    let reached = progress.reached();
    assert_eq!((reached.stage.as_str(), reached.bytes), ("ended", None));
    assert_eq!((reached.lines_read, reached.lines_rejected), (3, 1));
    assert_eq!(reached.bytes_read, text.len() as u64);
}
