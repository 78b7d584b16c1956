//! The controller of SalesImports: observe → plan → apply.
//!
//! - `observe` gathers what there is: from the caches of `watched` and `newest`, or live; and
//!   `reached` asks a running importer how far it is;
//! - `plan` decides, with `attempt`, `start`, `status`, `announcement`, `job`, `arguments` and
//!   `name` as its words: pure, without client and clock;
//! - `apply` does what was decided.

pub(crate) mod announcement;
mod apply;
pub(crate) mod arguments;
pub(crate) mod attempt;
pub(crate) mod job;
pub(crate) mod name;
mod newest;
pub(crate) mod observe;
mod plan;
mod queue;
mod reached;
pub(crate) mod start;
pub(crate) mod status;
mod trace;
mod turns;
mod watched;

use std::{sync::Arc, time::Duration};

use futures::{FutureExt as _, TryStreamExt as _};
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client, ResourceExt as _,
    core::{NamespaceResourceScope, Resource},
    runtime::{
        Controller, WatchStreamExt as _,
        controller::{Action, Config},
        events::{Recorder, Reporter},
        reflector, watcher,
    },
};
use tokio::time::timeout;

pub use job::ImporterSettings;
pub use plan::Settings;
pub use queue::Limits;
pub use turns::Turns;

use crate::{
    crd::SalesImport, ending, leader::Leadership, metrics::Metrics, readable::Readable, watches,
};
use apply::{ApplyError, Hands};
pub(crate) use apply::{FIELD_MANAGER, is_refusal};
use observe::Eyes;
use queue::Turn;
use reached::Asker;
use watched::Caches;

/// This controller, as its metrics name it.
const CONTROLLER: &str = "salesimport";
/// SalesImports that are looked at at the same time. Of those that wait behind them, kube-runtime
/// takes any one, not the first: where many always do, some would wait for very long.
const CONCURRENCY: u16 = 256;
/// More steps than any reconcile has: an attempt's number, its Job, the Job's uid.
const MAX_STEPS: usize = 8;
/// A call to an API server may never be answered. A reconcile that is cut off is as one whose
/// program has ended, which every plan allows for.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);
/// How long a reconcile waits for the first listing of Jobs and Pods.
const PATIENCE: Duration = Duration::from_secs(10);

/// A SalesImport as it is watched.
type Watched = Readable<SalesImport>;

/// Why a SalesImport was not reconciled.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("The SalesImport can't be read: {0}")]
    Unreadable(String),
    #[error("Its Jobs and Pods have not been listed yet.")]
    NotListed,
    #[error("It took longer than a minute, and was cut off.")]
    TooLong,
    #[error("The API server can't be asked: {0}")]
    Observe(#[source] kube::Error),
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// What the controllers of all namespaces share.
#[derive(Clone)]
pub struct Shared {
    /// What plans depend on.
    pub settings: Settings,
    /// What is counted.
    pub metrics: Metrics,
    /// Whose turn it is.
    pub turns: Turns,
    /// Whether anything may be written.
    pub leadership: Leadership,
}

struct Context {
    eyes: Eyes,
    asker: Asker,
    turns: Turns,
    hands: Hands,
    settings: Settings,
}

/// Reconciles the SalesImports of one namespace, or of all, until the shutdown; what is under way
/// then is brought to its end. Nothing is written without the leadership.
pub async fn run(
    client: Client,
    namespace: Option<&str>,
    shared: Shared,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let Shared { settings, metrics, turns, leadership } = shared;
    let recorder = Recorder::new(client.clone(), Reporter::from(FIELD_MANAGER));
    let caches = Caches::empty();
    let eyes = Eyes { client: client.clone(), caches: caches.clone() };
    let hands =
        Hands { client: client.clone(), recorder, leadership, metrics, newest: Arc::default() };
    let (heard, scope) = (turns.clone(), namespace.map(str::to_owned));
    let (store, writer) = reflector::store();
    let imports = watches::watch(api::<Watched>(&client, namespace), watcher::Config::default())
        .default_backoff()
        .modify(trim)
        .inspect_ok(move |event| heard.hear(scope.as_deref(), event))
        .reflect(writer)
        .touched_objects();
    let warnings = caches.watch_warnings(&client, namespace);
    let context = Context { eyes, asker: Asker::new(), turns: turns.clone(), hands, settings };
    let shutdown = shutdown.shared();
    let controller = Controller::for_stream(imports, store)
        .owns_stream(caches.watch_jobs(&client, namespace))
        .watches_stream(caches.watch_pods(&client, namespace), |pod| watched::import_of(&pod))
        .watches_stream(warnings, move |event| caches.import_of_warning(&event))
        .reconcile_on(turns.granted())
        .with_config(Config::default().concurrency(CONCURRENCY))
        .graceful_shutdown_on(shutdown.clone())
        .run(reconcile, error_policy, Arc::new(context));
    ending::soon_after(shutdown, controller).await;
}

/// Leaves out what nobody reads: what kubectl has applied last.
fn trim(import: &mut Watched) {
    import.annotations_mut().remove("kubectl.kubernetes.io/last-applied-configuration");
}

async fn reconcile(watched: Arc<Watched>, context: Arc<Context>) -> Result<Action, Error> {
    let limited = async {
        let reconcile = timeout(LIMIT, Box::pin(context.reconcile(&watched)));
        reconcile.await.unwrap_or(Err(Error::TooLong))
    };
    context.hands.metrics.count(CONTROLLER, limited).await
}

impl Context {
    async fn reconcile(&self, watched: &Watched) -> Result<Action, Error> {
        let import =
            watched.0.as_ref().map_err(|invalid| Error::Unreadable(invalid.error.clone()))?;
        timeout(PATIENCE, self.eyes.caches.ready()).await.map_err(|_| Error::NotListed)?;
        let Some(mut observed) = self.eyes.cached(self.hands.newest.of(import)) else {
            return Ok(Action::await_change());
        };
        observed.reached = self.asker.ask(&observed, Timestamp::now()).await;
        for _ in 0..MAX_STEPS {
            let plan = plan::plan(&observed, Timestamp::now(), &self.settings);
            if plan.needs_live && !observed.is_live {
                let live = self.eyes.live(&observed.identity).await.map_err(Error::Observe)?;
                let Some(live) = live else { return Ok(Action::await_change()) };
                observed = live;
                continue;
            }
            if plan.needs_turn {
                observed.turn = Some(self.turns.ask(&observed.import));
                continue;
            }
            let requeue = plan.requeue;
            if !self.hands.apply(&mut observed, plan).await? {
                let waits = matches!(observed.turn, Some(Turn::Later { .. }));
                self.turns.note(&observed.import, waits);
                return Ok(requeue.map_or(Action::await_change(), Action::requeue));
            }
        }
        Ok(Action::requeue(plan::SOON))
    }
}

/// Invalid: wait for a change. Outdated: the change is on its way. Away: try again.
#[expect(clippy::needless_pass_by_value, reason = "the controller's signature")]
fn error_policy(watched: Arc<Watched>, error: &Error, _context: Arc<Context>) -> Action {
    let (namespace, name) = (watched.namespace().unwrap_or_default(), watched.name_any());
    let generation = watched.meta().generation;
    match error {
        Error::Unreadable(_) => {
            tracing::error!(namespace, name, generation, %error, "a SalesImport is left alone");
            Action::await_change()
        }
        Error::Apply(ApplyError::Outdated) => Action::requeue(Duration::from_millis(200)),
        Error::NotListed | Error::TooLong | Error::Observe(_) | Error::Apply(_) => {
            let status = watched.0.as_ref().ok().and_then(|import| import.status.as_ref());
            let attempt = status.and_then(|status| status.attempt);
            tracing::warn!(
                namespace, name, generation, attempt, %error, "a SalesImport is tried again"
            );
            Action::requeue(Duration::from_secs(5))
        }
    }
}

pub(crate) fn api<K>(client: &Client, namespace: Option<&str>) -> Api<K>
where
    K: Resource<Scope = NamespaceResourceScope>,
    K::DynamicType: Default,
{
    match namespace {
        Some(namespace) => Api::namespaced(client.clone(), namespace),
        None => Api::all(client.clone()),
    }
}
