//! What keeps an importer from starting: a Pod and events in, a [`Hindrance`] out. Pure.

use k8s_openapi::api::{
    batch::v1::Job,
    core::v1::{ContainerState, Event, Pod},
};
use kube::ResourceExt as _;

use super::job::CONTAINER;
use crate::crd::conditions;

/// What keeps a Pod from starting, as the cluster tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hindrance {
    /// A condition's reason.
    pub(crate) reason: &'static str,
    /// The cluster's own words.
    pub(crate) message: String,
}

impl Hindrance {
    /// Whether the watches tell when it is over.
    pub(crate) fn is_watched(&self) -> bool {
        ![conditions::JOB_REFUSED, conditions::JOB_NAME_TAKEN].contains(&self.reason)
    }
}

/// What keeps the importer from starting, as far as it is known.
pub(crate) fn hindrance(pod: Option<&Pod>, events: &[Event]) -> Option<Hindrance> {
    match pod {
        None => warning(events, "FailedCreate")
            .map(|message| Hindrance { reason: conditions::POD_REFUSED, message }),
        Some(pod) => unschedulable(pod).or_else(|| waiting(pod)).or_else(|| {
            warning(events, "FailedMount")
                .or_else(|| warning(events, "FailedAttachVolume"))
                .map(|message| Hindrance { reason: conditions::MOUNT_FAILED, message })
        }),
    }
}

/// Somebody else decides when the Job starts.
pub(crate) fn suspended(job: &Job) -> Hindrance {
    let name = job.name_any();
    let message = format!("the Job {name} is suspended, and starts once it is resumed");
    Hindrance { reason: conditions::JOB_SUSPENDED, message }
}

/// The state of the container that is to say the outcome.
pub(crate) fn importer_state(pod: &Pod) -> Option<&ContainerState> {
    let statuses = pod.status.as_ref()?.container_statuses.as_ref()?;
    statuses.iter().find(|container| container.name == CONTAINER)?.state.as_ref()
}

fn unschedulable(pod: &Pod) -> Option<Hindrance> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled")?;
    let unschedulable = scheduled.status == "False"
        && matches!(scheduled.reason.as_deref(), Some("Unschedulable" | "SchedulerError"));
    unschedulable.then(|| Hindrance {
        reason: conditions::UNSCHEDULABLE,
        message: scheduled.message.clone().unwrap_or_default(),
    })
}

fn waiting(pod: &Pod) -> Option<Hindrance> {
    let waiting = importer_state(pod)?.waiting.as_ref()?;
    let reason = match waiting.reason.as_deref()? {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "ImageInspectError"
        | "RegistryUnavailable" => conditions::IMAGE_PULL_FAILED,
        "CreateContainerConfigError" => conditions::CONFIG_MISSING,
        "CreateContainerError" | "RunContainerError" => conditions::CONTAINER_FAILED,
        _ => return None,
    };
    let message = waiting.message.clone().or_else(|| waiting.reason.clone())?;
    Some(Hindrance { reason, message })
}

/// The message of the newest warning of that reason.
fn warning(events: &[Event], reason: &str) -> Option<String> {
    let warnings = events.iter().filter(|event| {
        event.type_.as_deref() == Some("Warning") && event.reason.as_deref() == Some(reason)
    });
    warnings.max_by_key(|event| last_seen(event))?.message.clone()
}

fn last_seen(event: &Event) -> Option<k8s_openapi::jiff::Timestamp> {
    let series = event.series.as_ref().and_then(|series| series.last_observed_time.as_ref());
    let micro = series.or(event.event_time.as_ref()).map(|time| time.0);
    event.last_timestamp.as_ref().map(|time| time.0).max(micro)
}
