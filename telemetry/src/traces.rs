//! Traces: the trace that this program was started in, continued in its log lines and, where a
//! collector is named, in spans that are sent to it.
//!
//! In come `TRACEPARENT` and `TRACESTATE`, as W3C writes them, and the variables that OpenTelemetry
//! defines, above all `OTEL_EXPORTER_OTLP_ENDPOINT`; out go spans as OTLP (http/protobuf). Without
//! an endpoint nothing is recorded.

use std::{collections::HashMap, env, time::Duration};

use async_trait::async_trait;
use opentelemetry::{
    Context,
    propagation::TextMapPropagator,
    trace::{SpanContext, TraceContextExt, TracerProvider as _},
};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tokio::runtime::Handle;
use tracing::{Span, field::Empty};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::{Layer, Registry, filter::filter_fn};

use crate::logs::{SPANS, SpanLayer};

/// Longest wait for a collector, also at the program's end.
const PATIENCE: Duration = Duration::from_secs(5);
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

/// The trace of this process.
pub struct Traces {
    parent: Context,
    provider: Option<SdkTracerProvider>,
}

impl Traces {
    /// As the environment says. What is sent, is sent on this runtime.
    ///
    /// # Errors
    /// A sentence where nothing can be sent; the trace is then continued without spans.
    pub fn from_environment(program: &'static str, runtime: Handle) -> (Self, Result<(), String>) {
        let variable = |name: &str| Some((name.to_lowercase(), env::var(name).ok()?));
        let carrier: HashMap<_, _> =
            ["TRACEPARENT", "TRACESTATE"].into_iter().filter_map(variable).collect();
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
        let is_wanted = |name| env::var_os(name).is_some_and(|endpoint| !endpoint.is_empty());
        if !ENDPOINTS.into_iter().any(is_wanted) {
            return (Self { parent, provider: None }, Ok(()));
        }
        match provider(program, runtime) {
            Ok(provider) => (Self { parent, provider: Some(provider) }, Ok(())),
            Err(error) => (
                Self { parent, provider: None },
                Err(format!("No spans are sent to the collector: {error}.")),
            ),
        }
    }

    /// What records spans, for [`crate::logs::init`]; none where they are not sent.
    #[must_use]
    pub fn layer(&self) -> Option<SpanLayer> {
        let tracer = self.provider.as_ref()?.tracer("takings");
        let is_ours = filter_fn(|metadata| {
            metadata.is_span() && [SPANS, module_path!()].contains(&metadata.target())
        });
        let layer = tracing_opentelemetry::layer::<Registry>().with_tracer(tracer);
        Some(layer.with_filter(is_ours).boxed())
    }

    /// The span of the whole program: under it log lines carry the trace's id. None where there is
    /// no trace.
    #[must_use]
    pub fn span(&self) -> Span {
        let known = self.parent.span().span_context().clone();
        if !known.is_valid() && self.provider.is_none() {
            return Span::none();
        }
        // An error's level, so that no filter leaves its fields out of the lines that it lets pass.
        let span = tracing::error_span!("program", trace_id = Empty);
        // Without the layer there is nothing to set.
        let _ = span.set_parent(self.parent.clone());
        let recorded = span.context().span().span_context().clone();
        let context = Some(recorded).filter(SpanContext::is_valid).unwrap_or(known);
        span.record("trace_id", context.trace_id().to_string());
        span
    }

    /// Sends what is left. Call it outside of the runtime, and before that ends.
    pub fn finish(self) {
        if let Some(provider) = self.provider
            && let Err(error) = provider.shutdown_with_timeout(PATIENCE)
        {
            tracing::warn!("not all spans came to the collector: {error}");
        }
    }
}

fn provider(program: &'static str, runtime: Handle) -> Result<SdkTracerProvider, String> {
    // Done once a process; a later call finds it done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().timeout(PATIENCE).build();
    let http = http.map_err(|error| error.to_string())?;
    let exporter = SpanExporter::builder().with_http().with_http_client(Client { http, runtime });
    let exporter = exporter.build().map_err(|error| error.to_string())?;
    let mut resource = Resource::builder();
    if env::var_os("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name(program);
    }
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter);
    Ok(provider.with_resource(resource.build()).build())
}

/// Sends on the program's runtime: the exporter's own thread has none.
#[derive(Debug)]
struct Client {
    http: reqwest::Client,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (http, request) = (self.http.clone(), request.try_into()?);
        let sent = self.runtime.spawn(async move {
            let response = http.execute(request).await?;
            let status = response.status();
            Ok::<_, reqwest::Error>((status, response.bytes().await?))
        });
        let (status, body) = sent.await??;
        Ok(Response::builder().status(status).body(body)?)
    }
}
