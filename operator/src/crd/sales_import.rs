//! The SalesImport's spec. This file is the documentation of the API: a field's comment starts
//! with its name in JSON and says default, unit and limit.
#![expect(unreachable_pub, reason = "KubeSchema copies the struct into a function")]

use std::{collections::BTreeMap, fmt};

use k8s_openapi::api::core::v1::Toleration;
use kube::{CustomResource, KubeSchema};
use ledger::{Currency, Dataset, OnOverlap};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{format::Format, source::Source, status::SalesImportStatus};

/// One sales file to be loaded into the ledger, once: the wish for it, and what became of it.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[kube(
    group = "takings.dev",
    version = "v1alpha1",
    kind = "SalesImport",
    namespaced,
    shortname = "simp",
    category = "takings",
    status = "SalesImportStatus",
    derive = "PartialEq",
    doc = "SalesImport loads one sales file into the ledger, exactly once.",
    validation = immutable_once_published(),
    printcolumn(
        name = "Dataset", type_ = "string", json_path = ".spec.dataset",
        description = "The stream of sales that the file belongs to."
    ),
    printcolumn(
        name = "State", type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Finished\")].reason",
        description = "What is being done, or how it ended, in one word."
    ),
    printcolumn(
        name = "Percent", type_ = "integer", json_path = ".status.progress.percent",
        description = "How much of the file is read, while the importer is at work."
    ),
    printcolumn(
        name = "Imported", type_ = "integer", json_path = ".status.outcome.linesImported",
        description = "Lines that this import put into the ledger."
    ),
    printcolumn(
        name = "Skipped", type_ = "integer", json_path = ".status.outcome.linesSkipped",
        description = "Lines that were there already.", priority = 1
    ),
    printcolumn(
        name = "Rejected", type_ = "integer", json_path = ".status.outcome.linesRejected",
        description = "Lines that can't be sales."
    ),
    printcolumn(
        name = "Revenue", type_ = "string", json_path = ".status.outcome.revenue",
        description = "Sum of the imported line totals."
    ),
    printcolumn(
        name = "Run", type_ = "integer", json_path = ".status.run",
        description = "The number of the newest run.", priority = 1
    ),
    printcolumn(
        name = "Attempt", type_ = "integer", json_path = ".status.attempt",
        description = "The number of the run's newest Job.", priority = 1
    ),
    printcolumn(
        name = "Job", type_ = "string", json_path = ".status.job.name",
        description = "The newest Job.", priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(
        name = "Message", type_ = "string", priority = 1,
        json_path = ".status.conditions[?(@.type==\"Finished\")].message",
        description = "What is being done, or how it ended, in a sentence."
    )
)]
pub struct SalesImportSpec {
    /// dataset: the stream of sales within which an order id is unique, such as a shop. Default
    /// `default`; 1 to 63 letters a-z, digits and dashes.
    #[serde(default)]
    pub dataset: Dataset,
    /// currency: the ISO 4217 code of all amounts of the dataset. Default `SGD`.
    #[serde(default)]
    pub currency: Currency,
    /// databaseSecretRef: the Secret, in the SalesImport's namespace, that holds the database's
    /// URL. Default: key `DATABASE_URL` of the Secret `takings-importer`. Where that Secret has a
    /// key `ca.crt`, it is mounted as `/etc/takings/database/ca.crt`.
    #[serde(default)]
    pub database_secret_ref: DatabaseSecretRef,
    /// source: where the file is; exactly one of `http`, `s3`, `gcs`, `azure`, `volume` and
    /// `configMap`.
    pub source: Source,
    /// format: how the file is to be read. The defaults fit the sales report.
    #[serde(default)]
    pub format: Format,
    /// onOverlap: what happens to an order of a day that is in the ledger with other lines. `Fail`
    /// (default): nothing is loaded; `Skip`: what is there stays; `Replace`: the newer lines count.
    #[serde(default)]
    pub on_overlap: OnOverlap,
    /// maxRejected: how many lines may be rejected while the others are still published: a count,
    /// or a percentage of the lines read such as `2%`. Default 0.
    #[serde(default = "no_line")]
    #[schemars(schema_with = "count_or_percentage")]
    pub max_rejected: Amount,
    /// onDelete: what becomes of the sales when the SalesImport is deleted. `Keep` (default): they
    /// stay in the ledger; `Revert`: they are reverted first, which needs the database and the
    /// Secret. The annotation `takings.dev/keep-sales: "true"` lets it go without.
    #[serde(default)]
    pub on_delete: OnDelete,
    /// suspend: while it is true, no Job is made, and a running one is stopped; what it has loaded
    /// is gone on with afterwards, where the file can be read from the middle. Default false.
    #[serde(default)]
    pub suspend: bool,
    /// priority: who comes first where imports wait for their turn: the highest. It stops no import
    /// that is running. Default 0; from -1000 to 1000.
    #[serde(default)]
    #[schemars(range(min = -1000, max = 1000))]
    pub priority: i32,
    /// startDeadlineSeconds: seconds that a Job's Pod may need to start, after which the import
    /// fails with what kept it (an image, a missing Secret, no room). Default 600.
    #[serde(default = "ten_minutes")]
    #[schemars(range(min = 1, max = 604_800))]
    pub start_deadline_seconds: i64,
    /// deadlineSeconds: seconds that a run may take with all its retries, also while it is
    /// suspended, after which the import fails. Default 86400 (a day).
    #[serde(default = "one_day")]
    #[schemars(range(min = 1, max = 2_592_000))]
    pub deadline_seconds: i64,
    /// retries: how often a fault (network, database, too little memory) is tried again, after 10
    /// seconds at first and 5 minutes at most. Input that can't be loaded is never retried; a Pod
    /// that the cluster ended is, without being counted, until `deadlineSeconds`. Default 5.
    #[serde(default = "five")]
    #[schemars(range(min = 0, max = 100), extend("format" = "int32"))]
    pub retries: u32,
    /// resources: of the importer's container. Default: requests of 100m CPU and 128Mi memory, a
    /// limit of 512Mi memory. The most that 50 million lines were seen to take is 103Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// serviceAccountName: of the importer's Pod; its token is not mounted. Default `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub service_account_name: Option<String>,
    /// nodeSelector: labels that the importer's node must have. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// tolerations: taints of nodes that the importer's Pod tolerates. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
}

/// What becomes of the sales of a SalesImport that is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum OnDelete {
    /// They stay in the ledger.
    #[default]
    Keep,
    /// They are taken out of the figures.
    Revert,
}

/// A number or a text, as in `10`, `2%` or `500m`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Amount {
    /// A plain number.
    Number(i64),
    /// A number with a unit.
    Text(String),
}

/// What the importer's container may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Resources {
    /// requests: what the node must have free, such as `cpu: 500m`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "quantities")]
    pub requests: BTreeMap<String, Amount>,
    /// limits: what the container is held to, such as `memory: 1Gi`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "quantities")]
    pub limits: BTreeMap<String, Amount>,
}

/// A key of a Secret in the SalesImport's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct DatabaseSecretRef {
    /// name: of the Secret. Default `takings-importer`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// key: whose value is the database's URL. Default `DATABASE_URL`.
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

impl fmt::Display for Amount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => text.fmt(formatter),
        }
    }
}

impl Default for DatabaseSecretRef {
    fn default() -> Self {
        Self { name: "takings-importer".into(), key: "DATABASE_URL".into() }
    }
}

fn no_line() -> Amount {
    Amount::Number(0)
}

fn ten_minutes() -> i64 {
    600
}

fn one_day() -> i64 {
    86_400
}

fn five() -> u32 {
    5
}

fn count_or_percentage(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "x-kubernetes-int-or-string": true,
        "nullable": false,
        "x-kubernetes-validations": [{
            "rule": "type(self) == int ? self >= 0 && self < 1000000000 : self.matches('^(100|[0-9]{1,2})%$|^[0-9]{1,9}$')",
            "message": "maxRejected is a count such as 10 or a percentage from 0% to 100%.",
        }],
    })
}

fn quantities(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "additionalProperties": { "x-kubernetes-int-or-string": true },
    })
}

/// An edit that silently took March out of the ledger and April in would be the worst surprise.
fn immutable_once_published() -> kube::core::Rule {
    let seen_by_importer = [
        "dataset",
        "currency",
        "databaseSecretRef",
        "source",
        "format",
        "onOverlap",
        "maxRejected",
    ];
    let same = seen_by_importer.map(|field| format!("self.spec.{field} == oldSelf.spec.{field}"));
    let unpublished = "!has(oldSelf.status) || !has(oldSelf.status.publishedRun)";
    kube::core::Rule::new(format!("{unpublished} || ({})", same.join(" && "))).message(
        "This SalesImport has published its file, so what it loads can't be changed any more: make \
         another SalesImport, one per file. To load a corrected file from the same source, \
         annotate this one with takings.dev/run-again.",
    )
}
