//! Time since this machine has booted: it goes on while the machine sleeps or this process is
//! stopped, and nobody can set it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment on this machine; by default, that of its boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(Duration);

impl BootTime {
    /// The present one.
    ///
    /// <https://man7.org/linux/man-pages/man2/clock_gettime.2.html>, `CLOCK_BOOTTIME`
    #[must_use]
    pub fn now() -> Self {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
        Self(Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default()))
    }

    /// So much later.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }

    /// Nanoseconds since the boot: 584 years of them.
    #[must_use]
    pub fn nanoseconds(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}
