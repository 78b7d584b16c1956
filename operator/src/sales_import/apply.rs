//! Does what was decided: a [`Plan`] in, changes in the cluster out. Async, decides nothing.
//!
//! The status first, guarded by the resourceVersion that the plan was made from; then the action;
//! then the events, whose failure is logged and nothing else.

use std::{sync::Arc, time::Instant};

use k8s_openapi::api::{batch::v1::Job, core::v1::ObjectReference};
use kube::{
    Api, Client, Resource as _, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    core::ObjectMeta,
    runtime::events::{Event, EventType, Recorder},
};
use serde_json::json;

use super::{
    announcement::Announcement,
    attempt::Seen,
    newest::Newest,
    plan::{Action, Observed, Plan},
    trace,
};
use crate::{
    crd::{REVERT_SALES, SalesImport, SalesImportStatus, status::JobReference},
    failpoint,
    leader::Leadership,
    metrics::Metrics,
};

/// Who writes, as `kubectl get -o yaml --show-managed-fields` shows it.
pub(crate) const FIELD_MANAGER: &str = "takings-operator";

/// Why a plan was not carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// The SalesImport changed since it was observed.
    #[error("The SalesImport changed meanwhile.")]
    Outdated,
    /// Another operator may be the leader by now.
    #[error("Nothing is written: this operator is not the leader any more.")]
    NotLeader,
    /// The API server failed, or did not answer.
    #[error("The API server failed: {0}")]
    Api(#[from] kube::Error),
}

/// What carries out plans.
#[derive(Clone)]
pub(crate) struct Hands {
    /// The API server.
    pub(crate) client: Client,
    /// Where events go.
    pub(crate) recorder: Recorder,
    /// Whether anything may be written.
    pub(crate) leadership: Leadership,
    /// What is counted.
    pub(crate) metrics: Metrics,
    /// What was written so far.
    pub(crate) newest: Arc<Newest>,
}

impl Hands {
    /// Carries out a plan; whether anything came of it, so that the next one can be made from what
    /// is observed now.
    pub(crate) async fn apply(
        &self,
        observed: &mut Observed,
        plan: Plan,
    ) -> Result<bool, ApplyError> {
        let Plan { status, action, announcements, ended, .. } = plan;
        let is_new = observed.import.status.as_ref() != Some(&status);
        if is_new {
            let written = self.write_status(&observed.import, status).await?;
            self.newest.wrote(&observed.import, &written, Instant::now());
            observed.now_says(written);
            failpoint::hit("after-status-written");
        }
        if let (Some(result), Some(status)) = (ended, &observed.import.status) {
            self.metrics.ended(result, status);
        }
        let acted = match action {
            Action::None => false,
            Action::Create(job) => {
                self.create(&job, observed).await?;
                true
            }
            Action::Delete(jobs) => {
                self.delete(&observed.identity.namespace, &jobs).await?;
                false
            }
            Action::Hold => {
                self.set_finalizers(observed, |all| all.push(REVERT_SALES.into())).await?;
                true
            }
            Action::Release => {
                self.set_finalizers(observed, |all| all.retain(|one| one != REVERT_SALES)).await?;
                false
            }
        };
        for announcement in &announcements {
            self.announce(&observed.import, announcement).await?;
        }
        Ok(is_new || acted)
    }

    /// The client to write with, to be asked for right before each write.
    fn writer(&self) -> Result<Client, ApplyError> {
        self.leadership.holds().then(|| self.client.clone()).ok_or(ApplyError::NotLeader)
    }

    async fn write_status(
        &self,
        import: &SalesImport,
        status: SalesImportStatus,
    ) -> Result<SalesImport, ApplyError> {
        let namespace = import.namespace().unwrap_or_default();
        let api: Api<SalesImport> = Api::namespaced(self.writer()?, &namespace);
        let next = json!({
            "apiVersion": SalesImport::api_version(&()),
            "kind": SalesImport::kind(&()),
            "metadata": {"resourceVersion": import.resource_version(), "uid": import.uid()},
            "status": status,
        });
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let written = api.patch_status(&import.name_any(), &parameters, &Patch::Apply(next)).await;
        let mut written = written.map_err(outdated)?;
        written.metadata.managed_fields = None;
        Ok(written)
    }

    async fn set_finalizers(
        &self,
        observed: &mut Observed,
        change: impl FnOnce(&mut Vec<String>),
    ) -> Result<(), ApplyError> {
        let Observed { import, identity, .. } = observed;
        let mut finalizers = import.finalizers().to_vec();
        change(&mut finalizers);
        let version = import.resource_version();
        let next = json!({"metadata": {"resourceVersion": version, "finalizers": finalizers}});
        let api: Api<SalesImport> = Api::namespaced(self.writer()?, &identity.namespace);
        let parameters =
            PatchParams { field_manager: Some(FIELD_MANAGER.into()), ..PatchParams::default() };
        let written = api.patch(&identity.name, &parameters, &Patch::Merge(next)).await;
        let mut written = written.map_err(outdated)?;
        written.metadata.managed_fields = None;
        self.newest.wrote(import, &written, Instant::now());
        *import = written;
        Ok(())
    }

    async fn create(&self, job: &Job, observed: &mut Observed) -> Result<(), ApplyError> {
        let namespace = job.metadata.namespace.as_deref().unwrap_or_default();
        let api: Api<Job> = Api::namespaced(self.writer()?, namespace);
        let parameters =
            PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        match api.create(&parameters, job).await {
            Ok(made) => {
                failpoint::hit("after-job-created");
                observed.now_made(made);
                Ok(())
            }
            // Whose it is, a live look tells.
            Err(kube::Error::Api(status)) if status.is_already_exists() => {
                observed.is_live = false;
                Ok(())
            }
            Err(kube::Error::Api(status)) if is_refusal(status.code) => {
                observed.refused = Some(status.message.clone());
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn delete(&self, namespace: &str, jobs: &[JobReference]) -> Result<(), ApplyError> {
        for job in jobs {
            let api: Api<Job> = Api::namespaced(self.writer()?, namespace);
            let precondition = Preconditions { uid: job.uid.clone(), resource_version: None };
            let parameters = DeleteParams::foreground().preconditions(precondition);
            match api.delete(&job.name, &parameters).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn announce(
        &self,
        import: &SalesImport,
        announcement: &Announcement,
    ) -> Result<(), ApplyError> {
        self.writer()?;
        let Announcement { reason, note, is_warning, job } = announcement;
        log(import, announcement);
        let namespace = &import.metadata.namespace;
        let type_ = if *is_warning { EventType::Warning } else { EventType::Normal };
        let event = Event {
            type_,
            reason: reason.clone(),
            note: Some(note.clone()),
            action: "Import".into(),
            secondary: job.as_ref().map(|job| ObjectReference {
                api_version: Some("batch/v1".into()),
                kind: Some("Job".into()),
                namespace: namespace.clone(),
                name: Some(job.name.clone()),
                uid: job.uid.clone(),
                ..ObjectReference::default()
            }),
        };
        if let Err(error) = self.recorder.publish(&event, &import.object_ref(&())).await {
            tracing::warn!(%error, reason, "an event can't be written");
        }
        Ok(())
    }
}

impl Observed {
    /// The status was written. Of an attempt that is new in it there can be nothing yet.
    fn now_says(&mut self, written: SalesImport) {
        let job = |import: &SalesImport| Some(import.status.as_ref()?.job.as_ref()?.name.clone());
        let settle = |import: &SalesImport| {
            Some(import.status.as_ref()?.settle.as_ref()?.job.as_ref()?.name.clone())
        };
        if job(&written) != job(&self.import) {
            self.load = Seen::default();
            self.is_live = true;
        }
        if settle(&written) != settle(&self.import) {
            self.settle = Seen::default();
        }
        self.reached = None;
        self.import = written;
    }

    /// The Job was made.
    fn now_made(&mut self, job: Job) {
        let status = self.import.status.as_ref();
        let is_load = status.and_then(|status| status.job.as_ref()).map(|load| &load.name)
            == job.metadata.name.as_ref();
        let seen = if is_load { &mut self.load } else { &mut self.settle };
        *seen = Seen { job: Some(job), ..Seen::default() };
    }
}

/// What is told in an event is a log line too.
fn log(import: &SalesImport, Announcement { reason, note, is_warning, .. }: &Announcement) {
    let ObjectMeta { namespace, name, generation, .. } = &import.metadata;
    let status = import.status.as_ref();
    let (run, attempt) = (status.and_then(|one| one.run), status.and_then(|one| one.attempt));
    let trace_id = status.and_then(|status| trace::id(status.traceparent.as_ref()?));
    if *is_warning {
        tracing::warn!(namespace, name, generation, run, attempt, trace_id, reason, "{note}");
    } else {
        tracing::info!(namespace, name, generation, run, attempt, trace_id, reason, "{note}");
    }
}

/// Why the SalesImport was not written: it is another one by now, or gone.
fn outdated(error: kube::Error) -> ApplyError {
    match error {
        kube::Error::Api(status) if status.is_conflict() || status.is_not_found() => {
            ApplyError::Outdated
        }
        error => error.into(),
    }
}

/// Whether asking again for the same can't help before somebody changes something.
pub(crate) fn is_refusal(code: u16) -> bool {
    (400..500).contains(&code) && ![401, 408, 409, 429].contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sales_import::name::Identity;
    use kube::{Config, runtime::events::Reporter};

    #[tokio::test]
    async fn nothing_is_sent_without_the_leadership() {
        let nowhere = Client::try_from(Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
        let recorder = Recorder::new(nowhere.clone(), Reporter::from(FIELD_MANAGER));
        let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
        let leadership = Leadership::vacant();
        let newest = Arc::default();
        let hands = Hands { client: nowhere, recorder, leadership, metrics, newest };
        let import: SalesImport = serde_json::from_value(json!({
            "metadata": {"namespace": "shop", "name": "march",
                "uid": "0b1f4c6e-6f0e-4a53-9a3c-2f9b7a1d0c11"},
            "spec": {"source": {"configMap": {"name": "sales", "key": "march.csv"}}}}))
        .unwrap();
        let identity = Identity::of(&import).unwrap();
        let mut observed = Observed::nothing(import.clone(), identity);
        let job = Job { metadata: ObjectMeta::default(), ..Job::default() };
        let told = Announcement {
            reason: "Started".into(),
            note: String::new(),
            is_warning: false,
            job: None,
        };
        let gone = JobReference { name: "march-1-1".into(), uid: None };
        for result in [
            hands.write_status(&import, SalesImportStatus::default()).await.map(drop),
            hands.create(&job, &mut observed).await,
            hands.set_finalizers(&mut observed, Vec::clear).await,
            hands.delete("shop", &[gone]).await,
            hands.announce(&import, &told).await,
        ] {
            assert!(matches!(result, Err(ApplyError::NotLeader)), "{result:?}");
        }
    }
}
