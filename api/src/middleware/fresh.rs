//! No answer is kept on the way to its client, unless it says so itself: a figure must never be
//! older than the last import.

use axum::{
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};

/// Adds `Cache-Control: no-store` where the answer has none.
pub(crate) async fn fresh(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
