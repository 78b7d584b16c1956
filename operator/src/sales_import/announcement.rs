//! What is told in Kubernetes events: the old and the next status in, announcements out. Pure.
//!
//! Few: a Job made, a change of what is being done that a user may want to act on, the end.

use crate::crd::{
    SalesImportStatus,
    conditions::{JOB_SUSPENDED, QUEUED, REVERTED, REVERTING, RUNNING, STARTING, SUSPENDED},
    status::JobReference,
};

use super::status;

/// The API refuses a note of more than 1,024 bytes.
pub(crate) const MAX_NOTE: usize = 1_000;

/// One event about a SalesImport.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Announcement {
    /// Whether somebody may have to act.
    pub(crate) is_warning: bool,
    /// The reason, as in the conditions.
    pub(crate) reason: String,
    /// A sentence.
    pub(crate) note: String,
    /// The Job that it tells of, where it tells of one.
    pub(crate) job: Option<JobReference>,
}

/// What is new in the next status.
pub(crate) fn announce(old: &SalesImportStatus, next: &SalesImportStatus) -> Vec<Announcement> {
    let made = next.job.as_ref().filter(|job| job.uid.is_some() && old.job.as_ref() != Some(job));
    let made = made.map(|job| Announcement {
        is_warning: false,
        reason: "JobCreated".into(),
        note: format!("Made the Job {}.", job.name),
        job: Some(job.clone()),
    });
    made.into_iter().chain(change(old, next)).collect()
}

/// How the import ended, if it ended just now: a bounded word for metrics.
pub(crate) fn ended(old: &SalesImportStatus, next: &SalesImportStatus) -> Option<&'static str> {
    let same_run = old.run == next.run;
    if next.finish_time.is_none() || (same_run && old.finish_time.is_some()) {
        return None;
    }
    let outcome = next.outcome.as_ref().filter(|outcome| outcome.result.is_final());
    Some(outcome.map_or("Failed", |outcome| outcome.result.as_str()))
}

fn change(old: &SalesImportStatus, next: &SalesImportStatus) -> Option<Announcement> {
    let reason = status::reason(next)?;
    let same_run = old.run == next.run;
    if [STARTING, RUNNING].contains(&reason) || (same_run && status::reason(old) == Some(reason)) {
        return None;
    }
    let message = status::message(next).unwrap_or_default();
    Some(Announcement {
        is_warning: !is_success(next)
            && ![JOB_SUSPENDED, QUEUED, REVERTED, REVERTING, SUSPENDED].contains(&reason),
        reason: reason.into(),
        note: message[..message.floor_char_boundary(MAX_NOTE)].into(),
        job: None,
    })
}

fn is_success(status: &SalesImportStatus) -> bool {
    status.finish_time.is_some() && status.published_run == status.run
}
