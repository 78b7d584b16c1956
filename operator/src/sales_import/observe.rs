//! What there is of a SalesImport, its Jobs, their Pods and events, for [`plan`](super::plan).
//!
//! Two ways to look, with the same answer in a quiet cluster: [`Eyes::cached`] costs nothing and may
//! be late; [`Eyes::live`] asks the API server. What is there may be believed of a cache; that
//! something is *not* there, never: a plan that rests on it asks for a live look.

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{Event, Pod},
};
use kube::{
    Api, Client, ResourceExt as _,
    api::ListParams,
    core::{NamespaceResourceScope, Resource},
};

use super::{
    attempt::{self, Seen},
    name::Identity,
    plan::{Made, Observed},
    start,
    watched::Caches,
};
use crate::crd::{SalesImport, SalesImportStatus, status::JobReference};

/// Label that the Job controller puts on each Pod: its Job's uid.
pub(crate) const JOB_UID: &str = "batch.kubernetes.io/controller-uid";

/// What looks.
#[derive(Clone)]
pub(crate) struct Eyes {
    /// The API server.
    pub(crate) client: Client,
    /// What is known of it already.
    pub(crate) caches: Caches,
}

impl Eyes {
    /// What the caches hold about a SalesImport; `None` where it is not one of an API server's.
    pub(crate) fn cached(&self, import: SalesImport) -> Option<Observed> {
        let identity = Identity::of(&import)?;
        let status = import.status.as_ref();
        let load = status.and_then(|status| status.job.as_ref());
        let settle = status.and_then(|status| status.settle.as_ref()?.job.as_ref());
        let seen = |job: Option<&JobReference>| job.map(|job| self.cached_attempt(&identity, job));
        Some(Observed {
            load: seen(load).unwrap_or_default(),
            settle: seen(settle).unwrap_or_default(),
            made: self.made(&identity),
            ..Observed::nothing(import, identity)
        })
    }

    fn cached_attempt(&self, identity: &Identity, recorded: &JobReference) -> Seen {
        let job = self.caches.jobs.named(&identity.namespace, &recorded.name);
        let uid = recorded.uid.clone().or_else(|| job.as_ref()?.uid()).unwrap_or_default();
        let pods = self.caches.pods.of(&uid);
        let about = pods.first().and_then(Pod::uid).unwrap_or(uid);
        let events = self.caches.warnings_about(&about);
        Seen { job, pods, events }
    }

    fn made(&self, identity: &Identity) -> Vec<Made> {
        let jobs = self.caches.jobs.of(&identity.uid);
        jobs.iter().filter_map(Made::of).collect()
    }

    /// What the API server holds about a SalesImport now; `None` where it is gone.
    pub(crate) async fn live(&self, identity: &Identity) -> kube::Result<Option<Observed>> {
        let imports = self.api::<SalesImport>(identity);
        let Some(import) = imports.get_opt(&identity.name).await? else { return Ok(None) };
        let Some(identity) = Identity::of(&import) else { return Ok(None) };
        let status = import.status.clone().unwrap_or_default();
        let (load, settle) = self.live_attempts(&identity, &status).await?;
        let made = self.made(&identity);
        let nothing = Observed::nothing(import, identity);
        Ok(Some(Observed { load, settle, made, is_live: true, ..nothing }))
    }

    async fn live_attempts(
        &self,
        identity: &Identity,
        status: &SalesImportStatus,
    ) -> kube::Result<(Seen, Seen)> {
        let mut load = Seen::default();
        let mut settle = Seen::default();
        if let Some(job) = &status.job {
            load = self.live_attempt(identity, job).await?;
            if status.settle.is_some() && status.importer_start_time.is_none() {
                load.events.extend(self.starts(identity, &job.name).await?);
            }
        }
        if let Some(job) = status.settle.as_ref().and_then(|settle| settle.job.as_ref()) {
            settle = self.live_attempt(identity, job).await?;
        }
        Ok((load, settle))
    }

    async fn live_attempt(
        &self,
        identity: &Identity,
        recorded: &JobReference,
    ) -> kube::Result<Seen> {
        let job = self.api::<Job>(identity).get_opt(&recorded.name).await?;
        let ours = job.as_ref().filter(|job| attempt::is_owned(*job, &identity.uid));
        let Some(uid) = recorded.uid.clone().or_else(|| ours?.uid()) else {
            return Ok(Seen { job, ..Seen::default() });
        };
        let labelled = ListParams::default().labels(&format!("{JOB_UID}={uid}"));
        let pods = self.api::<Pod>(identity).list(&labelled).await?.items;
        let events = match pods.first() {
            Some(pod)
                if start::importer_state(pod).is_some_and(|state| state.waiting.is_none()) =>
            {
                Vec::new()
            }
            Some(pod) => self.events(identity, &pod.uid().unwrap_or_default()).await?,
            None => self.events(identity, &uid).await?,
        };
        Ok(Seen { job, pods, events })
    }

    async fn events(&self, identity: &Identity, uid: &str) -> kube::Result<Vec<Event>> {
        let about = ListParams::default().fields(&format!("involvedObject.uid={uid}"));
        Ok(self.api::<Event>(identity).list(&about).await?.items)
    }

    /// Events that tell of a start of a Pod of this Job, also of one that is gone.
    async fn starts(&self, identity: &Identity, job: &str) -> kube::Result<Vec<Event>> {
        let about = ListParams::default().fields("involvedObject.kind=Pod,reason=Started");
        let events = self.api::<Event>(identity).list(&about).await?.items;
        let prefix = format!("{job}-");
        let ours = |event: &Event| {
            event.involved_object.name.as_ref().is_some_and(|pod| pod.starts_with(&prefix))
        };
        Ok(events.into_iter().filter(ours).collect())
    }

    fn api<K>(&self, identity: &Identity) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &identity.namespace)
    }
}
