//! SalesImports, Jobs and Pods as the bench watches them: with no more than what it looks at, so
//! that it takes little of the time that it measures.

use std::borrow::Cow;

use kube::{
    api::{ApiResource, ObjectMeta},
    core::{DynamicResourceScope, Resource},
};
use serde::Deserialize;

/// An object of one of the kinds.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Seen {
    /// Who it is.
    pub(super) metadata: ObjectMeta,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec {
    node_name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    conditions: Vec<Condition>,
    container_statuses: Vec<Container>,
}

#[derive(Clone, Debug, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    name: String,
    status: String,
    #[serde(default)]
    reason: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Container {
    #[serde(default)]
    state: State,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    running: Option<Anything>,
    terminated: Option<Anything>,
}

#[derive(Clone, Debug, Deserialize)]
struct Anything {}

impl Seen {
    /// Why a condition is true, in one word, where it is.
    pub(super) fn is(&self, condition: &str) -> Option<&str> {
        let mut conditions = self.status.conditions.iter();
        let found = conditions.find(|one| one.name == condition && one.status == "True")?;
        Some(&found.reason)
    }

    /// Whether a Pod has a node.
    pub(super) fn has_node(&self) -> bool {
        self.spec.node_name.is_some()
    }

    /// Whether a Pod's container has started, or even ended.
    pub(super) fn has_started(&self) -> bool {
        let mut states = self.status.container_statuses.iter().map(|one| &one.state);
        states.any(|state| state.running.is_some() || state.terminated.is_some())
    }

    /// Whether a Pod's container has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.status.container_statuses.iter().any(|one| one.state.terminated.is_some())
    }
}

/// Three kinds; which one, the caller knows.
impl Resource for Seen {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(kind: &ApiResource) -> Cow<'_, str> {
        kind.kind.as_str().into()
    }

    fn group(kind: &ApiResource) -> Cow<'_, str> {
        kind.group.as_str().into()
    }

    fn version(kind: &ApiResource) -> Cow<'_, str> {
        kind.version.as_str().into()
    }

    fn plural(kind: &ApiResource) -> Cow<'_, str> {
        kind.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
