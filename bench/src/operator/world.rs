//! The cluster that the operator is measured in: simulated nodes, the CRDs, the chart's own rights
//! of the operator; and posting to it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use harness::{
    cache, program, progress,
    simulation::{Play, Simulation},
    tools,
};
use http::Request;
use kube::{Client, Config, config::KubeConfigOptions, config::Kubeconfig};
use serde_json::{Value, json};

/// Where all imports are.
pub(super) const NAMESPACE: &str = "shop";
/// Requests under way at a time while many things are posted.
pub(super) const AT_ONCE: usize = 64;
const NODES: usize = 10;
const PLAY: Play<'_> =
    Play { stages: include_str!("kwok.yaml"), audit_policy: include_str!("audit.yaml") };
/// The release, and the namespace, that the chart's rights are for.
const RELEASE: &str = "takings";

/// A cluster, gone with this value.
pub(super) struct World {
    /// Its processes.
    pub(super) simulation: Simulation,
    /// An administrator's client.
    pub(super) client: Client,
    /// The operator's kubeconfig: that of a ServiceAccount, with the chart's rights.
    pub(super) operator_kubeconfig: PathBuf,
}

impl World {
    /// Starts one that nobody has used.
    pub(super) async fn new() -> Result<Self> {
        let simulation = Simulation::start(PLAY)?;
        let operator_kubeconfig = progress::during("Prepare it for the operator", || {
            install(&simulation)?;
            operator_kubeconfig(&simulation)
        })?;
        let kubeconfig = Kubeconfig::read_from(simulation.kubeconfig())?;
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
        let client = Client::try_from(config)?;
        Ok(Self { simulation, client, operator_kubeconfig })
    }

    /// What the API server answers to a GET.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        let request = Request::get(path).body(Vec::new())?;
        Ok(self.client.request(request).await?)
    }

    /// Posts an object to where its kind belongs.
    pub(super) async fn post(&self, path: &str, object: &Value) -> Result<Value> {
        let request = Request::post(path).header("content-type", "application/json");
        let request = request.body(serde_json::to_vec(object)?)?;
        self.client.request(request).await.with_context(|| format!("POST {path} failed"))
    }

    /// Does something for each number below, so many at a time.
    pub(super) async fn each<F>(
        (count, at_once): (usize, usize),
        act: impl Fn(usize) -> F,
    ) -> Result<()>
    where
        F: Future<Output = Result<()>>,
    {
        stream::iter(0..count).map(act).buffer_unordered(at_once).try_collect().await
    }
}

/// A SalesImport as a user writes it.
pub(super) fn sales_import(name: &str) -> Value {
    json!({"apiVersion": "takings.dev/v1alpha1", "kind": "SalesImport",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"source": {"configMap": {"name": "sales", "key": "march.csv"}}}})
}

/// Where SalesImports are posted to.
pub(super) fn imports() -> String {
    format!("/apis/takings.dev/v1alpha1/namespaces/{NAMESPACE}/salesimports")
}

/// Where Jobs are posted to.
pub(super) fn jobs() -> String {
    format!("/apis/batch/v1/namespaces/{NAMESPACE}/jobs")
}

fn install(simulation: &Simulation) -> Result<()> {
    for namespace in [RELEASE, NAMESPACE] {
        simulation.kubectl(&["create", "namespace", namespace])?;
    }
    let crds = workspace().join("crds");
    simulation.kubectl(&["apply", "--server-side", "-f", &crds.to_string_lossy()])?;
    simulation.kubectl(&["wait", "--for=condition=Established", "crd", "--all"])?;
    simulation.apply(&rights()?)?;
    simulation.apply(&vacant_lease().to_string())?;
    for number in 0..NODES {
        let node = json!({"apiVersion": "v1", "kind": "Node",
            "metadata": {"name": format!("node-{number}")}});
        simulation.apply(&node.to_string())?;
    }
    simulation.kubectl(&["wait", "--for=condition=Ready", "nodes", "--all"])?;
    let account = ["wait", "--for=create", "serviceaccount/default", "-n", NAMESPACE];
    simulation.kubectl(&account).map(drop)
}

/// What the chart lets the operator do, and nothing else.
fn rights() -> Result<String> {
    let mut helm = Command::new(tools::path("helm")?);
    helm.args(["template", RELEASE]).arg(workspace().join("charts/takings"));
    helm.args(["--namespace", RELEASE]);
    helm.args(["--show-only", "templates/operator/rbac.yaml"]);
    helm.args(["--show-only", "templates/operator/serviceaccount.yaml"]);
    program::run(&mut helm)
}

/// As an operator leaves it that was told to stop. Where there is none, the first one waits for as
/// long as a leader might still be at work that does not know that it was deleted.
fn vacant_lease() -> Value {
    json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": "takings-operator", "namespace": RELEASE},
        "spec": {"leaseTransitions": 0}})
}

fn operator_kubeconfig(simulation: &Simulation) -> Result<PathBuf> {
    let account = ["create", "token", "takings-operator", "-n", RELEASE, "--duration=24h"];
    let token = simulation.kubectl(&account)?;
    let mut kubeconfig: Value = serde_json::from_str(&cache::read(&simulation.kubeconfig())?)?;
    kubeconfig["users"][0]["user"] = json!({"token": token.trim()});
    let path = simulation.file("operator.kubeconfig");
    cache::write_secret(&path, kubeconfig.to_string())?;
    Ok(path)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
