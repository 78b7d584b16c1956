//! What a SalesImportSchedule says and remembers of the files that it looks for.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use ledger::listing::ListedFile;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::JobReference;

/// Files are looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Discover {
    /// minAgeSeconds: files that were changed less than so many seconds ago are left to a later
    /// tick, as they may be half written. Default 60.
    #[serde(default = "one_minute")]
    #[schemars(range(min = 0, max = 86_400), extend("format" = "int32"))]
    pub min_age_seconds: u32,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DiscoveryStatus {
    /// generation: of the spec that files are looked for by. With another one, what was found and
    /// not yet made is forgotten, and files are listed anew.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// tick: for which files are looked for; empty once all their SalesImports are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tick: Option<Time>,
    /// listing: the number of the newest Job that lists files, from 1.
    pub listing: u64,
    /// job: that Job, until it has said what there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<JobReference>,
    /// problem: why the newest listing failed or was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// retryTime: when a listing that failed is tried again; empty where it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_time: Option<Time>,
    /// pending: new files whose SalesImports are to be made, in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<ListedFile>,
    /// more: how many new files the newest listing had no room for; they are listed next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more: Option<u64>,
    /// unusable: names that fit and can't be imported: a link that leads elsewhere, a folder,
    /// a control character.
    #[serde(skip_serializing_if = "is_zero")]
    pub unusable: u64,
    /// known: the ids of files, each a version, for which a SalesImport was made and that were
    /// there when files were last listed; at most 4000.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4000))]
    pub known: Vec<String>,
}

impl Default for Discover {
    fn default() -> Self {
        Self { min_age_seconds: one_minute() }
    }
}

fn one_minute() -> u32 {
    60
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
