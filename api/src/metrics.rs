//! What is counted. Labels are bounded: route templates, known methods, status codes.

use ledger::postgres::Ledger;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::{Collector, Desc},
    proto::MetricFamily,
};

/// The buckets that OpenTelemetry advises for request durations, in seconds.
const BUCKETS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The API's own figures.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    /// `http_server_request_duration_seconds{http_request_method,http_route,http_response_status_code}`
    pub(crate) requests: HistogramVec,
    /// `http_server_active_requests`
    pub(crate) active_requests: IntGauge,
    /// `takings_answers_total{source}`
    pub(crate) answers: IntCounterVec,
    /// `takings_uploads_in_progress`
    pub(crate) uploads_in_progress: IntGauge,
    /// `takings_uploads_total{result}`
    pub(crate) uploads: IntCounterVec,
}

impl Metrics {
    /// The figures, all at zero, in the registry.
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            requests: HistogramVec::new(
                HistogramOpts::new(
                    "http_server_request_duration_seconds",
                    "Duration of HTTP requests.",
                )
                .buckets(BUCKETS.to_vec()),
                &["http_request_method", "http_route", "http_response_status_code"],
            )?,
            active_requests: IntGauge::new(
                "http_server_active_requests",
                "HTTP requests under way.",
            )?,
            answers: IntCounterVec::new(
                Opts::new(
                    "takings_answers_total",
                    "Questions for figures, by where the answer came from: memory or ledger.",
                ),
                &["source"],
            )?,
            uploads_in_progress: IntGauge::new(
                "takings_uploads_in_progress",
                "Files being loaded.",
            )?,
            uploads: IntCounterVec::new(
                Opts::new("takings_uploads_total", "Files loaded, by how their runs ended."),
                &["result"],
            )?,
        };
        registry.register(Box::new(metrics.requests.clone()))?;
        registry.register(Box::new(metrics.active_requests.clone()))?;
        registry.register(Box::new(metrics.answers.clone()))?;
        registry.register(Box::new(metrics.uploads_in_progress.clone()))?;
        registry.register(Box::new(metrics.uploads.clone()))?;
        Ok(metrics)
    }
}

/// The database connections, counted when somebody looks.
struct Connections {
    pools: Vec<(&'static str, Ledger)>,
    /// `db_client_connection_count{pool,state}`
    count: IntGaugeVec,
}

/// Counts the connections of these pools from now on.
pub(crate) fn count_connections(
    registry: &Registry,
    pools: Vec<(&'static str, Ledger)>,
) -> prometheus::Result<()> {
    let options = Opts::new("db_client_connection_count", "Database connections, idle and used.");
    let count = IntGaugeVec::new(options, &["pool", "state"])?;
    registry.register(Box::new(Connections { pools, count }))
}

impl Collector for Connections {
    fn desc(&self) -> Vec<&Desc> {
        self.count.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        for (pool, ledger) in &self.pools {
            let (open, idle) = ledger.connections();
            let idle = i64::try_from(idle).unwrap_or(i64::MAX);
            self.count.with_label_values(&[pool, "idle"]).set(idle);
            self.count.with_label_values(&[pool, "used"]).set((i64::from(open) - idle).max(0));
        }
        self.count.collect()
    }
}
