//! Does what was decided: a [`Plan`] in, changes in the cluster out. Async, decides nothing.
//!
//! The status first, guarded by the resourceVersion that the plan was made from; then the action;
//! then the events, whose failure is logged and nothing else.

use k8s_openapi::api::batch::v1::Job;
use kube::{
    Api, Client, Resource as _,
    api::{DeleteParams, PostParams, Preconditions},
    runtime::events::{Event, EventType, Recorder},
};

use super::{
    announcement::Announcement,
    plan::{Action, Observed, Plan},
};
use crate::{
    crd::{SalesImport, SalesImportStatus, status::JobReference},
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
    /// The API server answered that it will not make this Job.
    #[error("The Job was refused: {0}")]
    JobRefused(String),
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
}

impl Hands {
    /// Carries out a plan.
    pub(crate) async fn apply(&self, observed: &Observed, plan: Plan) -> Result<(), ApplyError> {
        let import = &observed.import;
        if import.status.as_ref() != Some(&plan.status) {
            self.write_status(import, plan.status).await?;
            failpoint::hit("after-status-written");
        }
        if let Some(result) = plan.ended {
            self.metrics.ended(result);
        }
        match plan.action {
            Action::None => {}
            Action::Create(job) => self.create(&job).await?,
            Action::Delete(jobs) => self.delete(&observed.identity.namespace, &jobs).await?,
        }
        for announcement in &plan.announcements {
            self.announce(import, announcement).await?;
        }
        Ok(())
    }

    /// The client to write with, to be asked for right before each write.
    fn writer(&self) -> Result<Client, ApplyError> {
        self.leadership.holds().then(|| self.client.clone()).ok_or(ApplyError::NotLeader)
    }

    async fn write_status(
        &self,
        import: &SalesImport,
        status: SalesImportStatus,
    ) -> Result<(), ApplyError> {
        let namespace = import.metadata.namespace.as_deref().unwrap_or_default();
        let name = import.metadata.name.as_deref().unwrap_or_default();
        let api: Api<SalesImport> = Api::namespaced(self.writer()?, namespace);
        let mut next = import.clone();
        next.metadata.managed_fields = None;
        next.status = Some(status);
        let parameters =
            PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        match api.replace_status(name, &parameters, &next).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => {
                Err(ApplyError::Outdated)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn create(&self, job: &Job) -> Result<(), ApplyError> {
        let namespace = job.metadata.namespace.as_deref().unwrap_or_default();
        let api: Api<Job> = Api::namespaced(self.writer()?, namespace);
        let parameters =
            PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        match api.create(&parameters, job).await {
            Ok(_) => {
                failpoint::hit("after-job-created");
                Ok(())
            }
            // Whose it is, the next observation tells.
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            Err(kube::Error::Api(status)) if is_refusal(status.code) => {
                Err(ApplyError::JobRefused(status.message.clone()))
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
        let Announcement { reason, note, is_warning } = announcement;
        let (namespace, name) = (&import.metadata.namespace, &import.metadata.name);
        let type_ = if *is_warning {
            tracing::warn!(namespace, name, reason, "{note}");
            EventType::Warning
        } else {
            tracing::info!(namespace, name, reason, "{note}");
            EventType::Normal
        };
        let event = Event {
            type_,
            reason: reason.clone(),
            note: Some(note.clone()),
            action: "Import".into(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, &import.object_ref(&())).await {
            tracing::warn!(%error, reason, "an event can't be written");
        }
        Ok(())
    }
}

/// Whether asking again for the same can't help before somebody changes something.
fn is_refusal(code: u16) -> bool {
    (400..500).contains(&code) && ![401, 408, 409, 429].contains(&code)
}

#[cfg(test)]
mod tests {
    use kube::{Config, core::ObjectMeta, runtime::events::Reporter};
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn nothing_is_sent_without_the_leadership() {
        let nowhere = Client::try_from(Config::new("http://127.0.0.1:1".parse().unwrap())).unwrap();
        let recorder = Recorder::new(nowhere.clone(), Reporter::from(FIELD_MANAGER));
        let metrics = Metrics::register(&prometheus::Registry::new()).unwrap();
        let leadership = Leadership::vacant();
        let hands = Hands { client: nowhere, recorder, leadership, metrics };
        let import: SalesImport = serde_json::from_value(json!({"metadata": {},
            "spec": {"source": {"configMap": {"name": "sales", "key": "march.csv"}}}}))
        .unwrap();
        let job = Job { metadata: ObjectMeta::default(), ..Job::default() };
        let told =
            Announcement { reason: "Started".into(), note: String::new(), is_warning: false };
        let gone = JobReference { name: "march-1-1".into(), uid: None };
        for result in [
            hands.write_status(&import, SalesImportStatus::default()).await,
            hands.create(&job).await,
            hands.delete("shop", &[gone]).await,
            hands.announce(&import, &told).await,
        ] {
            assert!(matches!(result, Err(ApplyError::NotLeader)), "{result:?}");
        }
    }
}
