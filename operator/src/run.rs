//! Wiring: client, admin port, election, controllers, shutdown.

use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use futures::future::{join, join_all};
use kube::{
    Client, Config, Resource, api::ListParams, client::ClientBuilder, core::NamespaceResourceScope,
};
use prometheus::Registry;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::OperatorSettings,
    crd::{SalesImport, SalesImportSchedule},
    leader::{Elector, Leadership, LeaseSettings, Lost},
    metrics::Metrics,
    requests::Requests,
    sales_import::{self, Shared, Turns},
    schedule,
};

/// Runs the operator until the shutdown.
///
/// # Errors
/// Where there is no cluster to be found, no admin port to be had, or the leadership was lost.
pub async fn run(settings: OperatorSettings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let election = settings.leader.settings()?;
    let registry = telemetry::metrics::registry(env!("CARGO_PKG_VERSION"))?;
    let client = client(&registry).await?;
    let metrics = Metrics::register(&registry)?;
    let is_ready = Arc::new(AtomicBool::new(false));
    let admin = telemetry::admin::serve(
        &settings.admin,
        registry,
        readiness(is_ready.clone()),
        shutdown.clone(),
    );
    let operator = Operator { client, settings: settings.clone(), metrics, shutdown };
    let controllers = async {
        let namespace = operator.settings.namespaces().first().cloned().flatten();
        let (client, stop) = (&operator.client, &operator.shutdown);
        wait_for_crd::<SalesImport>(client, namespace.as_deref(), stop).await;
        wait_for_crd::<SalesImportSchedule>(client, namespace.as_deref(), stop).await;
        // Also who stands by is ready: a rollout must not wait for it to become the leader.
        is_ready.store(true, Ordering::Relaxed);
        match election {
            Some(lease) => operator.lead(lease).await?,
            None => operator.reconcile(Leadership::unchallenged()).await,
        }
        // Whatever ended the controllers, the program is of no use without them.
        operator.shutdown.cancel();
        anyhow::Ok(())
    };
    let admin = async { admin.await.context("The admin port can't be served.") };
    tokio::try_join!(admin, controllers).map(|_| ())
}

/// The cluster that this program runs in, or the one of the kubeconfig.
async fn client(registry: &Registry) -> anyhow::Result<Client> {
    let config = Config::infer().await.context("No Kubernetes cluster is to be found.")?;
    let builder =
        ClientBuilder::try_from(config).context("The cluster's address or key is of no use.")?;
    Ok(builder.with_layer(&Requests::register(registry)?).build())
}

struct Operator {
    client: Client,
    settings: OperatorSettings,
    metrics: Metrics,
    shutdown: CancellationToken,
}

impl Operator {
    /// Reconciles once it is the leader, until the shutdown.
    async fn lead(&self, lease: LeaseSettings) -> Result<(), Lost> {
        let name = lease.name.clone();
        self.metrics.leads(&name, false);
        let elector = Elector::new(self.client.clone(), lease);
        let leadership = elector.leadership();
        let work = async {
            self.metrics.leads(&name, true);
            self.reconcile(leadership).await;
            self.metrics.leads(&name, false);
        };
        elector.lead(&self.shutdown, work).await
    }

    async fn reconcile(&self, leadership: Leadership) {
        let namespaces = self.settings.namespaces();
        tracing::info!(namespaces = named(&namespaces), "reconciling SalesImports");
        let metrics = self.metrics.clone();
        let shared = Shared {
            settings: self.settings.controller(),
            turns: Turns::new(self.settings.limits(), metrics.clone()),
            metrics: metrics.clone(),
            leadership: leadership.clone(),
        };
        let stop = || self.shutdown.clone().cancelled_owned();
        join_all(namespaces.iter().map(Option::as_deref).map(|namespace| {
            let importer = shared.settings.importer.clone();
            let with = (importer, metrics.clone(), leadership.clone());
            let schedules = schedule::run(self.client.clone(), namespace, with, stop());
            let imports = sales_import::run(self.client.clone(), namespace, shared.clone(), stop());
            join(imports, schedules)
        }))
        .await;
    }
}

fn named(namespaces: &[Option<String>]) -> String {
    let names = namespaces.iter().map(|name| name.as_deref().unwrap_or("all"));
    names.collect::<Vec<_>>().join(", ")
}

fn readiness(is_ready: Arc<AtomicBool>) -> impl telemetry::admin::Readiness {
    move || {
        let is_ready = is_ready.load(Ordering::Relaxed);
        is_ready.then_some(()).ok_or("waiting for the API server to serve SalesImports".into())
    }
}

/// Waits until the API server serves a kind, and says what to do where it does not.
async fn wait_for_crd<K>(client: &Client, namespace: Option<&str>, shutdown: &CancellationToken)
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let api = sales_import::api::<K>(client, namespace);
    while let Err(error) = api.list_metadata(&ListParams::default().limit(1)).await {
        let hint = match &error {
            kube::Error::Api(status) if status.is_not_found() => {
                "install it: takings-operator crd | kubectl apply --server-side -f -"
            }
            kube::Error::Api(status) if status.is_forbidden() => "grant the operator its role",
            _ => "the API server is tried again",
        };
        tracing::warn!(%error, hint, "{} can't be listed", K::plural(&()));
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
    }
}
