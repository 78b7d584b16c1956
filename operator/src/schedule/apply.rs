//! Does what was decided: a [`Plan`] in, changes in the cluster out. Async, decides nothing.
//!
//! The status first, guarded by the resourceVersion that the plan was made from; then the
//! SalesImport or the Job; then the events, whose failure is logged and nothing else.

use std::fmt::Debug;

use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
    core::{NamespaceResourceScope, ObjectMeta},
    runtime::events::{Event, EventType, Recorder},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use super::plan::Plan;
use crate::{
    crd::{SalesImportSchedule, SalesImportScheduleStatus},
    failpoint,
    leader::Leadership,
    sales_import::{
        FIELD_MANAGER,
        announcement::{Announcement, MAX_NOTE},
        is_refusal,
    },
};

/// Why a plan was not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApplyError {
    /// The schedule changed since it was observed.
    #[error("The SalesImportSchedule changed meanwhile.")]
    Outdated,
    /// The API server answered that it will not make this SalesImport or Job.
    #[error("The API server refused: {0}")]
    Refused(String),
    /// Another operator may be the leader by now.
    #[error("Nothing is written: this operator is not the leader any more.")]
    NotLeader,
    /// The API server failed, or did not answer.
    #[error("The API server failed: {0}")]
    Api(#[from] kube::Error),
}

/// What carries out plans.
pub(super) struct Hands {
    /// The API server.
    pub(super) client: Client,
    /// Where events go.
    pub(super) recorder: Recorder,
    /// Whether anything may be written.
    pub(super) leadership: Leadership,
}

impl Hands {
    /// Carries out a plan.
    pub(super) async fn apply(
        &self,
        schedule: &SalesImportSchedule,
        plan: Plan,
    ) -> Result<(), ApplyError> {
        if schedule.status.as_ref() != Some(&plan.status) {
            self.write_status(schedule, plan.status).await?;
            failpoint::hit("after-schedule-status-written");
        }
        if let Some(import) = plan.create.as_deref() {
            self.create(import).await?;
        }
        if let Some(job) = plan.list.as_deref() {
            self.create(job).await?;
        }
        for announcement in plan.announcements {
            self.announce(schedule, announcement).await?;
        }
        Ok(())
    }

    /// The client to write with, to be asked for right before each write.
    fn writer(&self) -> Result<Client, ApplyError> {
        self.leadership.holds().then(|| self.client.clone()).ok_or(ApplyError::NotLeader)
    }

    async fn write_status(
        &self,
        schedule: &SalesImportSchedule,
        status: SalesImportScheduleStatus,
    ) -> Result<(), ApplyError> {
        let namespace = schedule.namespace().unwrap_or_default();
        let api: Api<SalesImportSchedule> = Api::namespaced(self.writer()?, &namespace);
        let next = json!({
            "apiVersion": SalesImportSchedule::api_version(&()),
            "kind": SalesImportSchedule::kind(&()),
            "metadata": {"resourceVersion": schedule.resource_version(), "uid": schedule.uid()},
            "status": status,
        });
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        match api.patch_status(&schedule.name_any(), &parameters, &Patch::Apply(next)).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_not_found() => {
                Err(ApplyError::Outdated)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn create<K>(&self, object: &K) -> Result<(), ApplyError>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + DeserializeOwned
            + Serialize,
    {
        let namespace = object.namespace().unwrap_or_default();
        let api: Api<K> = Api::namespaced(self.writer()?, &namespace);
        let parameters =
            PostParams { field_manager: Some(FIELD_MANAGER.into()), ..PostParams::default() };
        match api.create(&parameters, object).await {
            Ok(_) => Ok(()),
            // Whose it is, the next observation tells.
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            Err(kube::Error::Api(status)) if is_refusal(status.code) => {
                Err(ApplyError::Refused(status.message.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn announce(
        &self,
        schedule: &SalesImportSchedule,
        announcement: Announcement,
    ) -> Result<(), ApplyError> {
        self.writer()?;
        let Announcement { reason, note, is_warning, .. } = announcement;
        let ObjectMeta { namespace, name, generation, .. } = &schedule.metadata;
        let type_ = if is_warning {
            tracing::warn!(namespace, name, generation, reason, "{note}");
            EventType::Warning
        } else {
            tracing::info!(namespace, name, generation, reason, "{note}");
            EventType::Normal
        };
        let note = Some(note[..note.floor_char_boundary(MAX_NOTE)].into());
        let event = Event { type_, reason, note, action: "Schedule".into(), secondary: None };
        if let Err(error) = self.recorder.publish(&event, &schedule.object_ref(&())).await {
            tracing::warn!(%error, reason = event.reason, "an event can't be written");
        }
        Ok(())
    }
}
