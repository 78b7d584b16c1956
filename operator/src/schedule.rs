//! The controller of SalesImportSchedules: observe → plan → apply.
//!
//! - `observe` fetches what there is, live;
//! - `plan` decides, with `calendar`, `placeholder`, `import` and `listing` as its words: pure,
//!   without client and clock;
//! - `apply` does what was decided.
//!
//! It makes SalesImports, and Jobs that list files, and never changes or deletes one.

mod apply;
mod calendar;
mod import;
mod listing;
mod observe;
mod placeholder;
mod plan;

use std::{sync::Arc, time::Duration};

use futures::FutureExt as _;
use k8s_openapi::{
    api::{batch::v1::Job, core::v1::Pod},
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    core::{NamespaceResourceScope, PartialObjectMeta},
    runtime::{
        Controller,
        controller::{Action, Config},
        events::{Recorder, Reporter},
        reflector::ObjectRef,
        watcher,
    },
};
use tokio::time::timeout;

use crate::{
    crd::{SalesImport, SalesImportSchedule},
    ending,
    leader::Leadership,
    metrics::Metrics,
    readable::Readable,
    sales_import::{FIELD_MANAGER, ImporterSettings, LIMIT, api},
};
use apply::{ApplyError, Hands};
use observe::observe;

/// This controller, as its metrics name it.
const CONTROLLER: &str = "salesimportschedule";
/// Schedules that are looked at at the same time.
const CONCURRENCY: u16 = 8;

/// A schedule as it is watched.
type Watched = Readable<SalesImportSchedule>;

/// Why a schedule was not reconciled.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("The SalesImportSchedule can't be read: {0}")]
    Unreadable(String),
    #[error("It took longer than a minute, and was cut off.")]
    TooLong,
    #[error("The API server can't be asked: {0}")]
    Observe(#[source] kube::Error),
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

struct Context {
    hands: Hands,
    importer: ImporterSettings,
    metrics: Metrics,
}

/// Reconciles the schedules of one namespace, or of all, until the shutdown; what is under way
/// then is brought to its end.
pub async fn run(
    client: Client,
    namespace: Option<&str>,
    (importer, metrics, leadership): (ImporterSettings, Metrics, Leadership),
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let recorder = Recorder::new(client.clone(), Reporter::from(FIELD_MANAGER));
    let hands = Hands { client: client.clone(), recorder, leadership };
    let context = Context { hands, importer, metrics };
    let scheduled = watcher::Config::default().labels(import::SCHEDULE);
    let shutdown = shutdown.shared();
    let controller =
        Controller::new(api::<Watched>(&client, namespace), watcher::Config::default())
            .watches(metadata::<SalesImport>(&client, namespace), scheduled.clone(), schedule_of)
            .watches(metadata::<Job>(&client, namespace), scheduled.clone(), schedule_of)
            .watches(metadata::<Pod>(&client, namespace), scheduled, schedule_of)
            .with_config(Config::default().concurrency(CONCURRENCY))
            .graceful_shutdown_on(shutdown.clone())
            .run(reconcile, error_policy, Arc::new(context));
    ending::soon_after(shutdown, controller).await;
}

async fn reconcile(watched: Arc<Watched>, context: Arc<Context>) -> Result<Action, Error> {
    let limited = async {
        let reconcile = timeout(LIMIT, Box::pin(context.reconcile(&watched)));
        reconcile.await.unwrap_or(Err(Error::TooLong))
    };
    context.metrics.count(CONTROLLER, limited).await
}

impl Context {
    async fn reconcile(&self, watched: &Watched) -> Result<Action, Error> {
        let schedule =
            watched.0.as_ref().map_err(|invalid| Error::Unreadable(invalid.error.clone()))?;
        let (namespace, name) = (schedule.namespace().unwrap_or_default(), schedule.name_any());
        let seen = observe(&self.hands.client, (&namespace, &name)).await;
        let Some(mut observed) = seen.map_err(Error::Observe)? else {
            return Ok(Action::await_change());
        };
        let now = Timestamp::now();
        let plan = plan::plan(&observed, now, &self.importer);
        let requeue = plan.requeue;
        let requeue = match self.hands.apply(&observed.schedule, plan).await {
            Err(ApplyError::Refused(message)) => {
                observed.refused = Some(message);
                let plan = plan::plan(&observed, now, &self.importer);
                let requeue = plan.requeue;
                self.hands.apply(&observed.schedule, plan).await.map(|()| requeue)?
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
    let generation = watched.meta().generation;
    match error {
        Error::Unreadable(_) => {
            tracing::error!(
                namespace, name, generation, %error, "a SalesImportSchedule is left alone"
            );
            Action::await_change()
        }
        Error::Apply(ApplyError::Outdated) => Action::requeue(Duration::from_millis(200)),
        Error::TooLong | Error::Observe(_) | Error::Apply(_) => {
            tracing::warn!(
                namespace, name, generation, %error, "a SalesImportSchedule is tried again"
            );
            Action::requeue(Duration::from_secs(5))
        }
    }
}

/// What is watched only to hear that something happened.
fn metadata<K>(client: &Client, namespace: Option<&str>) -> Api<PartialObjectMeta<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
{
    api(client, namespace)
}

/// The schedule that made a SalesImport or a Job, or whose Job a Pod is of.
#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn schedule_of<K: Resource<DynamicType = ()>>(
    object: PartialObjectMeta<K>,
) -> Option<ObjectRef<Watched>> {
    let name = object.annotations().get(import::SCHEDULE)?;
    Some(ObjectRef::new(name).within(&object.namespace()?))
}
