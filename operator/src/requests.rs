//! The calls to the API server, counted under the names that client-go gives them. In come a
//! client's requests, out go the same; nothing is changed or repeated.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use hyper::{Request, Response};
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry};
use tower::{Layer, Service};

/// client-go's own, in seconds.
const BUCKETS: [f64; 10] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 30.0];
/// In the place of a code where there was no answer, as client-go has it.
const NO_ANSWER: &str = "<error>";

/// Counts requests; clones count into the same.
#[derive(Clone)]
pub struct Requests {
    total: IntCounterVec,
    seconds: HistogramVec,
}

impl Requests {
    /// Registers the metrics.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let total = Opts::new(
            "rest_client_requests_total",
            "Calls to the API server by method and status code.",
        );
        let seconds = HistogramOpts::new(
            "rest_client_request_duration_seconds",
            "How long calls to the API server take until its answer begins, by method.",
        );
        let requests = Self {
            total: IntCounterVec::new(total, &["code", "method", "host"])?,
            seconds: HistogramVec::new(seconds.buckets(BUCKETS.to_vec()), &["verb", "host"])?,
        };
        registry.register(Box::new(requests.total.clone()))?;
        registry.register(Box::new(requests.seconds.clone()))?;
        Ok(requests)
    }

    fn count(&self, (method, host): (&str, &str), code: &str, began: Instant) {
        self.total.with_label_values(&[code, method, host]).inc();
        let seconds = began.elapsed().as_secs_f64();
        self.seconds.with_label_values(&[method, host]).observe(seconds);
    }
}

impl<S> Layer<S> for Requests {
    type Service = Counted<S>;

    fn layer(&self, service: S) -> Counted<S> {
        Counted { service, requests: self.clone() }
    }
}

/// A service whose requests are counted.
#[derive(Clone)]
pub struct Counted<S> {
    service: S,
    requests: Requests,
}

impl<S, A, B> Service<Request<A>> for Counted<S>
where
    S: Service<Request<A>, Response = Response<B>>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        let method = request.method().to_string();
        let host = request.uri().host().unwrap_or_default().to_owned();
        let (requests, began) = (self.requests.clone(), Instant::now());
        let answer = self.service.call(request);
        Box::pin(async move {
            let answer = answer.await;
            let code = answer.as_ref().ok().map(Response::status);
            let code = code.as_ref().map_or(NO_ANSWER, |code| code.as_str());
            requests.count((&method, &host), code, began);
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use tower::{ServiceBuilder, ServiceExt as _};

    use super::*;

    #[tokio::test]
    async fn each_call_is_counted_with_its_answer_and_without() {
        let requests = Requests::register(&Registry::new()).unwrap();
        let server = |request: Request<()>| async move {
            match request.uri().path() {
                "/gone" => Ok(Response::builder().status(410).body(()).unwrap()),
                "/silent" => Err("no answer"),
                _ => Ok(Response::new(())),
            }
        };
        let client = ServiceBuilder::new().layer(requests.clone()).service_fn(server);
        for path in ["", "/gone", "/silent", ""] {
            let call = Request::get(format!("https://api.cluster:6443{path}")).body(()).unwrap();
            let _ = client.clone().oneshot(call).await;
        }
        let count =
            |code: &str| requests.total.with_label_values(&[code, "GET", "api.cluster"]).get();
        assert_eq!((count("200"), count("410"), count(NO_ANSWER)), (2, 1, 1));
        let seconds = requests.seconds.with_label_values(&["GET", "api.cluster"]);
        assert_eq!(seconds.get_sample_count(), 4);
    }
}
