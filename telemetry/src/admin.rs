//! The admin port: `/livez`, `/readyz`, `/metrics`, for the cluster and never for users.

use std::{io, net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use clap::Args;
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Where the admin port is.
#[derive(Args, Clone, Debug)]
pub struct AdminSettings {
    /// Address and port of `/livez`, `/readyz` and `/metrics`.
    #[arg(long, env = "TAKINGS_ADMIN_LISTEN", default_value = "0.0.0.0:9090")]
    pub admin_listen: SocketAddr,
}

/// Whether the program is ready, asked at each call of `/readyz`; the error is a sentence that
/// says what it waits for.
pub trait Readiness: Fn() -> Result<(), String> + Send + Sync + 'static {}

impl<F: Fn() -> Result<(), String> + Send + Sync + 'static> Readiness for F {}

#[derive(Clone)]
struct Admin {
    registry: Registry,
    readiness: Arc<dyn Readiness>,
}

/// Serves the admin port until the shutdown.
///
/// # Errors
/// Where the port can't be had.
pub async fn serve(
    settings: &AdminSettings,
    registry: Registry,
    readiness: impl Readiness,
    shutdown: CancellationToken,
) -> io::Result<()> {
    serve_routes(settings.admin_listen, router(registry, readiness), shutdown).await
}

/// Serves these routes, which may be more than those of [`router`].
///
/// # Errors
/// Where the port can't be had.
pub async fn serve_routes(
    address: SocketAddr,
    routes: Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    tracing::info!(address = %listener.local_addr()?, "the admin port is open");
    axum::serve(listener, routes).with_graceful_shutdown(shutdown.cancelled_owned()).await
}

/// The routes of the admin port.
pub fn router(registry: Registry, readiness: impl Readiness) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(Admin { registry, readiness: Arc::new(readiness) })
}

async fn readyz(State(admin): State<Admin>) -> Response {
    match (admin.readiness)() {
        Ok(()) => "ok\n".into_response(),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match TextEncoder::new().encode_to_string(&admin.registry.gather()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;

    async fn get(path: &str, readiness: impl Readiness) -> (StatusCode, String) {
        let registry = crate::metrics::registry("1.2.3").unwrap();
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = router(registry, readiness).oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_program_that_waits_is_alive_and_says_what_it_waits_for() {
        let waits = || Err("the database does not answer yet".to_owned());
        assert_eq!(get("/livez", waits).await.0, StatusCode::OK);
        let (status, body) = get("/readyz", waits).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(body.contains("database"), "{body}");
        assert_eq!(get("/readyz", || Ok(())).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn metrics_tell_the_version_and_the_process() {
        let (status, body) = get("/metrics", || Ok(())).await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("takings_build_info{version=\"1.2.3\"} 1"), "{body}");
        assert!(body.contains("process_resident_memory_bytes"), "{body}");
    }
}
