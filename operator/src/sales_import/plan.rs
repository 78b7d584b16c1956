//! What is to be done: what was observed and the time in, a [`Plan`] out. Pure.
//!
//! A run goes through three states, told by the status alone: *loading* (an attempt is followed,
//! or the next one is waited for), *settling* (`status.settle` is there: the run is being given
//! up and the ledger is asked how it ended), *finished* (`status.finishTime` is there). Each plan
//! makes at most one step and holds the whole next status; the shell writes that first and acts
//! after, so that a crash between any two steps is met again by the same plan.

mod input;
mod load;
mod settle;
#[cfg(test)]
mod tests;

use std::time::Duration;

use k8s_openapi::{
    api::batch::v1::Job,
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use ledger::{Outcome, outcome::RunResult};

use super::{
    announcement::{self, Announcement},
    attempt::{self, Progress, Seen},
    job::ImporterSettings,
    name::Identity,
    start::Hindrance,
    status,
};
use crate::crd::{
    SalesImport, SalesImportStatus,
    conditions::{self, Phase},
    status::JobReference,
};

/// Soon, where no watch tells of the change that is waited for (an event, a missing Pod).
const SOON: Duration = Duration::from_secs(2);
/// As `SOON`, once it has not changed for a while.
const SELDOM: Duration = Duration::from_secs(30);
/// In case that a watch has missed something.
const SAFETY: Duration = Duration::from_mins(1);

/// What the shell has seen, all of it live.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    /// The SalesImport.
    pub(crate) import: SalesImport,
    /// Which one it is.
    pub(crate) identity: Identity,
    /// The attempt that `status.job` names.
    pub(crate) load: Seen,
    /// The attempt that `status.settle.job` names.
    pub(crate) settle: Seen,
    /// Jobs of an import that finished long ago.
    pub(crate) leftovers: Vec<JobReference>,
    /// Why the API server refused to make the Job just now, where it did.
    pub(crate) refused: Option<String>,
}

/// The operator's settings that plans depend on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What every importer is told.
    pub importer: ImporterSettings,
    /// How long Jobs are kept after their import has finished.
    pub job_ttl: SignedDuration,
}

/// What is to be done: write the status where it changed, announce, act, come back.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The whole next status.
    pub(crate) status: SalesImportStatus,
    /// What to do after the status is written.
    pub(crate) action: Action,
    /// What to tell in events, once the status is written.
    pub(crate) announcements: Vec<Announcement>,
    /// How the import ended, if it ended just now: a bounded word for metrics.
    pub(crate) ended: Option<&'static str>,
    /// When to look again without being told; `None`: only when something changes.
    pub(crate) requeue: Option<Duration>,
}

/// What is to be done in the cluster.
#[derive(Debug)]
pub(crate) enum Action {
    /// Nothing.
    None,
    /// To make a Job.
    Create(Box<Job>),
    /// To delete Jobs of these uids.
    Delete(Vec<JobReference>),
}

/// An action, and when to look again.
type Step = (Action, Option<Duration>);

/// What is to be done now.
pub(crate) fn plan(observed: &Observed, now: Timestamp, settings: &Settings) -> Plan {
    let old = observed.import.status.clone().unwrap_or_default();
    let mut planner = Planner {
        spec_changed: input::changed(&observed.import),
        status: old.clone(),
        observed,
        settings,
        // Statuses hold whole seconds.
        now: Timestamp::from_second(now.as_second()).unwrap_or(now),
    };
    planner.status.observed_generation = observed.import.metadata.generation;
    status::renew(&mut planner.status);
    let (action, requeue) = planner.step();
    let status = planner.status;
    let ended = announcement::ended(&old, &status);
    Plan { announcements: announcement::announce(&old, &status), status, action, ended, requeue }
}

struct Planner<'a> {
    observed: &'a Observed,
    settings: &'a Settings,
    now: Timestamp,
    spec_changed: bool,
    status: SalesImportStatus,
}

impl Planner<'_> {
    fn step(&mut self) -> Step {
        if self.observed.import.metadata.deletion_timestamp.is_some() {
            // Its Jobs go with it; what it has loaded stays.
            return (Action::None, None);
        }
        let Some(run) = self.status.run else { return self.start_run(1) };
        let next = self.next_run_wanted();
        if self.status.finish_time.is_some() {
            return if next.is_some() {
                self.start_run(run.saturating_add(1))
            } else {
                self.rest()
            };
        }
        self.remember_input();
        if self.status.settle.is_some() {
            return self.settle(next);
        }
        match next {
            Some(_) if self.status.attempt.is_none() => self.start_run(run),
            Some(reason) => self.give_way(reason),
            None => self.load(),
        }
    }

    /// Why the run is to be followed by another one, where it is.
    fn next_run_wanted(&self) -> Option<&'static str> {
        let published = self.status.finish_time.is_some()
            && self.status.published_run.is_some()
            && self.status.published_run == self.status.run;
        let token = input::run_again(&self.observed.import);
        if self.spec_changed && !published {
            Some(conditions::SPEC_CHANGED)
        } else if token.is_some() && token != self.status.run_again.as_deref() {
            Some(conditions::RUN_AGAIN)
        } else {
            None
        }
    }

    fn start_run(&mut self, run: u32) -> Step {
        let import = &self.observed.import;
        let token = input::run_again(import).map(str::to_owned);
        let former = std::mem::take(&mut self.status);
        self.status = SalesImportStatus {
            observed_generation: former.observed_generation,
            conditions: former.conditions,
            published_run: former.published_run,
            run: Some(run),
            dataset: Some(import.spec.dataset.clone()),
            input_hash: Some(input::hash(&import.spec)),
            run_again: token.or(former.run_again),
            ..SalesImportStatus::default()
        };
        self.next_attempt()
    }

    /// Another release of the operator may hash otherwise; only an edit is a change.
    fn remember_input(&mut self) {
        if !self.spec_changed {
            self.status.input_hash = Some(input::hash(&self.observed.import.spec));
        }
    }

    /// Gives up the run for the next one.
    fn give_way(&mut self, reason: &'static str) -> Step {
        self.give_up(reason, "The run gives way to the next one.")
    }

    /// A final outcome ends the run.
    fn finish(&mut self, outcome: Outcome) -> Step {
        let reason = outcome.reason.as_str();
        let message = outcome.message.clone();
        if matches!(outcome.result, RunResult::Published | RunResult::AlreadyLoaded) {
            self.status.published_run = self.status.run;
            self.end((Phase::Succeeded, reason, &message));
        } else {
            self.fail(reason, &message);
        }
        self.status.outcome = Some(outcome);
        self.rest()
    }

    fn fail(&mut self, reason: &str, message: &str) {
        let still = self
            .status
            .published_run
            .map(|run| format!(" What run {run} had published is still in the ledger."));
        let message = format!("{message}{}", still.unwrap_or_default());
        self.end((Phase::Failed, reason, &message));
    }

    fn end(&mut self, report: (Phase, &str, &str)) {
        self.status.finish_time = Some(Time(self.now));
        self.status.next_attempt_time = None;
        self.status.settle = None;
        status::report(&mut self.status, report, self.now);
    }

    /// Finished: nothing to do but to clear away Jobs after a while.
    fn rest(&mut self) -> Step {
        let finished = self.status.finish_time.as_ref().map_or(self.now, |time| time.0);
        let due = later(finished, self.settings.job_ttl);
        if self.now < due {
            return (Action::None, Some(until(self.now, due)));
        }
        match self.observed.leftovers.as_slice() {
            [] => (Action::None, None),
            jobs => (Action::Delete(jobs.to_vec()), Some(SAFETY)),
        }
    }

    /// How the attempt of a recorded Job stands.
    fn progress(&self, job: &JobReference, seen: &Seen) -> Progress {
        let run = self.status.run.unwrap_or_default();
        attempt::progress(&self.observed.identity, run, job, (seen, self.now))
    }

    /// When to look again at a Pod that does not start, and at its deadline at the latest: often
    /// at first, and seldom where the Pod itself tells, which is watched.
    fn poll(&self, hindrance: Option<&Hindrance>, began: Timestamp, limit: i64) -> Duration {
        let age = self.now.duration_since(began).unsigned_abs();
        let every = match hindrance {
            Some(hindrance) if hindrance.is_watched() => SAFETY,
            _ => (age / 4).clamp(SOON, SELDOM),
        };
        every.min(until(self.now, later(began, seconds(limit))))
    }

    fn in_progress(&mut self, reason: &str, message: &str) {
        status::report(&mut self.status, (Phase::InProgress, reason, message), self.now);
    }
}

fn later(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

/// How long from now until then, at least a moment.
fn until(now: Timestamp, then: Timestamp) -> Duration {
    let left = then.duration_since(now).unsigned_abs();
    left.max(Duration::from_millis(100))
}

/// How long to wait after an attempt that failed: 10 seconds, doubling up to 5 minutes.
fn backoff(attempt: u32) -> SignedDuration {
    let doublings = attempt.saturating_sub(1).min(5);
    seconds((10_i64 << doublings).min(300))
}
