//! The SalesImportSchedule: its spec and its status.
#![expect(unreachable_pub, reason = "KubeSchema copies the struct into a function")]

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    SalesImportSpec,
    discovery::{Discover, DiscoveryStatus},
    status::signed_formats,
};

/// SalesImports to be made again and again: when, and what they are like.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "takings.dev",
    version = "v1alpha1",
    kind = "SalesImportSchedule",
    namespaced,
    shortname = "simps",
    category = "takings",
    status = "SalesImportScheduleStatus",
    derive = "PartialEq",
    doc = "SalesImportSchedule makes a SalesImport at each tick of a cron schedule, or for each new file.",
    validation = discovers_where_files_can_be_listed(),
    printcolumn(
        name = "Schedule",
        type_ = "string",
        json_path = ".spec.schedule",
        description = "When a SalesImport is made, as cron writes it."
    ),
    printcolumn(
        name = "Time Zone",
        type_ = "string",
        json_path = ".spec.timeZone",
        description = "Whose clocks the schedule follows."
    ),
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        description = "How it stands, in one word."
    ),
    printcolumn(
        name = "Last",
        type_ = "date",
        json_path = ".status.lastScheduleTime",
        description = "How long ago the last tick was for which a SalesImport was made."
    ),
    printcolumn(
        name = "Next",
        type_ = "string",
        json_path = ".status.nextScheduleTime",
        description = "When the next tick is."
    ),
    printcolumn(
        name = "Last Import",
        type_ = "string",
        json_path = ".status.lastImport",
        description = "The newest SalesImport.",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type==\"Ready\")].message",
        description = "How it stands, in a sentence."
    )
)]
pub struct SalesImportScheduleSpec {
    /// schedule: when a SalesImport is made: minute, hour, day of the month, month and day of the
    /// week as cron writes them, such as `30 2 * * *`, or `@hourly`, `@daily`, `@weekly`,
    /// `@monthly`, `@yearly`. At most 256 characters.
    #[schemars(length(min = 1, max = 256))]
    pub schedule: String,
    /// timeZone: whose clocks the schedule follows, by the name that the IANA database has for it,
    /// such as `Europe/Berlin`. Default `Etc/UTC`. Of a time that the clocks leave out, the tick
    /// comes when they have been put forward; of one that they show twice, only the first time:
    /// but where the hour is `*` or begins with it, ticks follow the time that passes.
    #[serde(default = "utc")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: String,
    /// suspend: while it is true no SalesImport is made; ticks are passed over. Default false.
    #[serde(default)]
    pub suspend: bool,
    /// concurrencyPolicy: what a tick does while the last SalesImport is not finished. `Forbid`
    /// (default): it waits for its end; `Allow`: it makes another one, up to 10 at a time.
    #[serde(default)]
    pub concurrency_policy: ConcurrencyPolicy,
    /// startingDeadlineSeconds: how many seconds late a tick may be made up for, after the
    /// operator was away or while the last SalesImport is not finished. Of several missed ticks
    /// only the newest is made up for. Default: none, however late; 10 or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 10, max = 31_536_000))]
    pub starting_deadline_seconds: Option<i64>,
    /// discover: at each tick files are looked for, and each new one gets a SalesImport. The `key`
    /// of a bucket or the `path` of a volume is then a pattern such as `exports/*.csv`. Default: a
    /// tick is one SalesImport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discover: Option<Discover>,
    /// template: what the SalesImports are like.
    pub template: SalesImportTemplate,
}

/// What a tick does while the last SalesImport is not finished. None of them ends it half-way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ConcurrencyPolicy {
    /// It makes another one.
    Allow,
    /// It waits for its end.
    #[default]
    Forbid,
}

/// What the SalesImports are like.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SalesImportTemplate {
    /// metadata: their labels and annotations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<TemplateMetadata>,
    /// spec: as that of a SalesImport. In `http.url`, `volume.path` and the `key` of a bucket,
    /// `{%Y-%m-%d}` stands for the tick's day and `{%Y-%m-%d -1d}` for the one before.
    pub spec: SalesImportSpec,
}

/// Labels and annotations of the SalesImports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TemplateMetadata {
    /// labels: beside `takings.dev/sales-import-schedule`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// annotations: beside `takings.dev/sales-import-schedule` and `takings.dev/scheduled-at`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What became of the SalesImportSchedule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(transform = schemars::transform::RecursiveTransform(signed_formats))]
pub struct SalesImportScheduleStatus {
    /// observedGeneration: the generation of the spec that the status speaks of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// conditions: `Ready`, `Reconciling` and `Stalled`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// seenSchedule: the schedule and the time zone whose ticks count; others count from the time
    /// at which the operator sees them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen_schedule: Option<String>,
    /// since: only ticks after this time count. Those up to it were made or passed over, or came
    /// before the schedule was made or edited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// lastScheduleTime: the newest tick for which a SalesImport was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_schedule_time: Option<Time>,
    /// nextScheduleTime: when the next tick is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_schedule_time: Option<Time>,
    /// lastImport: the name of the newest SalesImport.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_import: Option<String>,
    /// active: SalesImports of this schedule that are not finished, at most 10.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub active: Vec<ActiveImport>,
    /// discovery: what was found, where `spec.discover` looks for files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discovery: Option<DiscoveryStatus>,
}

/// A SalesImport that was made, or is about to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActiveImport {
    /// name: of the SalesImport, in the schedule's namespace.
    pub name: String,
    /// uid: of the SalesImport; empty until it is known to be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// scheduleTime: its tick.
    pub schedule_time: Time,
}

fn discovers_where_files_can_be_listed() -> kube::core::Rule {
    let source = "self.spec.template.spec.source";
    kube::core::Rule::new(format!(
        "!has(self.spec.discover) || !(has({source}.http) || has({source}.configMap))"
    ))
    .message(
        "Files are discovered in s3, gcs, azure or volume: http and configMap can't be listed.",
    )
}

fn utc() -> String {
    "Etc/UTC".into()
}
