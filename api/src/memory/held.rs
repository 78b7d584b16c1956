//! The states of all datasets that a replica has read, and until when it may answer with them.

use std::sync::atomic::{AtomicU64, Ordering};

use ledger::{
    Dataset,
    postgres::{BootTime, DatasetState, Datasets, LEASE, PACE, Version},
};

/// What is held, under a lease.
#[derive(Debug)]
pub(super) struct Held {
    datasets: Datasets,
    /// In nanoseconds of the boot's time.
    valid_until: AtomicU64,
}

impl Held {
    /// Under a lease that was asked for at that moment, and got.
    pub(super) fn new(datasets: Datasets, asked: BootTime) -> Self {
        Self { datasets, valid_until: AtomicU64::new(end(asked)) }
    }

    /// The lease was renewed; that was asked for at that moment.
    pub(super) fn renewed(&self, asked: BootTime) {
        self.valid_until.fetch_max(end(asked), Ordering::AcqRel);
    }

    /// Whether it may be answered with. To be asked after the question was read: a process that was
    /// stopped in between does not notice.
    pub(super) fn is_valid(&self) -> bool {
        BootTime::now().nanoseconds() < self.valid_until.load(Ordering::Acquire)
    }

    /// The ledger's version.
    pub(super) fn version(&self) -> Version {
        self.datasets.version
    }

    /// The state of a dataset; `None` where there is none of that name.
    pub(super) fn state(&self, dataset: &Dataset) -> Option<&DatasetState> {
        self.datasets.datasets.get(dataset)
    }
}

fn end(asked: BootTime) -> u64 {
    asked.after(LEASE.saturating_sub(PACE)).nanoseconds()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use uuid::Uuid;

    use super::*;

    fn held(asked: BootTime) -> Held {
        let version = Version { version: 1, token: Uuid::nil() };
        Held::new(Datasets { version, datasets: HashMap::new() }, asked)
    }

    #[test]
    fn a_lease_counts_from_when_it_was_asked_for_and_lasts_as_long_as_it_is_renewed() {
        // Asked for at the boot, which is longer ago than any lease lasts.
        let held = held(BootTime::default());
        assert!(!held.is_valid());
        held.renewed(BootTime::now());
        assert!(held.is_valid());
        held.renewed(BootTime::default());
        assert!(held.is_valid(), "an answer that comes late takes nothing away");
    }
}
