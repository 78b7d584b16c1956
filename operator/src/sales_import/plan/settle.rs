//! A run that is given up: its end is what the ledger says it is. Pure.
//!
//! The importer's Job is deleted, and a short Job asks the ledger, as often as it takes: it
//! returns what the run had published, or marks the run as abandoned, after which it can't
//! publish any more. Only where no importer of the run can have started is the ledger not asked,
//! so that a missing Secret, which would keep the asking Job from starting too, ends in failure.

use k8s_openapi::{api::batch::v1::Job, apimachinery::pkg::apis::meta::v1::Time};
use kube::ResourceExt as _;
use ledger::{Outcome, outcome::RunResult};

use super::{Action, Planner, SAFETY, SOON, Step, backoff, delete::reverts, later, seconds, until};
use crate::{
    crd::{
        conditions,
        status::{JobReference, SettleStatus},
    },
    sales_import::{
        arguments,
        attempt::{self, Progress},
        job,
        start::Hindrance,
        status,
    },
};

/// How long a run may take to be given up whose importer never started, before it is held to have
/// started: its Pod may not go, or the operator may be away meanwhile.
const UNCERTAIN_AFTER_SECONDS: i64 = 60;

const HOW_TO_TRY_AGAIN: &str =
    "To try again, set the annotation takings.dev/run-again to another value.";

const HOW_TO_KEEP: &str =
    "To let it go and keep its sales, set its annotation takings.dev/keep-sales to true.";

impl Planner<'_> {
    pub(super) fn settle(&mut self, next_run: Option<&'static str>) -> Step {
        let Some(mut settle) = self.status.settle.clone() else { return self.load() };
        if let Some(reason) = next_run {
            settle.reason = reason.into();
        }
        self.status.settle = Some(settle.clone());
        if let Some(outcome) = self.late_outcome() {
            return self.conclude(&settle, Some(outcome));
        }
        if let Some(step) = self.end_importer(&settle) {
            return step;
        }
        if self.status.importer_start_time.is_some() {
            return self.ask_ledger(settle);
        }
        self.conclude(&settle, None)
    }

    /// What is to be done before no importer is at work, and it is known whether one ever was.
    pub(super) fn end_importer(&mut self, settle: &SettleStatus) -> Option<Step> {
        if attempt::may_have_started(&self.observed.load) {
            self.status.importer_start_time.get_or_insert(Time(self.now));
        }
        if let Some(step) = self.clear_load_job() {
            return Some(step);
        }
        if self.now >= later(settle.start_time.0, seconds(UNCERTAIN_AFTER_SECONDS)) {
            self.status.importer_start_time.get_or_insert(Time(self.now));
        }
        let is_gone = self.load_job().is_none() && self.observed.load.pods.is_empty();
        if is_gone || self.status.importer_start_time.is_some() {
            return None;
        }
        Some((Action::None, Some(SOON)))
    }

    /// Whether no importer of the newest attempt can have been at work. A Job or a Pod that is gone
    /// proves nothing, and events of a start are forgotten within the hour.
    pub(super) fn has_surely_not_started(&self) -> bool {
        let (seen, recorded) = (&self.observed.load, self.status.job.as_ref());
        let is_made = recorded.is_some_and(|job| job.uid.is_some());
        match self.load_job() {
            Some(job) if attempt::may_have_run_before(job) => false,
            Some(job) => {
                let waits = !seen.pods.is_empty() || !attempt::has_had_a_pod(job);
                waits && !attempt::may_have_started(seen)
            }
            None if is_made => false,
            // Its POST was refused, and not only left without an answer.
            None => recorded.is_none() || status::reason(&self.status).is_some_and(is_refused),
        }
    }

    /// The importer may still have said how it ended.
    fn late_outcome(&self) -> Option<Outcome> {
        match self.progress(self.status.job.as_ref()?, &self.observed.load) {
            Progress::Ended(outcome) if outcome.result.is_final() => Some(*outcome),
            _ => None,
        }
    }

    fn load_job(&self) -> Option<&Job> {
        let identity = &self.observed.identity;
        self.observed.load.job.as_ref().filter(|job| attempt::is_owned(*job, &identity.uid))
    }

    /// Deletes the Job that loads, unless it is ended and worth keeping for its log.
    fn clear_load_job(&self) -> Option<Step> {
        let job = self.load_job()?;
        let keep = self.status.importer_start_time.is_some() && attempt::has_ended(job);
        if keep || job.metadata.deletion_timestamp.is_some() {
            return None;
        }
        let job = JobReference { name: job.name_any(), uid: job.uid() };
        Some((Action::Delete(vec![job]), Some(SOON)))
    }

    pub(super) fn ask_ledger(&mut self, settle: SettleStatus) -> Step {
        if let Some(due) = settle.next_attempt_time.as_ref().filter(|due| self.now < due.0) {
            return (Action::None, Some(until(self.now, due.0)));
        }
        let Some(job) = settle.job.clone().filter(|_| settle.next_attempt_time.is_none()) else {
            return self.ask_anew(settle);
        };
        match self.progress(&job, &self.observed.settle) {
            Progress::Ended(outcome) if reverts(&settle) => match outcome.result {
                RunResult::Reverted => self.reverted(&outcome.message),
                _ => self.ask_later(settle, &outcome.message, Action::None),
            },
            Progress::Ended(outcome) if outcome.result.is_final() => {
                self.conclude(&settle, Some(*outcome))
            }
            Progress::Ended(outcome) => self.ask_later(settle, &outcome.message, Action::None),
            Progress::Lost(message) => self.ask_later(settle, &message, Action::None),
            Progress::TimedOut => self.ask_later(settle, "It took too long.", Action::None),
            Progress::NotMade => self.make_asking(&settle, &job),
            Progress::NameTaken => {
                self.ask_later(settle, "A Job of its name is not ours.", Action::None)
            }
            Progress::Made { uid } => {
                let job = Some(JobReference { uid: Some(uid), ..job });
                self.status.settle = Some(SettleStatus { job, ..settle });
                (Action::None, Some(SOON))
            }
            Progress::Waiting(hindrance) => self.wait_for_answer(settle, job, hindrance.as_ref()),
            Progress::Running => {
                self.outcome_unknown(None);
                (Action::None, Some(SAFETY))
            }
        }
    }

    fn ask_anew(&mut self, settle: SettleStatus) -> Step {
        let attempt = settle.attempt.saturating_add(1);
        let run = self.status.run.unwrap_or_default();
        let identity = &self.observed.identity;
        let name = if reverts(&settle) {
            identity.revert_job(run, attempt)
        } else {
            identity.settle_job(run, attempt)
        };
        self.status.settle = Some(SettleStatus {
            attempt,
            job: Some(JobReference { name, uid: None }),
            attempt_time: Some(Time(self.now)),
            next_attempt_time: None,
            ..settle
        });
        (Action::None, Some(SOON))
    }

    fn make_asking(&mut self, settle: &SettleStatus, job: &JobReference) -> Step {
        if let Some(message) = self.observed.refused.clone() {
            self.outcome_unknown(Some(&message));
            return (Action::None, Some(SAFETY));
        }
        let (observed, run) = (self.observed, self.status.run.unwrap_or_default());
        let (import, identity) = (&observed.import, &observed.identity);
        let dataset = self.status.dataset.as_ref().unwrap_or(&import.spec.dataset);
        let arguments = if reverts(settle) {
            arguments::revert(identity, run, dataset)
        } else {
            arguments::settle(identity, run, dataset)
        };
        let settings = &self.settings.importer;
        let job = job::ask((import, identity), (&job.name, run), arguments, settings);
        (Action::Create(Box::new(job)), Some(SOON))
    }

    fn wait_for_answer(
        &mut self,
        settle: SettleStatus,
        job: JobReference,
        hindrance: Option<&Hindrance>,
    ) -> Step {
        let limit = self.observed.import.spec.start_deadline_seconds;
        let began = settle.attempt_time.as_ref().map_or(self.now, |time| time.0);
        let words = hindrance.map(|hindrance| hindrance.message.as_str());
        if self.now >= later(began, seconds(limit)) {
            let words = words.unwrap_or("nobody says why");
            let message = format!("its Pod could not start: {words}");
            return self.ask_later(settle, &message, Action::Delete(vec![job]));
        }
        self.outcome_unknown(words);
        (Action::None, Some(self.poll(hindrance, began, limit)))
    }

    fn ask_later(&mut self, settle: SettleStatus, message: &str, action: Action) -> Step {
        let due = later(self.now, backoff(settle.attempt));
        let next_attempt_time = Some(Time(due));
        self.status.settle = Some(SettleStatus { next_attempt_time, ..settle });
        self.outcome_unknown(Some(message));
        (action, Some(until(self.now, due)))
    }

    /// Says that the run's end is not known yet, and what keeps it from being known.
    pub(super) fn outcome_unknown(&mut self, hindrance: Option<&str>) {
        let Some(settle) = &self.status.settle else { return };
        let why = &settle.message;
        let (reason, message) = match (hindrance, reverts(settle)) {
            (None, false) => (
                conditions::OUTCOME_UNKNOWN,
                format!("{why} The ledger is being asked how the run ended."),
            ),
            (Some(hindrance), false) => (
                conditions::OUTCOME_UNKNOWN,
                format!("{why} The ledger can't say yet how the run ended: {hindrance}"),
            ),
            (None, true) => (
                conditions::REVERTING,
                format!("{why} Its sales are being taken out of the figures."),
            ),
            (Some(hindrance), true) => (
                conditions::REVERTING,
                format!("{why} {HOW_TO_KEEP} Its sales can't be reverted yet: {hindrance}"),
            ),
        };
        self.in_progress(reason, &message);
    }

    fn conclude(&mut self, settle: &SettleStatus, outcome: Option<Outcome>) -> Step {
        let published = outcome.as_ref().is_some_and(|outcome| {
            matches!(outcome.result, RunResult::Published | RunResult::AlreadyLoaded)
        });
        if [conditions::SPEC_CHANGED, conditions::RUN_AGAIN].contains(&settle.reason.as_str()) {
            if published {
                self.status.published_run = self.status.run;
            }
            return self.start_run(self.status.run.unwrap_or_default().saturating_add(1));
        }
        match outcome {
            Some(outcome) if outcome.result != RunResult::Abandoned => self.finish(outcome),
            abandoned => {
                let message = format!("{} {HOW_TO_TRY_AGAIN}", settle.message);
                self.fail(&settle.reason, &message);
                self.status.outcome = self.status.outcome.take().or(abandoned);
                self.rest()
            }
        }
    }
}

/// Whether a Job was not made, for certain.
fn is_refused(reason: &str) -> bool {
    [conditions::JOB_REFUSED, conditions::JOB_NAME_TAKEN].contains(&reason)
}
