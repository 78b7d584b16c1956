//! The controller of SalesImports: observe → plan → apply.
//!
//! - `observe` fetches what there is, live;
//! - `plan` decides, with `attempt`, `start`, `status`, `announcement`, `job`, `arguments` and
//!   `name` as its words: pure, without client and clock;
//! - `apply` does what was decided.

mod announcement;
mod apply;
mod arguments;
mod attempt;
mod job;
mod name;
mod observe;
mod plan;
mod start;
mod status;

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use k8s_openapi::{
    api::{batch::v1::Job, core::v1::Pod},
    jiff::Timestamp,
};
use kube::{
    Api, Client, ResourceExt as _,
    core::{DeserializeGuard, NamespaceResourceScope, PartialObjectMeta, Resource},
    runtime::{
        Controller,
        controller::{self, Action, Config},
        events::{Recorder, Reporter},
        reflector::ObjectRef,
        watcher,
    },
};
use tokio::time::Instant;

pub use job::ImporterSettings;
pub use plan::Settings;

use crate::{
    crd::SalesImport,
    leader::Leadership,
    metrics::{Metrics, Reconciled},
};
use apply::{ApplyError, FIELD_MANAGER, Hands};
use observe::observe;

/// SalesImports that are looked at at the same time.
const CONCURRENCY: u16 = 32;

/// A SalesImport as it is watched: one that this program can't read must not hide the others.
type Watched = DeserializeGuard<SalesImport>;

/// Why a SalesImport was not reconciled.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("The SalesImport can't be read: {0}")]
    Unreadable(String),
    #[error("The API server can't be asked: {0}")]
    Observe(#[source] kube::Error),
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

struct Context {
    hands: Hands,
    settings: Settings,
}

/// Reconciles the SalesImports of one namespace, or of all, until the shutdown; what is under way
/// then is brought to its end. Nothing is written without the leadership.
pub async fn run(
    client: Client,
    namespace: Option<&str>,
    (settings, metrics, leadership): (Settings, Metrics, Leadership),
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let recorder = Recorder::new(client.clone(), Reporter::from(FIELD_MANAGER));
    let hands = Hands { client: client.clone(), recorder, leadership, metrics };
    let context = Context { hands, settings };
    let ours = watcher::Config::default().labels(job::SALES_IMPORT);
    Controller::new(api::<Watched>(&client, namespace), watcher::Config::default())
        .owns(api::<PartialObjectMeta<Job>>(&client, namespace), ours.clone())
        .watches(api::<PartialObjectMeta<Pod>>(&client, namespace), ours, importer_of)
        .with_config(Config::default().concurrency(CONCURRENCY))
        .graceful_shutdown_on(shutdown)
        .run(reconcile, error_policy, Arc::new(context))
        .for_each(|result| async {
            if let Err(controller::Error::QueueError(error)) = result {
                tracing::warn!(%error, "a watch was interrupted and is taken up again");
            }
        })
        .await;
}

async fn reconcile(watched: Arc<Watched>, context: Arc<Context>) -> Result<Action, Error> {
    let began = Instant::now();
    let _active = context.hands.metrics.begin();
    let result = Box::pin(context.reconcile(&watched)).await;
    let reconciled = match &result {
        Ok(action) if *action == Action::await_change() => Reconciled::Success,
        Ok(_) => Reconciled::RequeueAfter,
        Err(_) => Reconciled::Error,
    };
    context.hands.metrics.reconciled(reconciled, began.elapsed());
    result
}

impl Context {
    async fn reconcile(&self, watched: &Watched) -> Result<Action, Error> {
        let import =
            watched.0.as_ref().map_err(|invalid| Error::Unreadable(invalid.error.clone()))?;
        let (namespace, name) = (import.namespace().unwrap_or_default(), import.name_any());
        let now = Timestamp::now();
        let seen = observe(&self.hands.client, (&namespace, &name), (now, self.settings.job_ttl));
        let Some(mut observed) = Box::pin(seen).await.map_err(Error::Observe)? else {
            return Ok(Action::await_change());
        };
        let plan = plan::plan(&observed, now, &self.settings);
        let requeue = plan.requeue;
        let requeue = match self.hands.apply(&observed, plan).await {
            Err(ApplyError::JobRefused(message)) => {
                observed.refused = Some(message);
                let plan = plan::plan(&observed, now, &self.settings);
                let requeue = plan.requeue;
                self.hands.apply(&observed, plan).await.map(|()| requeue)?
            }
            applied => applied.map(|()| requeue)?,
        };
        Ok(requeue.map_or(Action::await_change(), Action::requeue))
    }
}

/// Invalid: wait for a change. Outdated: the change is on its way. Away: try again.
#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn error_policy(watched: Arc<Watched>, error: &Error, _context: Arc<Context>) -> Action {
    let (namespace, name) = (watched.namespace().unwrap_or_default(), watched.name_any());
    match error {
        Error::Unreadable(_) => {
            tracing::error!(namespace, name, %error, "a SalesImport is left alone");
            Action::await_change()
        }
        Error::Apply(ApplyError::Outdated) => Action::requeue(Duration::from_millis(200)),
        Error::Observe(_) | Error::Apply(_) => {
            tracing::warn!(namespace, name, %error, "a SalesImport is tried again");
            Action::requeue(Duration::from_secs(5))
        }
    }
}

/// The SalesImport whose importer runs in a Pod.
#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn importer_of(pod: PartialObjectMeta<Pod>) -> Option<ObjectRef<Watched>> {
    let name = pod.annotations().get(job::SALES_IMPORT)?;
    Some(ObjectRef::new(name).within(&pod.namespace()?))
}

fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}
