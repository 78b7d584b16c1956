//! Wiring: client, admin port, controllers, shutdown.

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
use kube::{Client, Resource, api::ListParams, core::NamespaceResourceScope};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::{
    cli::OperatorSettings,
    crd::{SalesImport, SalesImportSchedule},
    metrics::Metrics,
    sales_import::{self, Turns},
    schedule,
};

/// Runs the operator until the shutdown.
///
/// # Errors
/// Where there is no cluster to be found, or no admin port to be had.
pub async fn run(settings: OperatorSettings, shutdown: CancellationToken) -> anyhow::Result<()> {
    let client = Client::try_default().await.context("No Kubernetes cluster is to be found.")?;
    let registry = telemetry::metrics::registry(env!("CARGO_PKG_VERSION"))?;
    let metrics = Metrics::register(&registry)?;
    let is_ready = Arc::new(AtomicBool::new(false));
    let admin = telemetry::admin::serve(
        &settings.admin,
        registry,
        readiness(is_ready.clone()),
        shutdown.clone(),
    );
    let controllers = async {
        let namespaces = settings.namespaces();
        let namespace = namespaces.first().cloned().flatten();
        wait_for_crd::<SalesImport>(&client, namespace.as_deref(), &shutdown).await;
        wait_for_crd::<SalesImportSchedule>(&client, namespace.as_deref(), &shutdown).await;
        is_ready.store(true, Ordering::Relaxed);
        let of = named(&namespaces);
        tracing::info!(namespaces = of, "reconciling SalesImports");
        let turns = Turns::new(settings.limits(), metrics.clone());
        join_all(namespaces.iter().map(|namespace| {
            let with = (settings.controller(), metrics.clone(), turns.clone());
            let stop = shutdown.clone().cancelled_owned();
            let imports = sales_import::run(client.clone(), namespace.as_deref(), with, stop);
            let stop = shutdown.clone().cancelled_owned();
            let with = metrics.clone();
            join(imports, schedule::run(client.clone(), namespace.as_deref(), with, stop))
        }))
        .await;
        // Whatever ended the controllers, the program is of no use without them.
        shutdown.cancel();
        anyhow::Ok(())
    };
    let admin = async { admin.await.context("The admin port can't be served.") };
    tokio::try_join!(admin, controllers).map(|_| ())
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
