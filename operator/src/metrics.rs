//! What the operator counts. Labels are bounded words; the names are controller-runtime's where
//! it has one, so that its dashboards fit.

use std::time::Duration;

use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
    core::{Collector, GenericGauge},
};

const CONTROLLER: &str = "salesimport";
/// How a run may end; there from the start, so that the first one is seen as an increase.
const RESULTS: [&str; 5] = ["Published", "AlreadyLoaded", "Refused", "Abandoned", "Failed"];

/// The operator's metrics; clones count into the same.
#[derive(Clone)]
pub struct Metrics {
    reconciles: IntCounterVec,
    errors: IntCounterVec,
    seconds: HistogramVec,
    active: IntGaugeVec,
    imports: IntCounterVec,
    leads: IntGaugeVec,
}

/// How a reconciliation ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reconciled {
    /// Nothing more to do before something changes.
    Success,
    /// To be looked at again after a while.
    RequeueAfter,
    /// It failed and is tried again.
    Error,
}

impl Metrics {
    /// Registers all metrics.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels)
        };
        let metrics = Self {
            reconciles: counter(
                "controller_runtime_reconcile_total",
                "Reconciliations by controller and result.",
                &["controller", "result"],
            )?,
            errors: counter(
                "controller_runtime_reconcile_errors_total",
                "Reconciliations that failed, by controller.",
                &["controller"],
            )?,
            seconds: HistogramVec::new(
                HistogramOpts::new(
                    "controller_runtime_reconcile_time_seconds",
                    "How long reconciliations take, by controller.",
                ),
                &["controller"],
            )?,
            active: IntGaugeVec::new(
                Opts::new(
                    "controller_runtime_active_workers",
                    "Reconciliations under way, by controller.",
                ),
                &["controller"],
            )?,
            imports: counter(
                "takings_imports_total",
                "Runs of SalesImports that ended, by result.",
                &["result"],
            )?,
            leads: IntGaugeVec::new(
                Opts::new(
                    "leader_election_master_status",
                    "Whether this process is the leader (1) or stands by (0), by Lease.",
                ),
                &["name"],
            )?,
        };
        for result in RESULTS {
            metrics.imports.with_label_values(&[result]);
        }
        metrics.collectors().into_iter().try_for_each(|collector| registry.register(collector))?;
        Ok(metrics)
    }

    /// One more reconciliation under way, until what is returned is dropped.
    pub(crate) fn begin(&self) -> impl Drop + use<> {
        let active = self.active.with_label_values(&[CONTROLLER]);
        active.inc();
        Active(active)
    }

    pub(crate) fn reconciled(&self, reconciled: Reconciled, took: Duration) {
        let result = match reconciled {
            Reconciled::Success => "success",
            Reconciled::RequeueAfter => "requeue_after",
            Reconciled::Error => "error",
        };
        self.reconciles.with_label_values(&[CONTROLLER, result]).inc();
        self.seconds.with_label_values(&[CONTROLLER]).observe(took.as_secs_f64());
        if matches!(reconciled, Reconciled::Error) {
            self.errors.with_label_values(&[CONTROLLER]).inc();
        }
    }

    pub(crate) fn ended(&self, result: &'static str) {
        self.imports.with_label_values(&[result]).inc();
    }

    /// Whether this process holds that Lease.
    pub(crate) fn leads(&self, lease: &str, leads: bool) {
        self.leads.with_label_values(&[lease]).set(leads.into());
    }

    fn collectors(&self) -> Vec<Box<dyn Collector>> {
        vec![
            Box::new(self.reconciles.clone()),
            Box::new(self.errors.clone()),
            Box::new(self.seconds.clone()),
            Box::new(self.active.clone()),
            Box::new(self.imports.clone()),
            Box::new(self.leads.clone()),
        ]
    }
}

struct Active(GenericGauge<prometheus::core::AtomicI64>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.dec();
    }
}
