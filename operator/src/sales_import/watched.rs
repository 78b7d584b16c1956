//! What is watched beside SalesImports: Jobs, their Pods, and warnings about both. Caches of what
//! plans read of them, and streams that tell which SalesImport to look at.
//!
//! It decides nothing, and makes no request but the watches.

use std::fmt::Debug;

use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::{
    batch::v1::{Job, JobSpec, JobStatus},
    core::v1::{ContainerStatus, Event, Pod, PodSpec, PodStatus},
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    core::ObjectMeta,
    runtime::{WatchStreamExt as _, reflector::ObjectRef, watcher},
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    Watched, api,
    job::{RUN, SALES_IMPORT},
};
use crate::{index::Index, watches::watch};

/// The warnings that tell why a Pod does not start and that no status shows. Only these are
/// watched: a cluster has many others.
const WARNINGS: [&str; 3] = [
    "involvedObject.kind=Job,reason=FailedCreate",
    "involvedObject.kind=Pod,reason=FailedMount",
    "involvedObject.kind=Pod,reason=FailedAttachVolume",
];

/// The caches; clones share them.
#[derive(Clone)]
pub(crate) struct Caches {
    /// Jobs, by the uid of their SalesImport.
    pub(crate) jobs: Index<Job>,
    /// Pods, by the uid of their Job.
    pub(crate) pods: Index<Pod>,
    /// Warnings, by the uid of the Job or Pod that they are about: a cache for each watch.
    warnings: [Index<Event>; WARNINGS.len()],
}

impl Caches {
    pub(crate) fn empty() -> Self {
        Self {
            jobs: Index::by(owner),
            pods: Index::by(owner),
            warnings: WARNINGS
                .map(|_| Index::by(|event: &Event| event.involved_object.uid.clone())),
        }
    }

    /// Waits until Jobs and Pods have been listed. Warnings explain; nothing rests on them.
    pub(crate) async fn ready(&self) {
        self.jobs.ready().await;
        self.pods.ready().await;
    }

    pub(crate) fn watch_jobs(
        &self,
        client: &Client,
        namespace: Option<&str>,
    ) -> impl Stream<Item = watcher::Result<Job>> + use<> {
        kept(api(client, namespace), ours(), self.jobs.clone(), trim_job)
    }

    pub(crate) fn watch_pods(
        &self,
        client: &Client,
        namespace: Option<&str>,
    ) -> impl Stream<Item = watcher::Result<Pod>> + use<> {
        kept(api(client, namespace), ours(), self.pods.clone(), trim_pod)
    }

    pub(crate) fn watch_warnings(
        &self,
        client: &Client,
        namespace: Option<&str>,
    ) -> impl Stream<Item = watcher::Result<Event>> + use<> {
        let watches = self.warnings.iter().zip(WARNINGS).map(|(index, fields)| {
            let config = watcher::Config::default().fields(fields);
            kept(api(client, namespace), config, index.clone(), trim_event).boxed()
        });
        stream::select_all(watches)
    }

    /// The warnings about a Job or a Pod.
    pub(crate) fn warnings_about(&self, uid: &str) -> Vec<Event> {
        self.warnings.iter().flat_map(|index| index.of(uid)).collect()
    }

    /// The SalesImport that a warning is about, where its Job or Pod is known by now: if not, the
    /// Job or Pod itself will tell.
    pub(crate) fn import_of_warning(&self, event: &Event) -> Option<ObjectRef<Watched>> {
        let about = &event.involved_object;
        let (namespace, name) = (about.namespace.as_deref()?, about.name.as_deref()?);
        match about.kind.as_deref()? {
            "Job" => import_of(&self.jobs.named(namespace, name)?),
            _ => import_of(&self.pods.named(namespace, name)?),
        }
    }
}

fn ours() -> watcher::Config {
    watcher::Config::default().labels(SALES_IMPORT)
}

/// A watch whose objects are kept in an index, without what nobody reads of them.
fn kept<K>(
    api: Api<K>,
    config: watcher::Config,
    index: Index<K>,
    trim: fn(&mut K),
) -> impl Stream<Item = watcher::Result<K>>
where
    K: Resource<DynamicType: Default>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    watch(api, config)
        .default_backoff()
        .modify(move |object| {
            object.managed_fields_mut().clear();
            trim(object);
        })
        .inspect_ok(move |event| index.apply(event))
        .touched_objects()
}

pub(super) fn trim_job(job: &mut Job) {
    trim(&mut job.metadata);
    let suspend = job.spec.take().and_then(|spec| spec.suspend);
    job.spec = suspend.map(|_| JobSpec { suspend, ..JobSpec::default() });
    job.status = job.status.take().map(|status| JobStatus {
        start_time: status.start_time,
        conditions: status.conditions,
        ..JobStatus::default()
    });
}

pub(super) fn trim_pod(pod: &mut Pod) {
    trim(&mut pod.metadata);
    let host_network = pod.spec.take().and_then(|spec| spec.host_network);
    pod.spec = host_network.map(|_| PodSpec { host_network, ..PodSpec::default() });
    pod.status = pod.status.take().map(|status| PodStatus {
        conditions: status.conditions,
        container_statuses: status.container_statuses.map(|mut containers| {
            containers.iter_mut().for_each(trim_container);
            containers
        }),
        message: status.message,
        phase: status.phase,
        pod_ip: status.pod_ip,
        reason: status.reason,
        ..PodStatus::default()
    });
}

fn trim_container(container: &mut ContainerStatus) {
    let (name, state) = (std::mem::take(&mut container.name), container.state.take());
    *container = ContainerStatus { name, state, ..ContainerStatus::default() };
}

fn trim_event(event: &mut Event) {
    event.source = None;
}

/// Leaves whose it is and which run it is of.
fn trim(metadata: &mut ObjectMeta) {
    if let Some(labels) = &mut metadata.labels {
        labels.retain(|label, _| label == RUN);
    }
    if let Some(annotations) = &mut metadata.annotations {
        annotations.retain(|annotation, _| annotation == SALES_IMPORT);
    }
    metadata.finalizers = None;
}

/// The uid of what controls an object.
fn owner<K: Resource>(object: &K) -> Option<String> {
    let owners = object.owner_references().iter();
    let mut controllers = owners.filter(|owner| owner.controller == Some(true));
    controllers.next().map(|owner| owner.uid.clone())
}

/// The SalesImport that a Job or Pod is made for.
pub(crate) fn import_of<K: Resource>(object: &K) -> Option<ObjectRef<Watched>> {
    let name = object.annotations().get(SALES_IMPORT)?;
    Some(ObjectRef::new(name).within(&object.namespace()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_plans_read_of_a_job_and_its_pod_is_kept_and_nothing_else() {
        let mut job: Job = serde_json::from_value(json!({
            "metadata": {"name": "march-1-1", "labels": {RUN: "1", "app": "x"},
                "annotations": {SALES_IMPORT: "march", "by": "x"}},
            "spec": {"suspend": true, "template": {"spec": {"containers": []}}},
            "status": {"conditions": [], "startTime": "2025-03-01T00:00:00Z", "failed": 1},
        }))
        .unwrap();
        trim_job(&mut job);
        assert_eq!(job.metadata.labels.unwrap(), [(RUN.into(), "1".into())].into());
        assert_eq!(
            job.metadata.annotations.unwrap(),
            [(SALES_IMPORT.into(), "march".into())].into()
        );
        assert_eq!(job.spec.unwrap().suspend, Some(true));
        let status = job.status.unwrap();
        assert!(status.conditions.is_some() && status.start_time.is_some());
        assert_eq!(status.failed, None);

        let mut pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "march-1-1-x"},
            "spec": {"containers": [], "hostNetwork": true, "nodeName": "one"},
            "status": {"phase": "Failed", "reason": "Evicted", "message": "no room",
                "podIP": "10.0.0.7", "hostIP": "10.0.0.1", "conditions": [],
                "containerStatuses": [{"name": "importer", "image": "importer:1", "imageID": "",
                    "ready": true, "restartCount": 0, "state": {"running": {}}}]},
        }))
        .unwrap();
        trim_pod(&mut pod);
        assert_eq!(pod.spec.unwrap().host_network, Some(true));
        let kept = serde_json::to_value(pod.status.unwrap()).unwrap();
        let container = json!({"name": "importer", "image": "", "imageID": "", "ready": false,
            "restartCount": 0, "state": {"running": {}}});
        let expected = json!({"phase": "Failed", "reason": "Evicted", "message": "no room",
            "podIP": "10.0.0.7", "conditions": [], "containerStatuses": [container]});
        assert_eq!(kept, expected);
    }
}
