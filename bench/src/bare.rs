//! The peer of the API: an axum handler that does nothing but answer.

use std::net::SocketAddr;

use axum::{Router, http::header::CONTENT_TYPE};

/// Answers every GET with the same bytes until it is stopped.
pub(crate) fn serve(listen: SocketAddr, body: String) -> anyhow::Result<()> {
    let body: &'static str = body.leak();
    let answer = move || async move { ([(CONTENT_TYPE, "application/json")], body) };
    let routes = Router::new().fallback(axum::routing::get(answer));
    tokio::runtime::Runtime::new()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(listen).await?;
        axum::serve(listener, routes).await?;
        Ok(())
    })
}
