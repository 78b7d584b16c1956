//! How an attempt stands: what was seen of its Job, Pods and events in, one [`Progress`] out.
//! Pure.
//!
//! An outcome is believed only from the container `importer` of a Pod that the recorded Job owns,
//! and only where import, run and exit code agree with it; anything else is no outcome.

use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ContainerStateTerminated, Event, Pod},
    },
    jiff::{SignedDuration, Timestamp},
};
use kube::{Resource, ResourceExt as _};
use ledger::{Outcome, Run};

use super::{
    job::CONTAINER,
    name::Identity,
    start::{self, Hindrance},
};
use crate::crd::status::JobReference;

/// How long a node may be late in ending a Pod before it is held to be lost.
const PATIENCE_WITH_NODES: SignedDuration = SignedDuration::from_secs(30);

/// What the API server has of an attempt.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The Job of the recorded name, whoever owns it.
    pub(crate) job: Option<Job>,
    /// The Pods that carry the recorded Job's uid; read after the Job.
    pub(crate) pods: Vec<Pod>,
    /// Events about the Job and its Pods.
    pub(crate) events: Vec<Event>,
}

/// How an attempt stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Progress<T = Outcome> {
    /// Its Job is not there and never was: to be made.
    NotMade,
    /// A Job of its name is there that is not ours.
    NameTaken,
    /// Its Job is there, and its uid is still to be recorded.
    Made {
        /// The uid.
        uid: String,
    },
    /// The importer has not started yet.
    Waiting(Option<Hindrance>),
    /// The importer is at work.
    Running,
    /// The importer has said how it ended.
    Ended(Box<T>),
    /// It ended, and the importer has not said how; the sentence says what is known.
    Lost(String),
    /// As `Lost`: the Job's deadline has passed.
    TimedOut,
}

/// How the attempt of the recorded Job stands.
pub(crate) fn progress(
    identity: &Identity,
    run: u32,
    recorded: &JobReference,
    seen: (&Seen, Timestamp),
) -> Progress {
    let ends = |pod: &Pod, is_of_now: bool| {
        outcome(pod, identity, run).filter(|outcome| is_of_now || outcome.result.is_final())
    };
    progress_with(&identity.uid, recorded, seen, ends)
}

/// How the recorded Job of an owner stands, whose outcome is read so from a Pod, be it of now or
/// from before a suspension.
pub(crate) fn progress_with<T>(
    owner: &str,
    recorded: &JobReference,
    (seen, now): (&Seen, Timestamp),
    outcome: impl Fn(&Pod, bool) -> Option<T>,
) -> Progress<T> {
    let Some(uid) = &recorded.uid else {
        return match &seen.job {
            None => Progress::NotMade,
            Some(job) if is_owned(job, owner) => {
                Progress::Made { uid: job.uid().unwrap_or_default() }
            }
            Some(_) => Progress::NameTaken,
        };
    };
    let pods = seen.pods.iter().filter(|pod| is_owned(*pod, uid));
    let job = seen.job.as_ref().filter(|job| job.uid().as_ref() == Some(uid));
    let pods: Vec<_> = pods.map(|pod| (pod, is_of_now(pod, job))).collect();
    if let Some(outcome) = pods.iter().find_map(|(pod, is_of_now)| outcome(pod, *is_of_now)) {
        return Progress::Ended(Box::new(outcome));
    }
    let Some(job) = job else { return Progress::Lost("Its Job was deleted.".into()) };
    let pod = pods.iter().find(|(_, is_of_now)| *is_of_now).map(|(pod, _)| *pod);
    without_outcome(job, pod, &seen.events, now)
}

/// Whether a Pod was not ended by a suspension of its Job, whose time begins anew with each
/// resumption: such a Pod tells nothing of how the attempt stands.
fn is_of_now(pod: &Pod, job: Option<&Job>) -> bool {
    let Some(job) = job else { return true };
    let began = job.status.as_ref().and_then(|status| status.start_time.as_ref());
    let made = pod.metadata.creation_timestamp.as_ref();
    !is_suspended(job) && made.zip(began).is_none_or(|(made, began)| made.0 >= began.0)
}

/// Whether somebody else, such as a queue of the cluster's, decides when the Job starts.
pub(crate) fn is_suspended(job: &Job) -> bool {
    job.spec.as_ref().and_then(|spec| spec.suspend) == Some(true)
}

/// Since when the Job may have a Pod, once it was resumed.
pub(crate) fn resumed(job: &Job) -> Option<Timestamp> {
    Some(job.status.as_ref()?.start_time.as_ref()?.0)
}

fn without_outcome<T>(
    job: &Job,
    pod: Option<&Pod>,
    events: &[Event],
    now: Timestamp,
) -> Progress<T> {
    if job_condition(job, "FailureTarget").is_some_and(is_deadline) {
        return Progress::TimedOut;
    }
    if let Some(why) = pod.and_then(ended) {
        return Progress::Lost(why);
    }
    if has_ended(job) {
        return Progress::Lost("Its Pod was deleted.".into());
    }
    if is_suspended(job) {
        return Progress::Waiting(Some(start::suspended(job)));
    }
    match pod {
        Some(pod) if is_overdue(pod, now) => {
            Progress::Lost("Its Pod was to be deleted, and its node does not answer.".into())
        }
        Some(pod) if has_started(pod) => Progress::Running,
        pod => Progress::Waiting(start::hindrance(pod, events)),
    }
}

/// Whether a Pod should have been gone for a while. On a lost node it stays for ever, and as long
/// as it does, the Job counts it as neither running nor failed (`podReplacementPolicy`).
fn is_overdue(pod: &Pod, now: Timestamp) -> bool {
    // The time of a Pod's deletion has its grace period in it already.
    let due = pod.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    due.is_some_and(|due| due.checked_add(PATIENCE_WITH_NODES).is_ok_and(|due| due <= now))
}

/// Whether anything seen shows that the container has started, be it for a moment.
pub(crate) fn may_have_started(seen: &Seen) -> bool {
    let started = |event: &Event| event.reason.as_deref() == Some("Started");
    seen.pods.iter().any(|pod| has_started(pod) || ended(pod).is_some())
        || seen.events.iter().any(started)
}

pub(crate) fn is_owned<K: Resource>(object: &K, uid: &str) -> bool {
    object.owner_references().iter().any(|owner| owner.controller == Some(true) && owner.uid == uid)
}

fn outcome(pod: &Pod, identity: &Identity, run: u32) -> Option<Outcome> {
    let terminated = terminated(pod)?;
    let outcome: Outcome = serde_json::from_str(terminated.message.as_deref()?).ok()?;
    let exit_code = i32::from(outcome.exit_code());
    let agrees = outcome.import_id == identity.import_id
        && outcome.run == Run(run)
        && terminated.exit_code == exit_code;
    agrees.then_some(outcome)
}

/// How the container ended whose outcome is believed.
pub(crate) fn terminated(pod: &Pod) -> Option<&ContainerStateTerminated> {
    start::importer_state(pod)?.terminated.as_ref()
}

/// Since when its container is at work, by its node's clock.
pub(crate) fn started(pod: &Pod) -> Option<Timestamp> {
    let running = start::importer_state(pod)?.running.as_ref()?;
    running.started_at.as_ref().map(|time| time.0)
}

fn has_started(pod: &Pod) -> bool {
    start::importer_state(pod).is_some_and(|state| state.running.is_some())
}

/// Why a Pod ended without an outcome, in a sentence; `None` while it has not ended.
fn ended(pod: &Pod) -> Option<String> {
    if let Some(terminated) = terminated(pod) {
        let code = terminated.exit_code;
        return Some(match terminated.reason.as_deref() {
            Some("OOMKilled") => {
                let limit = memory_limit(pod).map(|limit| format!(" of {limit}"));
                let limit = limit.unwrap_or_default();
                format!(
                    "The importer was ended by the node (OOMKilled, exit code {code}): it needs \
                     more memory than its limit{limit} (spec.resources.limits.memory)."
                )
            }
            Some(reason @ ("ContainerCannotRun" | "DeadlineExceeded")) => {
                format!("The importer was ended by the node ({reason}, exit code {code}).")
            }
            _ => format!("The importer ended with code {code} and left no outcome."),
        });
    }
    let status = pod.status.as_ref()?;
    let has_ended = matches!(status.phase.as_deref(), Some("Failed" | "Succeeded"));
    has_ended.then(|| {
        let reason = status.reason.as_deref().unwrap_or("no reason given");
        let message = status.message.as_deref().unwrap_or_default();
        format!("Its Pod ended before the importer could say anything ({reason}). {message}")
    })
}

fn memory_limit(pod: &Pod) -> Option<&str> {
    let containers = &pod.spec.as_ref()?.containers;
    let importer = containers.iter().find(|container| container.name == CONTAINER)?;
    Some(&importer.resources.as_ref()?.limits.as_ref()?.get("memory")?.0)
}

/// Whether the Job controller tells of a Pod of the Job, also where the Pod is gone.
pub(crate) fn has_had_a_pod(job: &Job) -> bool {
    let status = job.status.as_ref();
    let count = |count: Option<i32>| count.is_some_and(|count| count > 0);
    let is_counted = status.is_some_and(|status| {
        [status.active, status.failed, status.succeeded, status.terminating]
            .map(count)
            .contains(&true)
            || status.uncounted_terminated_pods.as_ref().is_some_and(|pods| {
                pods.failed.iter().chain(&pods.succeeded).any(|pods| !pods.is_empty())
            })
    });
    is_counted || has_ended(job)
}

/// Whether the Job may have had a Pod before somebody suspended it: that Pod is gone, and counted
/// nowhere. Each edit of its spec counts in its generation, from 1; one that was made suspended,
/// as Kueue does it, has been resumed at most once in its second.
pub(crate) fn may_have_run_before(job: &Job) -> bool {
    let conditions = job.status.as_ref().and_then(|status| status.conditions.as_ref());
    let was_suspended = conditions.into_iter().flatten().any(|one| one.type_ == "Suspended");
    let first = if is_suspended(job) { 1 } else { 2 };
    was_suspended && job.metadata.generation.is_none_or(|generation| generation > first)
}

/// Whether it was the cluster, or somebody with rights in it, that ended the attempt of a Job: the
/// Job or its Pod was deleted, evicted, preempted, or lost with its node.
///
/// <https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions>
pub(crate) fn was_disrupted(uid: &str, seen: &Seen) -> bool {
    let has_job = seen.job.as_ref().is_some_and(|job| job.uid().as_deref() == Some(uid));
    let mut pods = seen.pods.iter().filter(|pod| is_owned(*pod, uid)).peekable();
    !has_job || pods.peek().is_none() || pods.any(is_disrupted)
}

fn is_disrupted(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    let is_target = conditions.any(|one| one.type_ == "DisruptionTarget" && one.status == "True");
    // A Pod that the node took, and ended before any container started, was none of ours either.
    let never_ran = terminated(pod).is_none() && ended(pod).is_some();
    is_target || never_ran || pod.metadata.deletion_timestamp.is_some()
}

pub(crate) fn has_ended(job: &Job) -> bool {
    ["FailureTarget", "Failed", "SuccessCriteriaMet", "Complete"]
        .iter()
        .any(|type_| job_condition(job, type_).is_some())
}

fn job_condition<'a>(job: &'a Job, type_: &str) -> Option<&'a str> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    let condition = conditions.iter().find(|one| one.type_ == type_ && one.status == "True")?;
    Some(condition.reason.as_deref().unwrap_or_default())
}

fn is_deadline(reason: &str) -> bool {
    reason == "DeadlineExceeded"
}
