//! The attempts of a run: one Job each, the next one after a fault. Pure.

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use ledger::Outcome;

use super::{Action, Planner, SAFETY, SOON, Step, backoff, later, seconds, until};
use crate::{
    crd::{
        conditions,
        status::{JobReference, SettleStatus},
    },
    sales_import::{attempt::Progress, job, start::Hindrance, status},
};

impl Planner<'_> {
    pub(super) fn load(&mut self) -> Step {
        if let Some(due) = &self.status.next_attempt_time {
            return self.between_attempts(due.0);
        }
        let Some(job) = self.status.job.clone() else { return self.next_attempt() };
        match self.progress(&job, &self.observed.load) {
            Progress::Ended(outcome) if outcome.result.is_final() => self.finish(*outcome),
            Progress::Ended(outcome) => self.retry_fault(*outcome),
            Progress::Lost(message) => self.retry(&message),
            Progress::TimedOut => self.deadline_exceeded(),
            _ if self.now >= self.deadline() => self.deadline_exceeded(),
            Progress::NotMade => self.make(&job.name),
            Progress::NameTaken => self.waiting(Some(Hindrance {
                reason: conditions::JOB_NAME_TAKEN,
                message: format!("the Job {} is there and is not this SalesImport's", job.name),
            })),
            Progress::Made { uid } => {
                self.status.job = Some(JobReference { uid: Some(uid), ..job });
                (Action::None, Some(SOON))
            }
            Progress::Waiting(hindrance) => self.waiting(hindrance),
            Progress::Running => self.running(),
        }
    }

    /// Records the next attempt; its Job is made once that is written.
    pub(super) fn next_attempt(&mut self) -> Step {
        if self.observed.import.spec.suspend {
            let message = "The next Job is held back while spec.suspend is true.";
            self.in_progress(conditions::SUSPENDED, message);
            let deadline = self.status.start_time.is_some().then(|| self.deadline());
            return (Action::None, deadline.map(|deadline| until(self.now, deadline)));
        }
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
        self.status.importer_start_time.get_or_insert(Time(self.now));
        let (run, attempt) = (self.status.run.unwrap_or(1), self.status.attempt.unwrap_or(1));
        let message = format!("The importer is at work (attempt {attempt} of run {run}).");
        self.in_progress(conditions::RUNNING, &message);
        (Action::None, Some(SAFETY.min(until(self.now, self.deadline()))))
    }

    fn retry_fault(&mut self, outcome: Outcome) -> Step {
        let message = outcome.message.clone();
        self.status.outcome = Some(outcome);
        self.retry(&message)
    }

    fn retry(&mut self, message: &str) -> Step {
        // Without an outcome nobody knows: it may have died after its COMMIT.
        self.status.importer_start_time.get_or_insert(Time(self.now));
        let attempt = self.status.attempt.unwrap_or(1);
        if attempt > self.observed.import.spec.retries {
            let plural = if attempt == 1 { "attempt" } else { "attempts" };
            let message = format!("Given up after {attempt} {plural}. The last one: {message}");
            return self.give_up(conditions::RETRIES_EXHAUSTED, &message);
        }
        let due = later(self.now, backoff(attempt));
        self.status.next_attempt_time = Some(Time(due));
        let next = format!("Attempt {attempt} failed, the next one follows at {due}");
        self.in_progress(conditions::RETRYING, &format!("{next}. {message}"));
        (Action::None, Some(until(self.now, due)))
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
        self.status.next_attempt_time = None;
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

/// The cluster's own words as the end of a sentence.
fn sentence(beginning: &str, words: &str) -> String {
    format!("{beginning}: {}.", words.trim_end_matches(['.', ' ', '\n']))
}
