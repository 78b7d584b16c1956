//! The Job that lists files, and what it says. Pure.
//!
//! Its Pod is as that of an import, with the source's credentials and without the database's. What
//! it says is believed only from a Pod that the recorded Job owns, and only where the exit code
//! agrees; that the Job is removed some time after its end loses nothing, as files can be listed
//! again.

use std::collections::BTreeMap;

use k8s_openapi::{
    api::{
        batch::v1::{Job, JobSpec},
        core::v1::{Pod, PodTemplateSpec},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Resource as _, ResourceExt as _};
use ledger::ListOutcome;

use super::import::SCHEDULE;
use crate::{
    crd::{SalesImportSchedule, SalesImportSpec, Source, discovery::DiscoveryStatus},
    sales_import::{
        ImporterSettings, arguments, attempt,
        job::{app_labels, listing_pod, unblocking},
        name::{MAX_JOB_NAME, MAX_LABEL, fitted},
    },
};

/// A listing is short; one that hangs is given up and made again.
const DEADLINE_SECONDS: i64 = 300;
/// How long a Job is kept: long enough for another operator to take over and read it.
const KEPT_SECONDS: i32 = 600;

/// The name of a schedule's listing of that number: `NAME-HASH8-list-NUMBER`, where the hash is of
/// the uid, so that a schedule deleted and made again under its name never meets its former Jobs.
pub(super) fn name(schedule: &SalesImportSchedule, number: u64) -> String {
    let uid: String = schedule.uid().unwrap_or_default().chars().take(8).collect();
    let suffix = format!("-{uid}-list-{number}");
    let name = schedule.name_any().replace('.', "-");
    format!("{}{suffix}", fitted(&name, MAX_JOB_NAME.saturating_sub(suffix.len())))
}

/// The Job that lists what a source stands for, but for what is known.
pub(super) fn job(
    schedule: &SalesImportSchedule,
    (name, source): (&str, Source),
    discovery: &DiscoveryStatus,
    settings: &ImporterSettings,
) -> Job {
    let min_age = schedule.spec.discover.clone().unwrap_or_default().min_age_seconds;
    let mut arguments = vec!["list".to_owned(), format!("--min-age={min_age}")];
    if !discovery.known.is_empty() {
        arguments.push(format!("--known={}", discovery.known.join(",")));
    }
    arguments.extend(arguments::source(&source, settings));
    let spec = SalesImportSpec { source, ..schedule.spec.template.spec.clone() };
    let pod = listing_pod(&spec, arguments, settings);
    let deadline = spec.start_deadline_seconds.saturating_add(DEADLINE_SECONDS);
    let owner = schedule.controller_owner_ref(&()).map(|owner| vec![unblocking(owner)]);
    Job {
        metadata: ObjectMeta {
            name: Some(name.into()),
            namespace: schedule.namespace(),
            owner_references: owner,
            ..metadata(schedule)
        },
        spec: Some(JobSpec {
            active_deadline_seconds: Some(deadline),
            backoff_limit: Some(0),
            completions: Some(1),
            parallelism: Some(1),
            template: PodTemplateSpec { metadata: Some(metadata(schedule)), spec: Some(pod) },
            ttl_seconds_after_finished: Some(KEPT_SECONDS),
            ..JobSpec::default()
        }),
        status: None,
    }
}

fn metadata(schedule: &SalesImportSchedule) -> ObjectMeta {
    let name = schedule.name_any();
    let mut labels = app_labels();
    labels.insert(SCHEDULE.into(), fitted(&name, MAX_LABEL));
    let annotations = BTreeMap::from([(SCHEDULE.to_owned(), name)]);
    ObjectMeta { labels: Some(labels), annotations: Some(annotations), ..ObjectMeta::default() }
}

/// What a Pod says there is; `None` where it says nothing that could be believed.
pub(super) fn outcome(pod: &Pod) -> Option<ListOutcome> {
    let terminated = attempt::terminated(pod)?;
    let outcome: ListOutcome = serde_json::from_str(terminated.message.as_deref()?).ok()?;
    let ids = match &outcome {
        ListOutcome::Listed(listing) => listing.files.iter().map(|file| &file.id).collect(),
        _ => Vec::new(),
    };
    let agrees = terminated.exit_code == i32::from(outcome.exit_code());
    (agrees && ids.into_iter().all(|id| is_id(id))).then_some(outcome)
}

/// Whether it can be the end of a SalesImport's name.
fn is_id(id: &str) -> bool {
    id.len() == 16 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
