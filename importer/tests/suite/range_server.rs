//! A web server of the test's own with one file: it serves ranges, remembers what it was asked,
//! and breaks off its answers where it is told to.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header},
};
use futures::{StreamExt, stream};

use crate::support::serve;

/// What is served, and how.
#[derive(Clone, Default)]
pub struct File {
    pub text: String,
    pub headers: Vec<(HeaderName, &'static str)>,
    /// After how many bytes an answer breaks off, one after the other; then no more.
    pub cuts: VecDeque<usize>,
    /// `Range` is not understood.
    pub ignores_ranges: bool,
    /// Most bytes of an answer to `Range`.
    pub most: Option<usize>,
    /// The length is not told.
    pub is_chunked: bool,
    /// What is served from the second request on.
    pub next: Option<Box<File>>,
}

impl File {
    pub fn new(
        text: impl Into<String>,
        headers: &[(HeaderName, &'static str)],
        cuts: &[usize],
    ) -> Self {
        let cuts = VecDeque::from(cuts.to_vec());
        Self { text: text.into(), headers: headers.to_vec(), cuts, ..Self::default() }
    }
}

/// A running server.
#[derive(Clone)]
pub struct RangeServer {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

impl RangeServer {
    pub async fn start(file: File) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (remembered, file) = (asked.clone(), Arc::new(Mutex::new(file)));
        let answer = async move |request: Request| {
            let uri = request.uri().to_string();
            remembered.lock().unwrap().push((uri, request.headers().clone()));
            let mut file = file.lock().unwrap();
            let answer = answer(&mut file, request.headers());
            if let Some(next) = file.next.take() {
                *file = *next;
            }
            answer
        };
        Self { address: serve(Router::new().fallback(answer)).await, asked }
    }

    /// The path and query of each request, and one of its headers.
    pub fn asked(&self, name: &HeaderName) -> Vec<(String, String)> {
        let text = |headers: &HeaderMap| {
            headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned()
        };
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|(uri, headers)| (uri.clone(), text(headers))).collect()
    }
}

fn answer(file: &mut File, asked: &HeaderMap) -> Response<Body> {
    let text = |name| asked.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let validators = || file.headers.iter().map(|(_, value)| *value);
    if text(header::IF_MATCH).is_some_and(|etag| !validators().any(|value| value == etag)) {
        return Response::builder().status(412).body("s3cret".into()).unwrap();
    }
    let is_fresh =
        text(header::IF_RANGE).is_none_or(|etag| validators().any(|value| value == etag));
    let range = text(header::RANGE).filter(|_| is_fresh && !file.ignores_ranges);
    let start: usize = range.map_or(0, |range| range[6..].trim_end_matches('-').parse().unwrap());
    let size = file.text.len();
    let end = file.most.filter(|_| range.is_some()).map_or(size, |most| size.min(start + most));
    let rest = Bytes::copy_from_slice(&file.text.as_bytes()[start..end]);
    let mut response = Response::builder();
    if !file.is_chunked {
        response = response.header(header::CONTENT_LENGTH, rest.len());
    }
    for (name, value) in &file.headers {
        response = response.header(name, *value);
    }
    if range.is_some() {
        response = response.status(StatusCode::PARTIAL_CONTENT);
        let range = format!("bytes {start}-{}/{size}", end - 1);
        response = response.header(header::CONTENT_RANGE, range);
    }
    match file.cuts.pop_front() {
        None if !file.is_chunked => response.body(rest.into()).unwrap(),
        cut => response.body(body(&rest, cut)).unwrap(),
    }
}

/// In chunks, and broken off where it is to be.
fn body(bytes: &Bytes, cut: Option<usize>) -> Body {
    let begun = bytes.slice(..cut.unwrap_or(bytes.len()));
    let begun = stream::once(async { Ok(begun) });
    // What was begun must be on its way before the connection breaks.
    let broken = stream::iter(cut).then(async |_| {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        Err("cut")
    });
    Body::from_stream(begun.chain(broken))
}
