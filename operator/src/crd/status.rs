//! The SalesImport's status: what the operator remembers and what users read.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use ledger::{Dataset, Outcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What became of the SalesImport. It tells the outcome of its run, not the ledger's state today.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schemars::transform::RecursiveTransform(signed_formats))]
pub struct SalesImportStatus {
    /// observedGeneration: the generation of the spec that the status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// conditions: `Ready`, `Reconciling`, `Stalled` and `Finished`, the last one true on success
    /// and on failure.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// run: the number of the newest try to have the file in the ledger, from 1. Retries are one
    /// run; an edit of the spec or the annotation `takings.dev/run-again` starts the next one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub run: Option<u32>,
    /// attempt: the number of the run's newest Job, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// failures: how many of the run's attempts have failed. One that the cluster ended (a Pod or
    /// Job deleted, evicted, preempted or lost with its node) is none of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// job: the run's newest Job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobReference>,
    /// publishedRun: the newest run whose file is in the ledger. From then on, what the spec
    /// loads can't be changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published_run: Option<u32>,
    /// dataset: of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Dataset>,
    /// inputHash: of what the run's importer sees of the spec; another one starts the next run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub input_hash: Option<String>,
    /// runAgain: the value of the annotation `takings.dev/run-again` that the run answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_again: Option<String>,
    /// traceparent: the trace that the run's Jobs go on with, as W3C writes it: that of the
    /// annotation `takings.dev/traceparent`, else one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// startTime: when the run began; its deadline counts from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// attemptTime: when the newest attempt began; its Pod's deadline to start counts from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt_time: Option<Time>,
    /// importerStartTime: since when an importer of this run has been at work, or may have been;
    /// told once one has been at work for two seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub importer_start_time: Option<Time>,
    /// nextAttemptTime: when the next attempt is due, after one that ended in a fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_time: Option<Time>,
    /// finishTime: when the run ended, in success or failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_time: Option<Time>,
    /// progress: how far the importer is, while it is at work. Told every few seconds at first, and
    /// less often the longer it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Box<LoadProgress>>,
    /// settle: there while a run is being given up and the ledger is asked how it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settle: Option<SettleStatus>,
    /// outcome: what the importer said at the end of the newest attempt that said something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// How far an importer is, by its own account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LoadProgress {
    /// stage: what it is doing: `starting`, `waiting`, `reading`, `loading`, `comparing`,
    /// `publishing` or `ended`.
    pub stage: String,
    /// percent: of the source's bytes that are read, where its size is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 100), extend("format" = "int32"))]
    pub percent: Option<u8>,
    /// bytesRead: of the source, so far.
    pub bytes_read: u64,
    /// bytes: of the source, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// linesRead: so far.
    pub lines_read: u64,
    /// linesRejected: so far.
    pub lines_rejected: u64,
    /// time: when it was told.
    pub time: Time,
}

/// A run that is being given up: why, and the Jobs that ask the ledger how it ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SettleStatus {
    /// reason: why the run is given up, in one word.
    pub reason: String,
    /// message: why the run is given up, in a sentence.
    pub message: String,
    /// startTime: since when.
    pub start_time: Time,
    /// attempt: the number of the newest Job that asks the ledger; 0 before the first one.
    pub attempt: u32,
    /// job: the newest Job that asks the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobReference>,
    /// attemptTime: when that Job was decided on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_time: Option<Time>,
    /// nextAttemptTime: when the next Job is due, after one that brought no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_attempt_time: Option<Time>,
}

/// A Job that the operator made, or is about to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JobReference {
    /// name: of the Job, in the SalesImport's namespace.
    pub name: String,
    /// uid: of the Job; empty until it is known to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

/// Kubernetes knows the formats int32 and int64 only, and warns of others.
pub(super) fn signed_formats(schema: &mut schemars::Schema) {
    let Some(format) = schema.get("format").and_then(serde_json::Value::as_str) else { return };
    if let Some(signed) = format.strip_prefix('u').map(str::to_owned) {
        schema.insert("format".into(), signed.into());
    }
}
