//! The types and reasons of conditions: a SalesImport's, and at the end a SalesImportSchedule's.
//!
//! All four conditions of a SalesImport are always there and carry the same reason and sentence; which of them
//! are true follows from the [`Phase`]. A run that the importer ended carries the outcome's own
//! reason instead (`Published`, `TooManyRejected`, …: [`ledger::outcome::Reason`]).

/// What is being done, in terms of conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The operator is at work, or waits for something: `Reconciling`.
    InProgress,
    /// The file is in the ledger: `Ready`, `Finished`.
    Succeeded,
    /// It ended in failure: `Stalled`, `Finished`.
    Failed,
}

/// True once the file is in the ledger.
pub const READY: &str = "Ready";
/// True while the operator is at work, or waits for something.
pub const RECONCILING: &str = "Reconciling";
/// True once it ended in failure: nothing more happens before somebody changes something.
pub const STALLED: &str = "Stalled";
/// True once it ended, in success or in failure.
pub const FINISHED: &str = "Finished";

/// The first Job is about to be made.
pub const STARTING: &str = "Starting";
/// As many imports are running as the operator lets; this one waits for its turn.
pub const QUEUED: &str = "Queued";
/// `spec.suspend` holds back the next Job, and stops a running one.
pub const SUSPENDED: &str = "Suspended";
/// The importer is at work.
pub const RUNNING: &str = "Running";
/// The last attempt ended in a fault; the next one is due soon.
pub const RETRYING: &str = "Retrying";
/// A run is being given up, and the ledger has not yet said how it ended.
pub const OUTCOME_UNKNOWN: &str = "OutcomeUnknown";
/// The API server refuses to make the Job: a quota, a policy, a missing namespace.
pub const JOB_REFUSED: &str = "JobRefused";
/// The Job's name is taken by a Job that is not this SalesImport's.
pub const JOB_NAME_TAKEN: &str = "JobNameTaken";
/// The Job was suspended by somebody else, such as Kueue, who decides when it starts.
pub const JOB_SUSPENDED: &str = "JobSuspended";
/// The Pod is not made: a quota, a policy.
pub const POD_REFUSED: &str = "PodRefused";
/// No node takes the Pod, or its claim is not bound.
pub const UNSCHEDULABLE: &str = "Unschedulable";
/// The importer's image can't be pulled.
pub const IMAGE_PULL_FAILED: &str = "ImagePullFailed";
/// The Secret, or its key, is missing.
pub const CONFIG_MISSING: &str = "ConfigMissing";
/// The source's ConfigMap, its key or the volume can't be mounted.
pub const MOUNT_FAILED: &str = "MountFailed";
/// The node can't start the container.
pub const CONTAINER_FAILED: &str = "ContainerFailed";
/// `startDeadlineSeconds` have passed, and nothing says what kept the Pod from starting.
pub const START_DEADLINE_EXCEEDED: &str = "StartDeadlineExceeded";
/// Every attempt ended in a fault.
pub const RETRIES_EXHAUSTED: &str = "RetriesExhausted";
/// `deadlineSeconds` have passed.
pub const DEADLINE_EXCEEDED: &str = "DeadlineExceeded";
/// What the importer sees of the spec was edited: the run gives way to the next one.
pub const SPEC_CHANGED: &str = "SpecChanged";
/// `takings.dev/run-again` was set anew: the run gives way to the next one.
pub const RUN_AGAIN: &str = "RunAgain";
/// It is being deleted, and the ledger is asked to take its sales out of the figures.
pub const REVERTING: &str = "Reverting";
/// It is being deleted, and nothing of it is in the figures any more.
pub const REVERTED: &str = "Reverted";

/// A schedule is followed, and waits for its next tick.
pub const SCHEDULED: &str = "Scheduled";
/// A tick waits for a SalesImport that is not finished.
pub const HELD_BACK: &str = "HeldBack";
/// A Job lists the files there are.
pub const LISTING: &str = "Listing";
/// Files could not be listed, which is tried again soon.
pub const LISTING_FAILED: &str = "ListingFailed";
/// Files can't be listed as the template says.
pub const LISTING_REFUSED: &str = "ListingRefused";
/// The SalesImports of new files are being made.
pub const IMPORTING: &str = "Importing";
/// `spec.schedule` is no cron schedule, or never comes.
pub const INVALID_SCHEDULE: &str = "InvalidSchedule";
/// `spec.timeZone` is not in the IANA database.
pub const INVALID_TIME_ZONE: &str = "InvalidTimeZone";
/// A placeholder in the template can't be filled in.
pub const INVALID_PLACEHOLDER: &str = "InvalidPlaceholder";
/// The API server refuses the SalesImport that the template makes.
pub const IMPORT_REFUSED: &str = "ImportRefused";
