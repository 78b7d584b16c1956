//! A candidate for the leadership: what was seen of the Lease in, what to write into it out. Pure,
//! without client and clock.
//!
//! Moments are told by the candidate's own clock and compared with nothing else; the times that
//! stand in the Lease are for people. At most one leads: whoever wrote the Lease leads for the
//! renew deadline, counted from before it sent that; whoever takes over has seen the Lease
//! unchanged for its duration, which is longer, and writes only over that same version.

use std::time::Duration;

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
    jiff::Timestamp,
};

use super::LeaseSettings;

#[cfg(test)]
mod histories;
#[cfg(test)]
mod tests;

/// What one process knows and is.
pub(super) struct Candidate {
    /// What stands in the Lease while it is the leader. No two processes have the same.
    identity: String,
    duration: Duration,
    renew_deadline: Duration,
    seen: Option<Seen>,
    /// Whether nobody else can have written since, as far as it can know.
    is_sure: bool,
    /// From its write on where that took over a Lease which was seen. One that was not there, or
    /// that turns out to be its own, is waited for as if it were another's: one before it may have
    /// been deleted under a leader that does not know yet.
    leads_from: Duration,
    leads_until: Duration,
}

/// The Lease, or that there is none, and since when it is seen so.
struct Seen {
    lease: Option<Lease>,
    since: Duration,
}

impl Candidate {
    pub(super) fn new(identity: String, settings: &LeaseSettings) -> Self {
        Self {
            identity,
            duration: settings.duration,
            renew_deadline: settings.renew_deadline,
            seen: None,
            is_sure: false,
            leads_from: Duration::ZERO,
            leads_until: Duration::ZERO,
        }
    }

    /// Until when it is the leader, where it is.
    pub(super) fn leads(&self, now: Duration) -> Option<Duration> {
        (self.leads_from..self.leads_until).contains(&now).then_some(self.leads_until)
    }

    /// Whether it may write without looking first: its last write was confirmed.
    pub(super) fn is_sure(&self) -> bool {
        self.is_sure
    }

    /// The Lease was read, and stood there as late as now.
    pub(super) fn saw(&mut self, lease: Option<Lease>, now: Duration) {
        let was_mine = self.is_mine();
        let known =
            self.seen.take().filter(|seen| version(seen.lease.as_ref()) == version(lease.as_ref()));
        let since = known.map_or(now, |seen| seen.since);
        self.seen = Some(Seen { lease, since });
        if !self.is_mine() {
            self.leads_until = Duration::ZERO;
        } else if !was_mine {
            self.leads_from = now + self.duration;
        }
    }

    /// The Lease to be written, where it is this candidate's, or can be nobody's by now. Until
    /// that is confirmed, nothing is sure.
    pub(super) fn claim(&mut self, now: Duration, time: Timestamp) -> Option<Lease> {
        self.is_sure = false;
        let seen = self.seen.as_ref()?;
        let is_vacant = self.holder().is_none();
        let is_expired = now.saturating_sub(seen.since) >= self.duration_of(seen);
        (self.is_mine() || is_vacant || is_expired).then(|| self.held(time))
    }

    /// The API server took what was sent, and made this of it.
    pub(super) fn wrote(&mut self, lease: Lease, sent: Duration, now: Duration) {
        if self.seen.as_ref().is_none_or(|seen| seen.lease.is_none()) {
            self.leads_from = now + self.duration;
        } else if !self.is_mine() {
            self.leads_from = sent;
        }
        self.seen = Some(Seen { lease: Some(lease), since: sent });
        self.is_sure = true;
        self.leads_until = sent + self.renew_deadline;
    }

    /// It is the leader no longer; the Lease to be written, so that another one needn't wait.
    pub(super) fn release(&mut self) -> Option<Lease> {
        self.leads_until = Duration::ZERO;
        self.is_sure = false;
        let mut lease = self.seen.as_ref()?.lease.clone().filter(|_| self.is_mine())?;
        lease.spec.get_or_insert_default().holder_identity = None;
        Some(lease)
    }

    /// Who holds the Lease, as far as it was seen.
    pub(super) fn holder(&self) -> Option<&str> {
        let spec = self.seen.as_ref()?.lease.as_ref()?.spec.as_ref()?;
        spec.holder_identity.as_deref().filter(|holder| !holder.is_empty())
    }

    fn is_mine(&self) -> bool {
        self.holder() == Some(&self.identity)
    }

    /// How long its holder may rely on it: the holder's duration, else ours.
    fn duration_of(&self, seen: &Seen) -> Duration {
        let spec = seen.lease.as_ref().and_then(|lease| lease.spec.as_ref());
        let seconds = spec.and_then(|spec| u64::try_from(spec.lease_duration_seconds?).ok());
        seconds.filter(|seconds| *seconds > 0).map_or(self.duration, Duration::from_secs)
    }

    /// The Lease as it was seen, but held by this candidate, and renewed.
    fn held(&self, time: Timestamp) -> Lease {
        let mut lease = self.seen.as_ref().and_then(|seen| seen.lease.clone()).unwrap_or_default();
        let former = lease.spec.take().unwrap_or_default();
        let (acquired, transitions) = if self.is_mine() {
            (former.acquire_time, former.lease_transitions)
        } else {
            (None, Some(former.lease_transitions.map_or(0, |count| count.saturating_add(1))))
        };
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            acquire_time: acquired.or(Some(MicroTime(time))),
            renew_time: Some(MicroTime(time)),
            lease_duration_seconds: i32::try_from(self.duration.as_secs()).ok(),
            lease_transitions: transitions,
            ..former
        });
        lease
    }
}

/// Which version of the Lease it is; the API server gives each change one.
fn version(lease: Option<&Lease>) -> Option<&str> {
    lease?.metadata.resource_version.as_deref()
}
