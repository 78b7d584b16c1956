//! What is to be done: what was observed and the time in, a [`Plan`] out. Pure.
//!
//! A run goes through three states, told by the status alone: *loading* (an attempt is followed,
//! or the next one is waited for), *settling* (`status.settle` is there: the run is being given
//! up and the ledger is asked how it ended), *finished* (`status.finishTime` is there). Each plan
//! makes at most one step and holds the whole next status; the shell writes that first and acts
//! after, so that a crash between any two steps is met again by the same plan.

mod delete;
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
use kube::ResourceExt as _;
use ledger::{Outcome, outcome::RunResult};

use super::{
    announcement::{self, Announcement},
    attempt::{self, Progress, Seen},
    job::{self, ImporterSettings},
    name::Identity,
    queue::Turn,
    reached::Reached,
    start::Hindrance,
    status, trace,
};
use crate::crd::{
    SalesImport, SalesImportStatus,
    conditions::{self, Phase},
    status::JobReference,
};

/// Soon, where no watch tells of the change that is waited for.
pub(super) const SOON: Duration = Duration::from_secs(2);
/// As `SOON`, once it has not changed for a while.
const SELDOM: Duration = Duration::from_secs(30);
/// How late the watch of Jobs may be to tell of one that was just made.
pub(super) const LAG: SignedDuration = SignedDuration::from_secs(5);
/// In case that a watch has missed something.
const SAFETY: Duration = Duration::from_mins(1);

/// What the shell has seen.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    /// Whether the API server was asked just now, for all but `made`.
    pub(crate) is_live: bool,
    /// The SalesImport.
    pub(crate) import: SalesImport,
    /// Which one it is.
    pub(crate) identity: Identity,
    /// The attempt that `status.job` names.
    pub(crate) load: Seen,
    /// The attempt that `status.settle.job` names.
    pub(crate) settle: Seen,
    /// The Jobs of the import, of all runs, that are not being deleted.
    pub(crate) made: Vec<Made>,
    /// Whether it is the import's turn, where that was asked.
    pub(crate) turn: Option<Turn>,
    /// How far the importer says it is, where it was asked just now.
    pub(crate) reached: Option<Reached>,
    /// Why the API server refused to make the Job just now, where it did.
    pub(crate) refused: Option<String>,
}

/// A Job that is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Made {
    /// The run that it was made for.
    pub(crate) run: u32,
    /// Which one it is.
    pub(crate) job: JobReference,
}

impl Made {
    /// `None` where it is not one of ours, or is being deleted.
    pub(crate) fn of(job: &Job) -> Option<Self> {
        let is_going = job.metadata.deletion_timestamp.is_some();
        let run = job::run_of(job).filter(|_| !is_going)?;
        Some(Self { run, job: JobReference { name: job.name_any(), uid: job.uid() } })
    }
}

impl Observed {
    /// A SalesImport, and nothing seen of its Jobs.
    pub(crate) fn nothing(import: SalesImport, identity: Identity) -> Self {
        Self {
            is_live: false,
            import,
            identity,
            load: Seen::default(),
            settle: Seen::default(),
            made: Vec::new(),
            turn: None,
            reached: None,
            refused: None,
        }
    }
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
    /// Whether it may rest on something that is not there, so that a cache is not enough.
    pub(crate) needs_live: bool,
    /// Whether it is to be made anew, once it is known whose turn it is.
    pub(crate) needs_turn: bool,
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
    /// To add the finalizer.
    Hold,
    /// To remove the finalizer.
    Release,
}

/// An action, and when to look again.
type Step = (Action, Option<Duration>);

/// What is to be done now.
pub(crate) fn plan(observed: &Observed, now: Timestamp, settings: &Settings) -> Plan {
    let old = observed.import.status.clone().unwrap_or_default();
    let mut planner = Planner {
        spec_changed: input::changed(&observed.import),
        needs_turn: false,
        status: old.clone(),
        observed,
        settings,
        // Statuses hold whole seconds.
        now: Timestamp::from_second(now.as_second()).unwrap_or(now),
    };
    planner.status.observed_generation = observed.import.metadata.generation;
    status::renew(&mut planner.status);
    let (action, requeue) = planner.step();
    let Planner { status, needs_turn, .. } = planner;
    Plan {
        needs_turn,
        announcements: announcement::announce(&old, &status),
        ended: announcement::ended(&old, &status),
        needs_live: needs_live(&old, &status, &action),
        status,
        action,
        requeue,
    }
}

/// Whatever gives an attempt up, makes a Job or stops one. How an attempt goes on, and how it says
/// that it has ended, a cache may tell; and the Jobs of a run that has ended may go in any case.
fn needs_live(old: &SalesImportStatus, next: &SalesImportStatus, action: &Action) -> bool {
    let gives_up =
        next.next_attempt_time.is_some() && next.next_attempt_time != old.next_attempt_time;
    let is_settling = old.settle.is_some() || next.settle.is_some();
    let stops = matches!(action, Action::Delete(_)) && next.finish_time.is_none();
    gives_up || is_settling || stops || matches!(action, Action::Create(_))
}

struct Planner<'a> {
    observed: &'a Observed,
    settings: &'a Settings,
    now: Timestamp,
    spec_changed: bool,
    needs_turn: bool,
    status: SalesImportStatus,
}

impl Planner<'_> {
    fn step(&mut self) -> Step {
        if self.observed.import.metadata.deletion_timestamp.is_some() {
            return self.leave();
        }
        let Some(run) = self.status.run else { return self.start_run(1) };
        if let Some(step) = self.hold() {
            return step;
        }
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
            traceparent: Some(trace::parent(import, &self.observed.identity, run)),
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
        self.status.progress = None;
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
        // A later run's Jobs are none of this plan's business: its status may be out of date.
        let over = self.observed.made.iter().filter(|made| Some(made.run) <= self.status.run);
        match over.map(|made| made.job.clone()).collect::<Vec<_>>() {
            jobs if jobs.is_empty() => (Action::None, None),
            jobs => (Action::Delete(jobs), Some(SAFETY)),
        }
    }

    /// How the attempt of a recorded Job stands.
    fn progress(&self, job: &JobReference, seen: &Seen) -> Progress {
        let run = self.status.run.unwrap_or_default();
        attempt::progress(&self.observed.identity, run, job, (seen, self.now))
    }

    /// When to look again at a Pod that does not start, and at its deadline at the latest: often
    /// at first where no watch tells when it can.
    fn poll(&self, hindrance: Option<&Hindrance>, began: Timestamp, limit: i64) -> Duration {
        let age = self.now.duration_since(began).unsigned_abs();
        let every = match hindrance {
            Some(hindrance) if !hindrance.is_watched() => (age / 4).clamp(SOON, SELDOM),
            _ => SAFETY,
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
