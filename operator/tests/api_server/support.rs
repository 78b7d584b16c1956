//! A namespace of its own per test, the operator in it, and the parts that the tests play.

use std::{fmt::Debug, pin::pin, time::Duration};

use harness::apiserver::ApiServer;
use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{Event, Namespace, Pod},
        rbac::v1::{ClusterRole, RoleBinding},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::Condition,
    jiff::SignedDuration,
};
use kube::{
    Api, Client, Config, CustomResourceExt as _, Resource, ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
    client::ClientBuilder,
    config::{KubeConfigOptions, Kubeconfig},
    core::{ApiResource, DynamicObject, NamespaceResourceScope},
    runtime::{conditions, wait::await_condition},
};
use operator::{
    crd::{SalesImport, SalesImportSchedule, SalesImportStatus},
    leader::Leadership,
    metrics::Metrics,
    sales_import::{self, ImporterSettings, Limits, Settings, Shared, Turns},
    schedule,
};
use serde_json::{Value, json};
use tokio::{sync::OnceCell, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::calls::Calls;

/// Longest wait for something that must happen, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(90);

/// The operator in these tests: a user who may do what the operator must, and no more.
pub(crate) const USER: &str = "takings-operator-tests";

/// A namespace, and whether an operator works in it.
pub(crate) struct Shop {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) registry: prometheus::Registry,
    /// How long Jobs are kept after the end.
    pub(crate) job_ttl: SignedDuration,
    /// How many imports may run at a time.
    pub(crate) limits: Limits,
    operator: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Shop {
    /// A namespace with an operator.
    pub(crate) async fn open() -> Self {
        let mut shop = Self::open_without_operator().await;
        shop.start_operator();
        shop
    }

    pub(crate) async fn open_without_operator() -> Self {
        let client = client().await;
        let namespace: Namespace = from(json!({"metadata": {
            "generateName": "operator-",
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
        }}));
        let namespaces = Api::<Namespace>::all(client.clone());
        let namespace = namespaces.create(&PostParams::default(), &namespace).await.unwrap();
        let namespace = namespace.name_any();
        bind_role(&client, &namespace).await;
        let registry = prometheus::Registry::new();
        let job_ttl = SignedDuration::from_hours(1);
        let limits = Limits { total: 100, per_namespace: 100 };
        Self { client, namespace, registry, job_ttl, limits, operator: None }
    }

    pub(crate) fn start_operator(&mut self) {
        self.start_operator_with(&Calls::default());
    }

    /// An operator whose calls are counted, and fail as they are told to.
    pub(crate) fn start_operator_with(&mut self, calls: &Calls) {
        self.start(calls, Leadership::unchallenged());
    }

    /// An operator that writes while that leadership holds.
    pub(crate) fn start_operator_led(&mut self, leadership: Leadership) {
        self.start(&Calls::default(), leadership);
    }

    fn start(&mut self, calls: &Calls, leadership: Leadership) {
        let importer =
            ImporterSettings { image: "importer:1".into(), ..ImporterSettings::default() };
        let settings = Settings { importer, job_ttl: self.job_ttl };
        self.registry = prometheus::Registry::new();
        let metrics = Metrics::register(&self.registry).unwrap();
        let stop = CancellationToken::new();
        let (namespace, limits) = (self.namespace.clone(), self.limits);
        let stopped = stop.clone().cancelled_owned();
        let halted = stop.clone().cancelled_owned();
        let calls = calls.clone();
        let operator = tokio::spawn(async move {
            let client = client_of(Some(USER.to_owned()), &calls).await;
            let turns = Turns::new(limits, metrics.clone());
            let importer = settings.importer.clone();
            let with = (importer, metrics.clone(), leadership.clone());
            let schedules = schedule::run(client.clone(), Some(&namespace), with, halted);
            let shared = Shared { settings, metrics, turns, leadership };
            let imports = sales_import::run(client, Some(&namespace), shared, stopped);
            tokio::join!(imports, schedules);
        });
        self.operator = Some((stop, operator));
    }

    /// As a kill does: nothing under way is brought to its end.
    pub(crate) async fn kill_operator(&mut self) {
        let (_, operator) = self.operator.take().unwrap();
        operator.abort();
        let _ = operator.await;
    }

    pub(crate) async fn stop_operator(&mut self) {
        let (stop, operator) = self.operator.take().unwrap();
        stop.cancel();
        timeout(PATIENCE, operator).await.expect("the operator does not stop").unwrap();
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// What `kubectl create` would answer.
    pub(crate) async fn create(&self, name: &str, spec: Value) -> kube::Result<Value> {
        let import = json!({"apiVersion": "takings.dev/v1alpha1", "kind": "SalesImport",
            "metadata": {"name": name, "namespace": self.namespace}, "spec": spec});
        let resource = ApiResource::erase::<SalesImport>(&());
        let api = Api::namespaced_with(self.client.clone(), &self.namespace, &resource);
        let created = api.create(&PostParams::default(), &from::<DynamicObject>(import)).await?;
        Ok(serde_json::to_value(created).unwrap())
    }

    /// A SalesImport of a ConfigMap's key, with further fields.
    pub(crate) async fn import(&self, name: &str, further: Value) -> SalesImport {
        let mut spec = json!({"source": {"configMap": {"name": "sales", "key": "march.csv"}}});
        merge(&mut spec, further);
        from(self.create(name, spec).await.unwrap())
    }

    pub(crate) async fn patch(&self, name: &str, patch: Value) -> kube::Result<SalesImport> {
        self.api().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await
    }

    pub(crate) async fn get(&self, name: &str) -> SalesImport {
        self.api().get(name).await.unwrap()
    }

    /// Waits until the SalesImport is as it should be.
    pub(crate) async fn until(
        &self,
        name: &str,
        what: impl Fn(&SalesImportStatus) -> bool,
    ) -> SalesImportStatus {
        let condition = |import: Option<&SalesImport>| {
            import.and_then(|import| import.status.as_ref()).is_some_and(&what)
        };
        let Ok(import) = timeout(PATIENCE, await_condition(self.api(), name, condition)).await
        else {
            panic!("it does not come to that: {:#?}", self.get(name).await.status)
        };
        import.unwrap().unwrap().status.unwrap()
    }

    /// Waits until all conditions carry that reason.
    pub(crate) async fn until_reason(&self, name: &str, reason: &str) -> SalesImportStatus {
        self.until(name, |status| status.conditions.iter().any(|one| one.reason == reason)).await
    }

    /// Waits until a Job is recorded that was not there before.
    pub(crate) async fn until_job(&self, name: &str, attempt: u32) -> Job {
        let recorded = |status: &SalesImportStatus| {
            let uid = status.job.as_ref().and_then(|job| job.uid.as_ref());
            status.attempt == Some(attempt) && uid.is_some()
        };
        let status = self.until(name, recorded).await;
        self.api::<Job>().get(&status.job.unwrap().name).await.unwrap()
    }

    /// Waits until a settle Job is recorded.
    pub(crate) async fn until_settle(&self, name: &str) -> Job {
        let job =
            |status: &SalesImportStatus| status.settle.clone()?.job.filter(|job| job.uid.is_some());
        let status = self.until(name, |status| job(status).is_some()).await;
        self.api::<Job>().get(&job(&status).unwrap().name).await.unwrap()
    }

    /// What a gauge shows.
    pub(crate) fn metric(&self, name: &str) -> i64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        #[expect(clippy::cast_possible_truncation, reason = "a count")]
        let value = family.get_metric()[0].get_gauge().get_value() as i64;
        value
    }

    pub(crate) async fn jobs(&self) -> Vec<String> {
        let jobs = self.api::<Job>().list(&ListParams::default()).await.unwrap();
        jobs.iter().map(ResourceExt::name_any).collect()
    }

    pub(crate) async fn events(&self) -> Vec<String> {
        let events = self.api::<Event>().list(&ListParams::default()).await.unwrap();
        events.items.into_iter().filter_map(|event| event.reason).collect()
    }

    /// Plays the Job controller: makes the Job's Pod.
    pub(crate) async fn make_pod(&self, job: &Job) -> Pod {
        let pod = pod_of(job);
        self.api().create(&PostParams::default(), &pod).await.unwrap()
    }

    /// Plays the kubelet: the importer's container is in that state.
    pub(crate) async fn container(&self, job: &Job, state: Value) {
        let pods = self.api::<Pod>();
        let name = pod_of(job).name_any();
        if pods.get_opt(&name).await.unwrap().is_none() {
            self.make_pod(job).await;
        }
        let status = json!({"status": {"containerStatuses": [{"name": "importer", "image": "",
            "imageID": "", "ready": false, "restartCount": 0, "state": state}]}});
        pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await.unwrap();
    }

    /// Plays the importer and the kubelet: it ends with that outcome and exit code.
    pub(crate) async fn end(&self, job: &Job, outcome: &Value, exit_code: i32) {
        let terminated =
            json!({"terminated": {"exitCode": exit_code, "message": outcome.to_string()}});
        self.container(job, terminated).await;
    }

    /// Plays the garbage collector, once a Job is to be deleted.
    pub(crate) async fn collect(&self, job: &Job) {
        let name = job.name_any();
        let to_be_deleted =
            |job: Option<&Job>| job.is_none_or(|job| job.metadata.deletion_timestamp.is_some());
        let deleted = await_condition(self.api::<Job>(), &name, to_be_deleted);
        timeout(PATIENCE, deleted).await.expect("the Job is not deleted").unwrap();
        let _ = self.api::<Pod>().delete(&pod_of(job).name_any(), &now()).await;
        let free = json!({"metadata": {"finalizers": null}});
        let _ = self.api::<Job>().patch(&name, &PatchParams::default(), &Patch::Merge(free)).await;
    }
}

/// The outcome of a run, as the importer writes it.
pub(crate) fn outcome(import: &SalesImport, run: u32, result: &str, reason: &str) -> Value {
    json!({"importId": import.uid(), "run": run, "result": result, "reason": reason,
        "message": format!("It ended: {reason}."), "dataset": import.spec.dataset,
        "currency": import.spec.currency, "linesRead": 4, "linesImported": 4,
        "revenue": "-171.348"})
}

/// The Pod that the Job controller would make.
pub(crate) fn pod_of(job: &Job) -> Pod {
    let template = job.spec.as_ref().unwrap().template.clone();
    let mut metadata = template.metadata.unwrap_or_default();
    metadata.name = Some(format!("{}-x7k2p", job.name_any()));
    metadata.owner_references = Some(vec![job.controller_owner_ref(&()).unwrap()]);
    Pod { metadata, spec: template.spec, status: None }
}

/// The conditions that are true.
pub(crate) fn conditions_of(status: &SalesImportStatus) -> Vec<&str> {
    true_of(&status.conditions)
}

/// Those of any conditions that are true.
pub(crate) fn true_of(conditions: &[Condition]) -> Vec<&str> {
    let conditions = conditions.iter().filter(|condition| condition.status == "True");
    conditions.map(|condition| condition.type_.as_str()).collect()
}

/// Waits for something that no watch tells.
pub(crate) async fn eventually(mut what: impl AsyncFnMut() -> bool) {
    let happened = async {
        while !what().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, pin!(happened)).await.expect("it does not come to that");
}

pub(crate) fn now() -> kube::api::DeleteParams {
    kube::api::DeleteParams::background().grace_period(0)
}

pub(crate) fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn merge(into: &mut Value, further: Value) {
    for (field, value) in from::<serde_json::Map<String, Value>>(further) {
        into[field] = value;
    }
}

/// An administrator's client of the shared API server, which serves SalesImports as this code
/// defines them.
async fn client() -> Client {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    let client = client_of(None, &Calls::default()).await;
    INSTALLED.get_or_init(|| install(client.clone())).await;
    client
}

pub(crate) async fn client_of(user: Option<String>, calls: &Calls) -> Client {
    static KUBECONFIG: OnceCell<Kubeconfig> = OnceCell::const_new();
    let read = || async {
        let path = tokio::task::spawn_blocking(|| ApiServer::shared().unwrap().kubeconfig());
        Kubeconfig::read_from(path.await.unwrap()).unwrap()
    };
    let kubeconfig = KUBECONFIG.get_or_init(read).await.clone();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    config.auth_info.impersonate = user;
    ClientBuilder::try_from(config).unwrap().with_layer(calls).build()
}

async fn install(client: Client) {
    install_crd(client.clone(), SalesImport::crd()).await;
    install_crd(client.clone(), SalesImportSchedule::crd()).await;
    let role: ClusterRole = from(json!({"apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole", "metadata": {"name": USER}, "rules": rules()}));
    let parameters = PatchParams::apply("operator-tests").force();
    let roles = Api::<ClusterRole>::all(client);
    roles.patch(USER, &parameters, &Patch::Apply(role)).await.unwrap();
}

/// What the chart lets the operator do, and nothing else.
pub(crate) fn rules() -> Value {
    let template = include_str!("../../../charts/takings/templates/operator/_rules.tpl");
    let (_, rules) = template.split_once("\"takings.operatorRules\" -}}").unwrap();
    let (rules, _) = rules.split_once("{{- end }}").unwrap();
    serde_yaml::from_str(rules).unwrap()
}

async fn bind_role(client: &Client, namespace: &str) {
    let binding: RoleBinding = from(json!({"metadata": {"name": USER},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": USER},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}]}));
    let bindings = Api::<RoleBinding>::namespaced(client.clone(), namespace);
    bindings.create(&PostParams::default(), &binding).await.unwrap();
}

async fn install_crd(client: Client, crd: CustomResourceDefinition) {
    let crds = Api::<CustomResourceDefinition>::all(client);
    let parameters = PatchParams::apply("operator-tests").force();
    let name = crd.name_any();
    crds.patch(&name, &parameters, &Patch::Apply(crd)).await.unwrap();
    let established = await_condition(crds, &name, conditions::is_crd_established());
    timeout(PATIENCE, established).await.unwrap().unwrap();
}

/// For assertions about what an API server answers.
pub(crate) fn refusal(result: kube::Result<impl Debug>) -> String {
    match result {
        Err(kube::Error::Api(status)) => status.message.clone(),
        other => panic!("not refused: {other:?}"),
    }
}
