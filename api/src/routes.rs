//! The one table of routes.

use axum::{
    Router,
    middleware::{from_fn, from_fn_with_state},
    routing::{MethodRouter, get, post},
};

use crate::{
    handlers::{compatible, folder, health, imports, nothing, revenue, uploads, version},
    middleware::{access, fresh, problems, request_id},
    state::SharedApp,
};

/// All routes, with what happens around each request.
pub(crate) fn routes(app: SharedApp) -> Router {
    Router::new()
        .merge(as_existing_clients_call_it())
        .merge(our_own_form())
        .route("/version", get(version::version))
        .fallback(nothing::path)
        .method_not_allowed_fallback(nothing::method)
        .layer(from_fn(problems))
        .layer(from_fn(fresh))
        .layer(from_fn_with_state(app.clone(), access))
        .layer(from_fn(request_id))
        .with_state(app)
}

/// With and without the trailing slash.
fn as_existing_clients_call_it() -> Router<SharedApp> {
    let imports = post(uploads::compatible).get(folder::import);
    let table: [(&str, MethodRouter<SharedApp>); 7] = [
        ("/api/sales/import-sales", post(uploads::compatible)),
        ("/api/import-sales", imports),
        ("/api/metrics/revenue", get(compatible::revenue)),
        ("/api/metrics/revenue/daily", get(compatible::daily)),
        ("/api/health", get(health::health)),
        ("/api/healthcheck", get(health::health)),
        ("/health", get(health::health)),
    ];
    table.into_iter().fold(Router::new(), |router, (path, methods)| {
        router.route(path, methods.clone()).route(&format!("{path}/"), methods)
    })
}

fn our_own_form() -> Router<SharedApp> {
    Router::new()
        .route("/api/v1/revenue", get(revenue::revenue))
        .route("/api/v1/revenue/daily", get(revenue::daily))
        .route("/api/v1/imports", get(imports::list).post(uploads::create))
        .route("/api/v1/imports/{id}", get(imports::get))
        .route("/api/v1/imports/{id}/rejects", get(imports::rejects))
}
