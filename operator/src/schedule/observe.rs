//! What there is: a schedule's name in, everything that the next plan needs out. Async, reads
//! only, and always live.

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Event, Pod},
};
use kube::{Api, Client, ResourceExt as _, api::ListParams};

use super::plan::Observed;
use crate::{
    crd::{SalesImport, SalesImportSchedule, status::JobReference},
    sales_import::{attempt::Seen, observe::JOB_UID, start},
};

/// What there is of a schedule; `None` where it is gone.
pub(super) async fn observe(
    client: &Client,
    (namespace, name): (&str, &str),
) -> kube::Result<Option<Observed>> {
    let schedules: Api<SalesImportSchedule> = Api::namespaced(client.clone(), namespace);
    let Some(schedule) = schedules.get_opt(name).await? else { return Ok(None) };
    let imports: Api<SalesImport> = Api::namespaced(client.clone(), namespace);
    let mut active = Vec::new();
    for entry in schedule.status.iter().flat_map(|status| &status.active) {
        active.push(imports.get_opt(&entry.name).await?);
    }
    let discovery = schedule.status.as_ref().and_then(|status| status.discovery.as_ref());
    let listing = match discovery.and_then(|discovery| discovery.job.as_ref()) {
        Some(job) => listing(client, namespace, job).await?,
        None => Seen::default(),
    };
    Ok(Some(Observed { schedule, active, listing, refused: None }))
}

/// The Job, then its Pods, then what keeps the first of them from starting.
async fn listing(client: &Client, namespace: &str, recorded: &JobReference) -> kube::Result<Seen> {
    let jobs: Api<Job> = Api::namespaced(client.clone(), namespace);
    let job = jobs.get_opt(&recorded.name).await?;
    let Some(uid) = &recorded.uid else { return Ok(Seen { job, ..Seen::default() }) };
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let pods = pods.list(&ListParams::default().labels(&format!("{JOB_UID}={uid}"))).await?.items;
    let first = pods.first();
    let has_started = first.and_then(start::importer_state).is_some_and(|it| it.waiting.is_none());
    let events = if has_started {
        Vec::new()
    } else {
        let about = first.and_then(Pod::uid).unwrap_or_else(|| uid.clone());
        let about = ListParams::default().fields(&format!("involvedObject.uid={about}"));
        let events: Api<Event> = Api::namespaced(client.clone(), namespace);
        events.list(&about).await?.items
    };
    Ok(Seen { job, pods, events })
}
