//! What all requests share.

use std::{sync::Arc, time::Duration};

use ledger::postgres::{Ledger, LedgerError};

use crate::{memory::Memory, metrics::Metrics, problem::Problem, uploads::Uploads};

/// How long uploads that are cut off at the shutdown have to say so in the ledger.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What all requests share.
pub(crate) struct App {
    /// The figures, read with the API's own role.
    pub(crate) ledger: Ledger,
    /// Figures that were read before.
    pub(crate) memory: Arc<Memory>,
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

    /// The pools of database connections, by name.
    pub(crate) fn pools(&self) -> Vec<(&'static str, Ledger)> {
        let import = self.uploads.iter().map(|uploads| ("import", uploads.ledger.clone()));
        std::iter::once(("read", self.ledger.clone())).chain(import).collect()
    }

    /// Ends uploads under way, so that their runs have an end on record.
    pub(crate) async fn give_up(&self) {
        if let Some(uploads) = &self.uploads {
            uploads.stop.cancel();
            uploads.tasks.close();
            let _ = tokio::time::timeout(LAST_WORDS, uploads.tasks.wait()).await;
        }
    }

    /// Where files are loaded.
    pub(crate) fn uploads(&self) -> Result<&Uploads, Problem> {
        self.uploads.as_ref().ok_or(Problem::NoUploads)
    }
}
