//! The attempts of a run: one Job each, the next one after a fault. Pure.

use std::time::Duration;

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use kube::ResourceExt as _;
use ledger::Outcome;

use super::{Action, LAG, Planner, SAFETY, SELDOM, SOON, Step, backoff, later, seconds, until};
use crate::{
    crd::{
        conditions,
        status::{JobReference, LoadProgress, SettleStatus},
    },
    sales_import::{
        attempt::{self, Progress},
        job,
        queue::Turn,
        reached::{self, Reached},
        start::Hindrance,
        status,
    },
};

/// How long an importer is at work before that is told; statuses hold whole seconds.
const YOUNG: SignedDuration = SignedDuration::from_secs(2);
/// A Job keeps the deadline that it was made with.
const OUTLIVED: &str = "Its Job ended at a deadline that was raised meanwhile.";
/// The longest word of an importer for what it is doing.
const MAX_STAGE: usize = 16;

impl Planner<'_> {
    pub(super) fn load(&mut self) -> Step {
        if let Some(due) = &self.status.next_attempt_time {
            return self.between_attempts(due.0);
        }
        let Some(job) = self.status.job.clone() else { return self.next_attempt() };
        match self.progress(&job, &self.observed.load) {
            Progress::Ended(outcome) if outcome.result.is_final() => self.finish(*outcome),
            _ if self.now >= self.deadline() => self.deadline_exceeded(),
            progress if self.observed.import.spec.suspend => self.stop(progress, job),
            Progress::Ended(outcome) => self.retry_fault(*outcome),
            // The clock that a Job ends by may be a little ahead.
            Progress::TimedOut if later(self.now, LAG) >= self.deadline() => {
                self.deadline_exceeded()
            }
            Progress::TimedOut => self.retry(OUTLIVED),
            Progress::Lost(_) if self.may_be_untold() => (Action::None, Some(SOON)),
            Progress::Lost(message) => self.retry(&message),
            Progress::NotMade => self.make(&job.name),
            Progress::NameTaken => self.waiting(Some(Hindrance {
                reason: conditions::JOB_NAME_TAKEN,
                message: format!("the Job {} is there and is not this SalesImport's", job.name),
            })),
            Progress::Made { uid } => self.record(job, uid),
            Progress::Waiting(hindrance) => self.waiting(hindrance),
            Progress::Running => self.running(),
        }
    }

    /// Whether the Job may be missing only since a cache has not been told of it yet. To ask the
    /// API server each time would cost the most calls when it is at its slowest.
    fn may_be_untold(&self) -> bool {
        let made = self.status.attempt_time.as_ref().map_or(self.now, |time| time.0);
        let seen = self.observed.load.job.is_some() || self.observed.is_live;
        !seen && self.now < later(made, LAG)
    }

    fn record(&mut self, job: JobReference, uid: String) -> Step {
        self.status.job = Some(JobReference { uid: Some(uid), ..job });
        (Action::None, Some(SOON))
    }

    /// The importer is stopped while the import is suspended, and the attempt with it. What it has
    /// loaded so far waits for the next one.
    fn stop(&mut self, progress: Progress, job: JobReference) -> Step {
        let deadline = until(self.now, self.deadline());
        match (progress, &self.observed.load.job) {
            (Progress::NotMade | Progress::NameTaken, _) => self.suspended(),
            (Progress::Made { uid }, _) => return self.record(job, uid),
            (_, Some(there)) if there.uid() == job.uid => {
                let message = "The importer is being stopped, since spec.suspend is true.";
                self.in_progress(conditions::SUSPENDED, message);
                if there.metadata.deletion_timestamp.is_none() {
                    return (Action::Delete(vec![job]), Some(SAFETY.min(deadline)));
                }
            }
            (progress, _) => {
                if let Progress::Ended(outcome) = progress {
                    self.status.outcome = Some(*outcome);
                }
                self.status.importer_start_time.get_or_insert(Time(self.now));
                self.status.progress = None;
                self.status.next_attempt_time = Some(Time(self.now));
                self.suspended();
            }
        }
        (Action::None, Some(SAFETY.min(deadline)))
    }

    fn suspended(&mut self) {
        let message = "The next Job is held back while spec.suspend is true.";
        self.in_progress(conditions::SUSPENDED, message);
    }

    /// Records the next attempt; its Job is made once that is written.
    pub(super) fn next_attempt(&mut self) -> Step {
        if self.observed.import.spec.suspend {
            self.suspended();
            let deadline = self.status.start_time.is_some().then(|| self.deadline());
            return (Action::None, deadline.map(|deadline| until(self.now, deadline)));
        }
        match self.observed.turn {
            Some(Turn::Now) => self.begin_attempt(),
            Some(Turn::Later { ahead, running }) => self.queued(ahead, running),
            None => {
                self.needs_turn = true;
                (Action::None, None)
            }
        }
    }

    /// Waits for its turn; who is far behind looks seldom how far that is.
    fn queued(&mut self, ahead: usize, running: usize) -> Step {
        let message = format!(
            "It waits for its turn: as many imports are running as the operator lets ({running}), \
             and {ahead} come before it."
        );
        self.in_progress(conditions::QUEUED, &message);
        let seconds = u64::try_from(ahead).unwrap_or(u64::MAX);
        (Action::None, Some(Duration::from_secs(seconds).clamp(SELDOM, SAFETY * 10)))
    }

    fn begin_attempt(&mut self) -> Step {
        let (run, attempt) = (self.status.run.unwrap_or(1), self.status.attempt.unwrap_or(0));
        let attempt = attempt.saturating_add(1);
        let name = self.observed.identity.load_job(run, attempt);
        self.status.attempt = Some(attempt);
        self.status.attempt_time = Some(Time(self.now));
        self.status.start_time.get_or_insert(Time(self.now));
        self.status.next_attempt_time = None;
        self.status.job = Some(JobReference { name, uid: None });
        self.starting();
        (Action::None, Some(SOON))
    }

    fn between_attempts(&mut self, due: Timestamp) -> Step {
        if self.now >= self.deadline() {
            return self.deadline_exceeded();
        }
        if self.observed.import.spec.suspend || self.now >= due {
            return self.next_attempt();
        }
        if status::reason(&self.status) != Some(conditions::RETRYING) {
            self.in_progress(conditions::RETRYING, &format!("The next attempt follows at {due}."));
        }
        (Action::None, Some(until(self.now, due)))
    }

    fn make(&mut self, name: &str) -> Step {
        if let Some(message) = &self.observed.refused {
            let reason = conditions::JOB_REFUSED;
            return self.waiting(Some(Hindrance { reason, message: message.clone() }));
        }
        let (observed, run) = (self.observed, self.status.run.unwrap_or_default());
        let left = self.deadline().duration_since(self.now).as_secs();
        let import = (&observed.import, &observed.identity);
        let job = job::load(import, (name, run), left, &self.settings.importer);
        (Action::Create(Box::new(job)), Some(SOON))
    }

    fn waiting(&mut self, hindrance: Option<Hindrance>) -> Step {
        let limit = self.observed.import.spec.start_deadline_seconds;
        let began = self.status.attempt_time.as_ref().map_or(self.now, |time| time.0);
        let job = self.observed.load.job.as_ref();
        // While it is suspended only the run's own deadline holds.
        let began = match job {
            Some(job) if attempt::is_suspended(job) => self.now,
            Some(job) => attempt::resumed(job).map_or(began, |resumed| resumed.max(began)),
            None => began,
        };
        let late = self.now >= later(began, seconds(limit));
        let poll = self.poll(hindrance.as_ref(), began, limit);
        match hindrance {
            Some(Hindrance { reason, message }) if late => {
                let limit = format!("The importer could not start within {limit} seconds");
                return self.give_up(reason, &sentence(&limit, &message));
            }
            None if late => {
                let message = format!("The importer did not start within {limit} seconds.");
                return self.give_up(conditions::START_DEADLINE_EXCEEDED, &message);
            }
            Some(Hindrance { reason, message }) => {
                self.in_progress(reason, &sentence("The importer can't start yet", &message));
            }
            None => self.starting(),
        }
        (Action::None, Some(poll))
    }

    fn starting(&mut self) {
        let (run, attempt) = (self.status.run.unwrap_or(1), self.status.attempt.unwrap_or(1));
        let message = format!("Attempt {attempt} of run {run} is being started.");
        self.in_progress(conditions::STARTING, &message);
    }

    fn running(&mut self) -> Step {
        if self.status.importer_start_time.is_none() && self.has_just_started() {
            return (Action::None, Some(SOON));
        }
        let began = self.status.importer_start_time.get_or_insert(Time(self.now)).0;
        if let Some(reached) = &self.observed.reached {
            self.status.progress = Some(Box::new(progress(reached, self.now)));
        }
        let (run, attempt) = (self.status.run.unwrap_or(1), self.status.attempt.unwrap_or(1));
        let message = format!("The importer is at work (attempt {attempt} of run {run}).");
        self.in_progress(conditions::RUNNING, &message);
        let pause = reached::pause(began, self.now).unsigned_abs();
        (Action::None, Some(pause.min(SAFETY).min(until(self.now, self.deadline()))))
    }

    /// A small file is loaded before anybody could read that its importer is at work: to say so would
    /// be a write for nothing. Whether one may have started is looked at wherever that counts.
    fn has_just_started(&self) -> bool {
        let started = self.observed.load.pods.iter().filter_map(attempt::started);
        started.max().is_some_and(|started| (started..later(started, YOUNG)).contains(&self.now))
    }

    fn retry_fault(&mut self, outcome: Outcome) -> Step {
        let message = outcome.message.clone();
        self.status.outcome = Some(outcome);
        self.retry(&message)
    }

    fn retry(&mut self, message: &str) -> Step {
        // Without an outcome nobody knows: it may have died after its COMMIT.
        self.status.importer_start_time.get_or_insert(Time(self.now));
        let (attempt, retries) =
            (self.status.attempt.unwrap_or(1), self.observed.import.spec.retries);
        let disrupted = self.was_disrupted();
        let failures = self.status.failures.unwrap_or(0).saturating_add(u32::from(!disrupted));
        self.status.failures = Some(failures).filter(|failures| *failures > 0);
        if failures > retries {
            let plural = if failures == 1 { "attempt" } else { "attempts" };
            let message = format!("Given up after {failures} {plural}. The last one: {message}");
            return self.give_up(conditions::RETRIES_EXHAUSTED, &message);
        }
        let due = later(self.now, backoff(attempt));
        self.status.next_attempt_time = Some(Time(due));
        self.status.progress = None;
        let what =
            if disrupted { "was ended by the cluster, which counts as no retry" } else { "failed" };
        let next = format!("Attempt {attempt} {what}; the next one follows at {due}");
        self.in_progress(conditions::RETRYING, &format!("{next}. {message}"));
        (Action::None, Some(until(self.now, due)))
    }

    /// Whether the newest attempt was ended by the cluster.
    fn was_disrupted(&self) -> bool {
        let uid = self.status.job.as_ref().and_then(|job| job.uid.as_deref());
        uid.is_some_and(|uid| attempt::was_disrupted(uid, &self.observed.load))
    }

    /// When the run must have ended.
    fn deadline(&self) -> Timestamp {
        let began = self.status.start_time.as_ref().map_or(self.now, |time| time.0);
        later(began, seconds(self.observed.import.spec.deadline_seconds))
    }

    fn deadline_exceeded(&mut self) -> Step {
        let limit = self.observed.import.spec.deadline_seconds;
        let last = status::message(&self.status).unwrap_or_default();
        let message = format!("The run did not end within {limit} seconds. At the end: {last}");
        self.give_up(conditions::DEADLINE_EXCEEDED, &message)
    }

    /// From here on the run is settled, and no attempt is made any more.
    pub(super) fn give_up(&mut self, reason: &str, message: &str) -> Step {
        // Of a run that has ended all is known already.
        if self.status.finish_time.is_none() && !self.has_surely_not_started() {
            self.status.importer_start_time.get_or_insert(Time(self.now));
        }
        self.status.next_attempt_time = None;
        self.status.progress = None;
        self.status.settle = Some(SettleStatus {
            reason: reason.into(),
            message: message.into(),
            start_time: Time(self.now),
            attempt: 0,
            job: None,
            attempt_time: None,
            next_attempt_time: None,
        });
        self.outcome_unknown(None);
        (Action::None, Some(SOON))
    }
}

fn progress(reached: &Reached, now: Timestamp) -> LoadProgress {
    let percent = |bytes: u64| (reached.bytes_read.saturating_mul(100) / bytes).min(100);
    let bytes = reached.bytes.filter(|bytes| *bytes > 0);
    LoadProgress {
        stage: reached.stage.chars().take(MAX_STAGE).collect(),
        percent: bytes.and_then(|bytes| percent(bytes).try_into().ok()),
        bytes_read: reached.bytes_read,
        bytes: reached.bytes,
        lines_read: reached.lines_read,
        lines_rejected: reached.lines_rejected,
        time: Time(now),
    }
}

/// The cluster's own words as the end of a sentence.
fn sentence(beginning: &str, words: &str) -> String {
    format!("{beginning}: {}.", words.trim_end_matches(['.', ' ', '\n']))
}
