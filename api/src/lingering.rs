//! A body whose rest is read and thrown away, in bounds, when nobody wants it any more.
//!
//! A request that is answered before its body was read would else be cut off by a reset, and the
//! client would never see why.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, BodyDataStream},
    http::{HeaderMap, header},
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};

/// Most bytes that are thrown away.
const MAX_BYTES: usize = 64 << 20;
/// Longest time for it.
const MAX_TIME: Duration = Duration::from_secs(5);

/// A request's body that lingers.
pub(crate) struct Lingering {
    body: Option<BodyDataStream>,
    /// Whether the client waits to be asked for the body, and so sends none in vain.
    held_back: bool,
}

impl Lingering {
    /// The body of a request with these headers.
    pub(crate) fn new(headers: &HeaderMap, body: Body) -> Self {
        Self {
            body: Some(body.into_data_stream()),
            held_back: headers.contains_key(header::EXPECT),
        }
    }
}

impl Stream for Lingering {
    type Item = Result<Bytes, axum::Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.held_back = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let next = body.poll_next_unpin(context);
        if !matches!(next, Poll::Pending | Poll::Ready(Some(Ok(_)))) {
            self.body = None;
        }
        next
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|_| !self.held_back) {
            tokio::spawn(tokio::time::timeout(MAX_TIME, discard(body)));
        }
    }
}

async fn discard(mut body: BodyDataStream) {
    let mut discarded = 0;
    while let Some(Ok(chunk)) = body.next().await {
        discarded += chunk.len();
        if discarded > MAX_BYTES {
            return;
        }
    }
}
