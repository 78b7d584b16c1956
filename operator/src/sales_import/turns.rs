//! The queue, shared by the reconciles of all namespaces: each asks for its import, and whoever
//! was granted a turn without asking is woken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{
    Stream, StreamExt as _,
    channel::mpsc::{self, UnboundedSender},
};
use kube::runtime::{reflector::ObjectRef, watcher};

use super::{
    Watched,
    queue::{Granted, Limits, Queue, Turn},
};
use crate::{crd::SalesImport, metrics::Metrics};

/// The turns of all imports; clones share them.
#[derive(Clone)]
pub struct Turns(Arc<Mutex<Shared>>);

struct Shared {
    queue: Queue,
    metrics: Metrics,
    controllers: Vec<UnboundedSender<Granted>>,
}

impl Turns {
    /// Nobody runs, nobody waits.
    #[must_use]
    pub fn new(limits: Limits, metrics: Metrics) -> Self {
        let shared = Shared { queue: Queue::new(limits), metrics, controllers: Vec::new() };
        Self(Arc::new(Mutex::new(shared)))
    }

    /// Those that are granted a turn from now on. A controller does not know those of others.
    pub(crate) fn granted(&self) -> impl Stream<Item = ObjectRef<Watched>> + use<> {
        let (sender, receiver) = mpsc::unbounded();
        self.lock().controllers.push(sender);
        receiver.map(|one: Granted| ObjectRef::new(&one.name).within(&one.namespace))
    }

    /// Whether an import may start now.
    pub(crate) fn ask(&self, import: &SalesImport) -> Turn {
        let mut shared = self.lock();
        let (turn, granted) = shared.queue.ask(import);
        shared.wake(&granted);
        turn
    }

    /// What an import's newest status says; whether it waits for its turn.
    pub(crate) fn note(&self, import: &SalesImport, waits: bool) {
        let mut shared = self.lock();
        let granted = shared.queue.note(import, waits);
        shared.wake(&granted);
    }

    /// What a watch of a namespace, or of all, tells.
    pub(crate) fn hear(&self, scope: Option<&str>, event: &watcher::Event<Watched>) {
        let mut shared = self.lock();
        let queue = &mut shared.queue;
        let granted = match event {
            watcher::Event::Init => {
                queue.begin_listing(scope);
                Vec::new()
            }
            watcher::Event::InitDone => queue.end_listing(scope),
            watcher::Event::InitApply(Watched { 0: Ok(import) }) => {
                queue.list(scope, import);
                Vec::new()
            }
            watcher::Event::Delete(Watched { 0: Ok(import) }) => queue.forget(import),
            // What is new is told by its reconcile; what can't be read has no turn.
            _ => Vec::new(),
        };
        shared.wake(&granted);
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// Wakes those who were granted a turn, after each change of the queue.
    fn wake(&mut self, granted: &[Granted]) {
        let (running, queued) = self.queue.counts();
        self.metrics.turns(running, queued);
        for one in granted {
            self.controllers.retain(|controller| controller.unbounded_send(one.clone()).is_ok());
        }
    }
}
