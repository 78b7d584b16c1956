//! Answers from memory: figures that were read once, given out as long as nobody can have changed
//! them.
//!
//! In come the states of the ledger as its register of replicas tells them; out go figures, or
//! nothing, and then the ledger is to be asked. Never: a figure from before a publish or a revert
//! that somebody has been told of before the question came.

mod figures;
mod held;
mod keeper;

use std::sync::{Arc, PoisonError, RwLock};

use ledger::{
    Dataset,
    postgres::{Ledger, LedgerError},
};
use quick_cache::{Weighter, sync::Cache};
use uuid::Uuid;

pub(crate) use figures::{Figures, Total};
use held::Held;
pub(crate) use keeper::keep;

/// Datasets that the cache is laid out for; what it may hold is decided by their size.
const DATASETS: usize = 1_000;

/// What this replica holds.
pub(crate) struct Memory {
    /// Where figures are read.
    ledger: Ledger,
    /// Which states they may be given out in.
    held: RwLock<Option<Arc<Held>>>,
    /// By the token of their dataset's state.
    figures: Cache<Uuid, Arc<Figures>, Bytes>,
}

impl Memory {
    /// An empty one of at most so many bytes.
    pub(crate) fn new(ledger: Ledger, bytes: u64) -> Self {
        Self {
            ledger,
            held: RwLock::new(None),
            figures: Cache::with_weighter(DATASETS, bytes, Bytes),
        }
    }

    /// A dataset's figures, to be answered with at once; `None`: the ledger is to be asked.
    pub(crate) async fn figures(
        &self,
        dataset: &Dataset,
    ) -> Result<Option<Arc<Figures>>, LedgerError> {
        let Some(held) = self.held().filter(|held| held.is_valid()) else { return Ok(None) };
        let Some(state) = held.state(dataset) else { return Ok(Some(Arc::default())) };
        if let Some(figures) = self.figures.get(&state.token) {
            return Ok(Some(figures));
        }
        // What is read now is not from before the question, whatever becomes of the lease.
        let Some(figures) = self.ledger.figures(dataset).await? else { return Ok(None) };
        let figures = Arc::new(Figures::new(figures));
        self.figures.insert(figures.token(), figures.clone());
        Ok(Some(figures))
    }

    fn held(&self) -> Option<Arc<Held>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, held: Option<Arc<Held>>) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = held;
    }
}

/// What figures weigh.
#[derive(Clone)]
struct Bytes;

impl Weighter<Uuid, Arc<Figures>> for Bytes {
    fn weight(&self, _: &Uuid, figures: &Arc<Figures>) -> u64 {
        figures.bytes()
    }
}
