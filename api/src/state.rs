//! What all requests share.

use std::{sync::Arc, time::Duration};

use ledger::postgres::{Ledger, LedgerError};

use crate::{metrics::Metrics, problem::Problem, uploads::Uploads};

/// What all requests share.
pub(crate) struct App {
    /// The figures, read with the API's own role.
    pub(crate) ledger: Ledger,
    /// Where files are loaded; `None` where no importing role is configured.
    pub(crate) uploads: Option<Uploads>,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// How long a read may take.
    pub(crate) read_timeout: Duration,
}

/// The one [`App`], as handlers receive it.
pub(crate) type SharedApp = Arc<App>;

impl App {
    /// Waits for what the ledger answers, in bounded time.
    pub(crate) async fn read<T>(
        &self,
        answer: impl Future<Output = Result<T, LedgerError>>,
    ) -> Result<T, Problem> {
        match tokio::time::timeout(self.read_timeout, answer).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(Problem::TimedOut),
        }
    }

    /// Waits for uploads whose clients wait no longer, and closes the connections.
    pub(crate) async fn finish(&self) {
        if let Some(uploads) = &self.uploads {
            uploads.tasks.close();
            uploads.tasks.wait().await;
            uploads.ledger.close().await;
        }
        self.ledger.close().await;
    }

    /// Where files are loaded.
    pub(crate) fn uploads(&self) -> Result<&Uploads, Problem> {
        self.uploads.as_ref().ok_or(Problem::NoUploads)
    }
}
