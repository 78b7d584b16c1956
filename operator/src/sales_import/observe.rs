//! What there is: a SalesImport's name in, everything that the next plan needs out. Async, reads
//! only, and always live: a plan that makes a Job must not rest on a cache that lags behind.

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Event, Pod},
};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::{
    Api, Client, ResourceExt as _,
    api::ListParams,
    core::{NamespaceResourceScope, Resource},
};

use super::{
    attempt::{self, Seen},
    job::SALES_IMPORT,
    name::Identity,
    plan::Observed,
    start,
};
use crate::crd::{SalesImport, SalesImportStatus, status::JobReference};

/// Label that the Job controller puts on each Pod: its Job's uid.
const JOB_UID: &str = "batch.kubernetes.io/controller-uid";

/// What there is of a SalesImport; `None` where it is gone.
pub(crate) async fn observe(
    client: &Client,
    (namespace, name): (&str, &str),
    (now, job_ttl): (Timestamp, SignedDuration),
) -> kube::Result<Option<Observed>> {
    let Some(import) = api::<SalesImport>(client, namespace).get_opt(name).await? else {
        return Ok(None);
    };
    let Some(identity) = Identity::of(&import) else { return Ok(None) };
    let status = import.status.clone().unwrap_or_default();
    let mut observed = Observed {
        import,
        identity,
        load: Seen::default(),
        settle: Seen::default(),
        leftovers: Vec::new(),
        refused: None,
    };
    let eyes = Eyes { client, identity: &observed.identity };
    if let Some(finished) = &status.finish_time {
        let due = finished.0.checked_add(job_ttl).is_ok_and(|due| due <= now);
        observed.leftovers = if due { eyes.jobs().await? } else { Vec::new() };
        return Ok(Some(observed));
    }
    let (load, settle) = eyes.attempts(&status).await?;
    Ok(Some(Observed { load, settle, ..observed }))
}

struct Eyes<'a> {
    client: &'a Client,
    identity: &'a Identity,
}

impl Eyes<'_> {
    async fn attempts(&self, status: &SalesImportStatus) -> kube::Result<(Seen, Seen)> {
        let mut load = Seen::default();
        let mut settle = Seen::default();
        if let Some(job) = &status.job {
            load = self.attempt(job).await?;
            if status.settle.is_some() && status.importer_start_time.is_none() {
                load.events.extend(self.starts(&job.name).await?);
            }
        }
        if let Some(job) = status.settle.as_ref().and_then(|settle| settle.job.as_ref()) {
            settle = self.attempt(job).await?;
        }
        Ok((load, settle))
    }

    async fn attempt(&self, recorded: &JobReference) -> kube::Result<Seen> {
        let job = self.api::<Job>().get_opt(&recorded.name).await?;
        let ours = job.as_ref().filter(|job| attempt::is_owned(*job, &self.identity.uid));
        let Some(uid) = recorded.uid.clone().or_else(|| ours?.uid()) else {
            return Ok(Seen { job, ..Seen::default() });
        };
        let labelled = ListParams::default().labels(&format!("{JOB_UID}={uid}"));
        let pods = self.api::<Pod>().list(&labelled).await?.items;
        let events = match pods.first() {
            Some(pod)
                if start::importer_state(pod).is_some_and(|state| state.waiting.is_none()) =>
            {
                Vec::new()
            }
            Some(pod) => self.events(&pod.uid().unwrap_or_default()).await?,
            None => self.events(&uid).await?,
        };
        Ok(Seen { job, pods, events })
    }

    async fn events(&self, uid: &str) -> kube::Result<Vec<Event>> {
        let about = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
        Ok(self.api::<Event>().list(&about).await?.items)
    }

    /// Events that tell of a start of a Pod of this Job, also of one that is gone.
    async fn starts(&self, job: &str) -> kube::Result<Vec<Event>> {
        let about = ListParams::default().fields("involvedObject.kind=Pod,reason=Started");
        let events = self.api::<Event>().list(&about).await?.items;
        let prefix = format!("{job}-");
        let ours = |event: &Event| {
            event.involved_object.name.as_ref().is_some_and(|pod| pod.starts_with(&prefix))
        };
        Ok(events.into_iter().filter(ours).collect())
    }

    /// All Jobs of the SalesImport.
    async fn jobs(&self) -> kube::Result<Vec<JobReference>> {
        let labelled = format!("{SALES_IMPORT}={}", self.identity.label());
        let jobs = self.api::<Job>().list(&ListParams::default().labels(&labelled)).await?.items;
        let ours = jobs.into_iter().filter(|job| {
            attempt::is_owned(job, &self.identity.uid) && job.metadata.deletion_timestamp.is_none()
        });
        Ok(ours.map(|job| JobReference { name: job.name_any(), uid: job.uid() }).collect())
    }

    fn api<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>>(&self) -> Api<K> {
        api(self.client, &self.identity.namespace)
    }
}

fn api<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>>(
    client: &Client,
    namespace: &str,
) -> Api<K> {
    Api::namespaced(client.clone(), namespace)
}
