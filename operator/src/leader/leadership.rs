//! Whether this process may write: a handle to be asked right before each write. It asks no server.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use rustix::time::{ClockId, clock_gettime};

/// Until when this process is the leader. Clones tell the same.
#[derive(Clone, Debug)]
pub struct Leadership {
    /// In nanoseconds since the boot; `None` where nobody is elected.
    until: Option<Arc<AtomicU64>>,
}

impl Leadership {
    /// That of the only operator there is.
    #[must_use]
    pub fn unchallenged() -> Self {
        Self { until: None }
    }

    /// Nobody's yet.
    pub(crate) fn vacant() -> Self {
        Self { until: Some(Arc::default()) }
    }

    /// Whether no other process can be the leader now.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.until.as_ref().is_none_or(|until| nanos(boot_time()) < until.load(Ordering::Acquire))
    }

    /// It holds until then; zero: it is over.
    pub(super) fn set(&self, moment: Duration) {
        if let Some(until) = &self.until {
            until.store(nanos(moment), Ordering::Release);
        }
    }
}

/// The time since the boot. It goes on while the process is stopped and the machine asleep, and
/// nobody sets it.
pub(super) fn boot_time() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::from_secs(time.tv_sec.unsigned_abs())
        + Duration::from_nanos(time.tv_nsec.unsigned_abs())
}

fn nanos(moment: Duration) -> u64 {
    u64::try_from(moment.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_until_its_deadline_in_every_clone() {
        let leadership = Leadership::vacant();
        let clone = leadership.clone();
        assert!(!clone.holds());
        leadership.set(boot_time() + Duration::from_hours(1));
        assert!(clone.holds());
        leadership.set(boot_time());
        assert!(!clone.holds());
    }

    #[test]
    fn without_an_election_it_always_holds() {
        let leadership = Leadership::unchallenged();
        leadership.set(Duration::ZERO);
        assert!(leadership.holds());
    }
}
