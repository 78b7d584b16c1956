//! Loading files: at most so many at once, each to an end that is on record.
//!
//! In come a request for a run and the file's bytes; out goes the run's outcome. The work is a
//! task of its own: a client that goes away in the middle, or waits no longer for the answer,
//! leaves no run without an end.

use std::{path::PathBuf, sync::Arc, time::Duration};

use importer::{LoadRequest, Source};
use ledger::{
    Currency, Dataset, ImportId, MaxRejected, OnOverlap, Outcome, outcome::RunResult,
    postgres::Ledger,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument as _;

use crate::{form::FormLimits, metrics::Metrics, problem::Problem, settle::settle};

/// Who asked for a run that came by way of the API.
const REQUESTED_BY: &str = "api";
/// Longest wait for an importer that loads the same file: a client waits for the answer.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(5);

/// Where files are loaded.
#[derive(Clone)]
pub(crate) struct Uploads {
    /// The ledger, with the importing role.
    pub(crate) ledger: Ledger,
    /// What an upload's body may be.
    pub(crate) limits: FormLimits,
    /// How long one load may take.
    pub(crate) load_timeout: Duration,
    /// Whose CSV files are imported on request.
    pub(crate) folder: Option<PathBuf>,
    /// The room for uploads.
    pub(crate) slots: Arc<Semaphore>,
    /// The uploads under way.
    pub(crate) tasks: TaskTracker,
    /// Ends the uploads under way.
    pub(crate) stop: CancellationToken,
    /// What is counted.
    pub(crate) metrics: Metrics,
}

/// How a file is to be loaded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) dataset: Dataset,
    pub(crate) currency: Currency,
    pub(crate) on_overlap: OnOverlap,
    pub(crate) max_rejected: MaxRejected,
}

/// The right to load files; given back when dropped.
pub(crate) struct Slot {
    _permit: OwnedSemaphorePermit,
    metrics: Metrics,
}

impl Uploads {
    /// The right to load, or [`Problem::Busy`].
    pub(crate) fn slot(&self) -> Result<Slot, Problem> {
        let permit = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| Problem::Busy)?;
        self.metrics.uploads_in_progress.inc();
        Ok(Slot { _permit: permit, metrics: self.metrics.clone() })
    }

    /// Does the work in a task that goes on where nobody waits for it any more.
    pub(crate) async fn finish<T, F>(&self, slot: Slot, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Problem>> + Send + 'static,
    {
        let work = async move {
            let _slot = slot;
            work.await
        };
        let task = self.tasks.spawn(work.in_current_span());
        task.await.unwrap_or(Err(Problem::Internal("an upload's task ended early")))
    }

    /// Loads one file to its end: published, there already, or refused with a reason.
    pub(crate) async fn load(
        &self,
        source: Source,
        policy: &Policy,
        request_id: &str,
    ) -> Result<Outcome, Problem> {
        // A load that can't begin leaves nothing to settle.
        self.ledger.ping().await?;
        let mut outcome = self.load_in_time(policy.request(request_id), source).await;
        if outcome.result == RunResult::Fault {
            let (import_id, reason) = (outcome.import_id, outcome.reason.as_str());
            tracing::warn!(%import_id, reason, cause = outcome.message, "the load failed");
            outcome = settle(&self.ledger, outcome).await;
        }
        self.observe(&outcome);
        match outcome.result {
            RunResult::Published | RunResult::AlreadyLoaded => Ok(outcome),
            _ => Err(Problem::Refused(Box::new(outcome))),
        }
    }

    /// A load that takes too long, such as on a network that swallows what is sent, is stopped.
    async fn load_in_time(&self, request: LoadRequest, source: Source) -> Outcome {
        let stop = self.stop.child_token();
        let timer = async {
            tokio::time::sleep(self.load_timeout).await;
            stop.cancel();
            std::future::pending().await
        };
        tokio::select! {
            outcome = importer::load(&self.ledger, request, source, &stop) => outcome,
            never = timer => never,
        }
    }

    fn observe(&self, outcome: &Outcome) {
        let result = outcome.result.as_str();
        self.metrics.uploads.with_label_values(&[result]).inc();
        tracing::info!(
            import_id = %outcome.import_id,
            result,
            reason = outcome.reason.as_str(),
            lines_read = outcome.lines_read,
            lines_imported = outcome.lines_imported,
            "the load has ended"
        );
    }
}

impl Policy {
    /// An import of its own, with its only run.
    fn request(&self, request_id: &str) -> LoadRequest {
        LoadRequest {
            dataset: self.dataset.clone(),
            currency: self.currency.clone(),
            on_overlap: self.on_overlap,
            max_rejected: self.max_rejected,
            requested_by: REQUESTED_BY.into(),
            request_id: request_id.into(),
            // Small beside an importer of its own: several of them share this program.
            chunk_bytes: 1024 * 1024,
            connections: 1,
            claim_timeout: CLAIM_TIMEOUT,
            ..LoadRequest::new(ImportId::random())
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.metrics.uploads_in_progress.dec();
    }
}
