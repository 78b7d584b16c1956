//! What the operator counts. Labels are bounded words; the names are controller-runtime's where
//! it has one, so that its dashboards fit.

use std::time::{Duration, Instant};

use kube::runtime::controller::Action;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    core::{Collector, GenericGauge},
};

use crate::crd::SalesImportStatus;

/// From a small file to a day.
const DURATIONS: [f64; 10] = [1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0];
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
    lines: IntCounterVec,
    bytes: IntCounter,
    duration: HistogramVec,
    running: IntGauge,
    queued: IntGauge,
    leads: IntGaugeVec,
}

/// How a reconciliation ended.
#[derive(Clone, Copy, Debug)]
enum Reconciled {
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
            lines: counter(
                "takings_import_lines_total",
                "Lines of files whose import has ended, by what became of them.",
                &["lines"],
            )?,
            bytes: IntCounter::new(
                "takings_import_bytes_total",
                "Bytes of files whose import has ended, unpacked.",
            )?,
            duration: HistogramVec::new(
                HistogramOpts::new(
                    "takings_import_duration_seconds",
                    "How long runs take, from the first attempt to the end, by result.",
                )
                .buckets(DURATIONS.to_vec()),
                &["result"],
            )?,
            running: IntGauge::new(
                "takings_imports_running",
                "Imports that have their turn: an attempt of theirs is under way.",
            )?,
            queued: IntGauge::new("takings_imports_queued", "Imports that wait for their turn.")?,
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
    fn begin(&self, controller: &str) -> impl Drop + use<> {
        let active = self.active.with_label_values(&[controller]);
        active.inc();
        // There from the start, so that the first one is seen as an increase.
        self.errors.with_label_values(&[controller]);
        Active(active)
    }

    /// Counts a reconciliation, from here to its end.
    pub(crate) async fn count<E>(
        &self,
        controller: &str,
        reconcile: impl Future<Output = Result<Action, E>>,
    ) -> Result<Action, E> {
        let (began, _active) = (Instant::now(), self.begin(controller));
        let result = reconcile.await;
        let reconciled = match &result {
            Ok(action) if *action == Action::await_change() => Reconciled::Success,
            Ok(_) => Reconciled::RequeueAfter,
            Err(_) => Reconciled::Error,
        };
        self.reconciled(controller, reconciled, began.elapsed());
        result
    }

    fn reconciled(&self, controller: &str, reconciled: Reconciled, took: Duration) {
        let result = match reconciled {
            Reconciled::Success => "success",
            Reconciled::RequeueAfter => "requeue_after",
            Reconciled::Error => "error",
        };
        self.reconciles.with_label_values(&[controller, result]).inc();
        self.seconds.with_label_values(&[controller]).observe(took.as_secs_f64());
        if matches!(reconciled, Reconciled::Error) {
            self.errors.with_label_values(&[controller]).inc();
        }
    }

    /// A run has ended, with that status.
    pub(crate) fn ended(&self, result: &'static str, status: &SalesImportStatus) {
        self.imports.with_label_values(&[result]).inc();
        if let (Some(began), Some(ended)) = (&status.start_time, &status.finish_time) {
            let seconds = ended.0.duration_since(began.0).as_secs_f64();
            self.duration.with_label_values(&[result]).observe(seconds);
        }
        let Some(outcome) = status.outcome.as_ref().filter(|told| told.result.is_final()) else {
            return;
        };
        self.bytes.inc_by(outcome.bytes);
        for (lines, count) in [
            ("imported", outcome.lines_imported),
            ("skipped", outcome.lines_skipped),
            ("rejected", outcome.lines_rejected),
        ] {
            self.lines.with_label_values(&[lines]).inc_by(count);
        }
    }

    /// How many imports run, and how many wait for their turn.
    pub(crate) fn turns(&self, running: usize, queued: usize) {
        for (gauge, count) in [(&self.running, running), (&self.queued, queued)] {
            gauge.set(count.try_into().unwrap_or(i64::MAX));
        }
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
            Box::new(self.lines.clone()),
            Box::new(self.bytes.clone()),
            Box::new(self.duration.clone()),
            Box::new(self.running.clone()),
            Box::new(self.queued.clone()),
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
