//! What the parts of the cluster do: the Job controller, the kubelet, the importer.

use std::collections::BTreeSet;

use k8s_openapi::{
    api::core::v1::{Event, Pod},
    apimachinery::pkg::apis::meta::v1::Time,
};
use kube::ResourceExt as _;
use ledger::{
    Currency, Dataset, Outcome, Run,
    outcome::{Reason, RunResult},
};
use serde_json::{Value, json};

use super::{UID, World, attempt};

impl World {
    /// Puts the Pod of a Job into a state of its container.
    pub(in super::super) fn container(&mut self, job: &str, state: &Value) {
        self.pod(
            job,
            json!({"containerStatuses": [{
                "name": "importer", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": state,
            }]}),
        );
    }

    /// Gives a Job one Pod of that status.
    #[expect(clippy::needless_pass_by_value, reason = "as `json!` gives it")]
    pub(in super::super) fn pod(&mut self, job: &str, status: Value) {
        let Some(seen) = self.jobs.get_mut(job) else { return };
        let owner = json!({"apiVersion": "batch/v1", "kind": "Job", "name": job,
            "uid": seen.job.as_ref().unwrap().uid(), "controller": true});
        let pod = json!({"metadata": {"name": format!("{job}-x"), "ownerReferences": [owner],
            "creationTimestamp": Time(self.now)}, "status": status});
        seen.pods = vec![serde_json::from_value::<Pod>(pod).unwrap()];
    }

    pub(in super::super) fn event(&mut self, job: &str, type_: &str, reason: &str, message: &str) {
        let event = json!({"metadata": {}, "involvedObject": {}, "type": type_,
            "reason": reason, "message": message});
        let event: Event = serde_json::from_value(event).unwrap();
        self.jobs.get_mut(job).unwrap().events.push(event);
    }

    pub(in super::super) fn start(&mut self, job: &str) {
        self.has_started(job);
        self.container(job, &json!({"running": {"startedAt": Time(self.now)}}));
    }

    fn has_started(&mut self, job: &str) {
        if self.jobs.contains_key(job) {
            self.started.entry(job.to_owned()).or_insert(self.now);
        }
    }

    /// A Job was made suspended, as Kueue does it.
    pub(in super::super) fn made_suspended(&mut self, job: &str) {
        self.suspend_job(job, true);
        let Some(job) = self.jobs.get_mut(job).and_then(|seen| seen.job.as_mut()) else { return };
        job.metadata.generation = Some(1);
    }

    /// Somebody else suspends a Job, or resumes it.
    pub(in super::super) fn suspend_job(&mut self, job: &str, suspend: bool) {
        let Some(job) = self.jobs.get_mut(job).and_then(|seen| seen.job.as_mut()) else { return };
        let former = job.spec.get_or_insert_default().suspend.replace(suspend);
        if former != Some(suspend) {
            *job.metadata.generation.get_or_insert_default() += 1;
        }
        let began = Some(Time(self.now)).filter(|_| !suspend);
        let status = job.status.get_or_insert_default();
        status.start_time = began;
        let suspended =
            json!([{"type": "Suspended", "status": if suspend { "True" } else { "False" }}]);
        status.conditions = Some(serde_json::from_value(suspended).unwrap());
    }

    /// The Job's end, as the Job controller tells it.
    pub(in super::super) fn job_condition(&mut self, job: &str, type_: &str, reason: &str) {
        let Some(job) = self.jobs.get_mut(job).and_then(|seen| seen.job.as_mut()) else { return };
        let condition = json!([{"type": type_, "status": "True", "reason": reason}]);
        let status = job.status.get_or_insert_default();
        status.conditions = Some(serde_json::from_value(condition).unwrap());
    }

    /// The importer of a Job says how it ended, with the exit code that belongs to it.
    pub(in super::super) fn say(&mut self, job: &str, result: RunResult) {
        let outcome = self.outcome(result);
        self.say_exactly(job, &outcome.to_json(), i32::from(result.exit_code()));
    }

    pub(in super::super) fn say_exactly(&mut self, job: &str, message: &str, exit_code: i32) {
        self.has_started(job);
        self.container(job, &json!({"terminated": {"exitCode": exit_code, "message": message}}));
    }

    pub(in super::super) fn outcome(&self, result: RunResult) -> Outcome {
        let reason = match result {
            RunResult::Published => Reason::Published,
            RunResult::AlreadyLoaded => Reason::AlreadyLoaded,
            RunResult::Refused => Reason::TooManyRejected,
            RunResult::Abandoned => Reason::Abandoned,
            RunResult::Reverted => Reason::Reverted,
            RunResult::Fault | RunResult::DryRun => Reason::DatabaseUnavailable,
        };
        let run = Run(self.status().run.unwrap_or(1));
        Outcome::bare(
            (UID.parse().unwrap(), run),
            (Dataset::default(), Currency::default()),
            (result, reason),
            format!("It ended: {}.", result.as_str()),
        )
    }

    /// A load that gets as far as the ledger lets it: a run that has ended stays as it ended.
    pub(in super::super) fn load_ends(&mut self, job: &str, result: RunResult) {
        let run = self.status().run.unwrap_or(1);
        let result = *self.ledger.get(&run).unwrap_or(&result);
        if result.is_final() {
            self.ledger.insert(run, result);
        }
        self.say(job, result);
    }

    /// A settle Job gets its answer.
    pub(in super::super) fn settle_answers(&mut self, job: &str) {
        let run = self.status().run.unwrap_or(1);
        let result = *self.ledger.entry(run).or_insert(RunResult::Abandoned);
        self.say(job, result);
    }

    /// A revert Job gets its answer: the run can't publish any more, and nothing is live.
    pub(in super::super) fn revert_answers(&mut self, job: &str) {
        let run = self.status().run.unwrap_or(1);
        self.ledger.entry(run).or_insert(RunResult::Abandoned);
        for result in self.ledger.values_mut() {
            if *result == RunResult::Published {
                *result = RunResult::Reverted;
            }
        }
        self.say(job, RunResult::Reverted);
    }

    /// Its Pod is to be deleted, and stays, since its node does not answer.
    pub(in super::super) fn lose_pod(&mut self, job: &str) {
        let Some(seen) = self.jobs.get_mut(job) else { return };
        for pod in &mut seen.pods {
            pod.metadata.deletion_timestamp.get_or_insert(Time(self.now));
        }
    }

    /// The runs of which an importer was ever at work.
    pub(in super::super) fn runs_started(&self) -> BTreeSet<u32> {
        let asks = |job: &String| job.contains("-settle-") || job.contains("-revert-");
        let loads = self.started.keys().filter(|job| !asks(job));
        loads.filter_map(|job| job.rsplit('-').nth(1)?.parse().ok()).collect()
    }

    pub(in super::super) fn is_running(&self, job: &str) -> bool {
        self.jobs.get(job).is_some_and(attempt::may_have_started)
    }
}
