//! The controller of SalesImportSchedules: observe → plan → apply.
//!
//! - `observe` fetches what there is, live;
//! - `plan` decides, with `calendar`, `placeholder` and `import` as its words: pure, without
//!   client and clock;
//! - `apply` does what was decided.
//!
//! It makes SalesImports, and never changes or deletes one.

mod apply;
mod calendar;
mod import;
mod observe;
mod placeholder;
mod plan;

use std::{sync::Arc, time::Duration};

use futures::StreamExt as _;
use k8s_openapi::jiff::Timestamp;
use kube::{
    Client, ResourceExt as _,
    core::{DeserializeGuard, PartialObjectMeta},
    runtime::{
        Controller,
        controller::{self, Action, Config},
        events::{Recorder, Reporter},
        reflector::ObjectRef,
        watcher,
    },
};

use crate::{
    crd::{SalesImport, SalesImportSchedule},
    leader::Leadership,
    metrics::Metrics,
    sales_import::{FIELD_MANAGER, api},
};
use apply::{ApplyError, Hands};
use observe::observe;

/// This controller, as its metrics name it.
const CONTROLLER: &str = "salesimportschedule";
/// Schedules that are looked at at the same time.
const CONCURRENCY: u16 = 8;

/// A schedule as it is watched: one that this program can't read must not hide the others.
type Watched = DeserializeGuard<SalesImportSchedule>;

/// Why a schedule was not reconciled.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("The SalesImportSchedule can't be read: {0}")]
    Unreadable(String),
    #[error("The API server can't be asked: {0}")]
    Observe(#[source] kube::Error),
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

struct Context {
    hands: Hands,
    metrics: Metrics,
}

/// Reconciles the schedules of one namespace, or of all, until the shutdown; what is under way
/// then is brought to its end.
pub async fn run(
    client: Client,
    namespace: Option<&str>,
    (metrics, leadership): (Metrics, Leadership),
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let recorder = Recorder::new(client.clone(), Reporter::from(FIELD_MANAGER));
    let context =
        Context { hands: Hands { client: client.clone(), recorder, leadership }, metrics };
    let scheduled = watcher::Config::default().labels(import::SCHEDULE);
    Controller::new(api::<Watched>(&client, namespace), watcher::Config::default())
        .watches(api::<PartialObjectMeta<SalesImport>>(&client, namespace), scheduled, schedule_of)
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
    context.metrics.count(CONTROLLER, Box::pin(context.reconcile(&watched))).await
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
        let plan = plan::plan(&observed, now);
        let requeue = plan.requeue;
        let requeue = match self.hands.apply(&observed.schedule, plan).await {
            Err(ApplyError::Refused(message)) => {
                observed.refused = Some(message);
                let plan = plan::plan(&observed, now);
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
    match error {
        Error::Unreadable(_) => {
            tracing::error!(namespace, name, %error, "a SalesImportSchedule is left alone");
            Action::await_change()
        }
        Error::Apply(ApplyError::Outdated) => Action::requeue(Duration::from_millis(200)),
        Error::Observe(_) | Error::Apply(_) => {
            tracing::warn!(namespace, name, %error, "a SalesImportSchedule is tried again");
            Action::requeue(Duration::from_secs(5))
        }
    }
}

/// The schedule that made a SalesImport.
#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn schedule_of(import: PartialObjectMeta<SalesImport>) -> Option<ObjectRef<Watched>> {
    let name = import.annotations().get(import::SCHEDULE)?;
    Some(ObjectRef::new(name).within(&import.namespace()?))
}
