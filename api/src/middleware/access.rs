//! One observation for each request: a line in the log, a point in the histogram. A client that
//! goes away before its answer is observed too, as status 499.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};

use crate::{metrics::Metrics, middleware::RequestId, params::Params, state::SharedApp};

/// The status that stands for "the client went away".
const GONE: u16 = 499;
/// The label of a path that no route has, which must not become a label itself.
const UNMATCHED: &str = "_unmatched";

/// What is known of a request while it is under way; observed when dropped.
struct Observation {
    metrics: Metrics,
    started: Instant,
    request_id: String,
    method: &'static str,
    route: String,
    params: Params,
    status: u16,
}

/// Observes the request from here on.
pub(crate) async fn access(State(app): State<SharedApp>, request: Request, next: Next) -> Response {
    let mut observation = Observation::begin(app.metrics.clone(), &request);
    let response = next.run(request).await;
    observation.status = response.status().as_u16();
    response
}

impl Observation {
    fn begin(metrics: Metrics, request: &Request) -> Self {
        metrics.active_requests.inc();
        let id = request.extensions().get::<RequestId>();
        Self {
            metrics,
            started: Instant::now(),
            request_id: id.map(|id| id.0.to_string()).unwrap_or_default(),
            method: known(request.method()),
            route: template(request.extensions().get::<MatchedPath>()),
            params: Params::any(request.uri()),
            status: GONE,
        }
    }

    /// Only parameters that are allowed here reach the log: another may hold a secret.
    fn log(&self, seconds: f64) {
        let given = |name| self.params.logged(name);
        tracing::info!(
            request_id = self.request_id,
            method = self.method,
            route = self.route,
            status = self.status,
            duration_ms = (seconds * 1_000_000.0).round() / 1_000.0,
            start = given("start"),
            end = given("end"),
            from = given("from"),
            to = given("to"),
            dataset = given("dataset"),
            currency = given("currency"),
            on_overlap = given("on_overlap"),
            max_rejected = given("max_rejected"),
            import_status = given("status"),
            limit = given("limit"),
            "request"
        );
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        let seconds = self.started.elapsed().as_secs_f64();
        let labels = [self.method, self.route.as_str(), &self.status.to_string()];
        self.metrics.requests.with_label_values(&labels).observe(seconds);
        self.metrics.active_requests.dec();
        self.log(seconds);
    }
}

/// The route's template without a trailing slash, so that both spellings are one route.
fn template(path: Option<&MatchedPath>) -> String {
    path.map_or(UNMATCHED, |path| path.as_str().trim_end_matches('/')).to_owned()
}

/// The method, or `_OTHER`: clients can make up methods.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "_OTHER",
    }
}
