//! When what happened to each import, by the watches of the bench and its own monotonic clock.
//!
//! In: watch events. Out: times by the import's name. Never: a time that anybody else tells.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use futures::TryStreamExt as _;
use harness::progress::say;
use kube::{
    Api, Client,
    api::{ApiResource, GroupVersionKind},
    runtime::watcher::{self, Event, watcher},
};
use tokio::task::JoinSet;

use super::{seen::Seen, world::World};

/// The annotation that a Job and its Pod carry, with the name of their SalesImport.
pub(super) const SALES_IMPORT: &str = "takings.dev/sales-import";
/// Longest wait without any progress.
const PATIENCE: Duration = Duration::from_mins(3);

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// SalesImports.
    Import,
    /// Their Jobs.
    Job,
    /// The Jobs' Pods.
    Pod,
}

/// What was seen of one import.
#[derive(Clone, Debug, Default)]
pub(super) struct Life {
    /// Its POST was sent.
    pub(super) posted: Option<Instant>,
    /// It was there.
    pub(super) there: Option<Instant>,
    /// Its Job was there.
    pub(super) job_made: Option<Instant>,
    /// Its Pod had a node.
    pub(super) bound: Option<Instant>,
    /// The container of its Pod had started.
    pub(super) started: Option<Instant>,
    /// The container of its Pod had ended.
    pub(super) ended: Option<Instant>,
    /// The SalesImport was finished, and published.
    pub(super) finished: Option<Instant>,
    /// The uids of all its Jobs.
    pub(super) jobs: BTreeSet<String>,
    /// How many of them are gone.
    pub(super) jobs_gone: usize,
}

/// All of them, by name.
#[derive(Debug, Default)]
pub(super) struct Book {
    state: Arc<Mutex<State>>,
    watches: JoinSet<()>,
}

#[derive(Debug, Default)]
struct State {
    lives: BTreeMap<String, Life>,
    /// What went wrong, in sentences.
    faults: Vec<String>,
}

impl Book {
    /// Watches objects of these kinds from now on.
    pub(super) fn of(client: &Client, kinds: &[Kind]) -> Self {
        let mut book = Self::default();
        for &kind in kinds {
            let (api, state) =
                (Api::all_with(client.clone(), &kind.resource()), book.state.clone());
            book.watches.spawn(async move {
                let events = watcher(api, watcher::Config::default());
                let noted = events.try_for_each(|event| {
                    lock(&state).note(kind, event, Instant::now());
                    std::future::ready(Ok(()))
                });
                let ended = noted.await;
                let fault =
                    format!("the watch of {kind:?} broke off ({ended:?}), and times with it");
                lock(&state).faults.push(fault);
            });
        }
        book
    }

    /// An import is about to be posted.
    pub(super) fn posting(&self, name: &str) {
        lock(&self.state).lives.entry(name.to_owned()).or_default().posted = Some(Instant::now());
    }

    /// Waits until that is true of the import of that name. What keeps it from that, `until` tells.
    pub(super) async fn once(&self, name: &str, is_so: impl Fn(&Life) -> bool) {
        while !lock(&self.state).lives.get(name).is_some_and(&is_so) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// All whose name begins so.
    pub(super) fn lives(&self, prefix: &str) -> Vec<Life> {
        let state = lock(&self.state);
        let lives = state.lives.iter().filter(|(name, _)| name.starts_with(prefix));
        lives.map(|(_, life)| life.clone()).collect()
    }

    /// Waits until that is true of so many whose name begins so.
    pub(super) async fn until(
        &self,
        world: &World,
        (prefix, count): (&str, usize),
        what: &str,
        is_so: impl Fn(&Life) -> bool,
    ) -> Result<()> {
        let (mut reached, mut moved, mut said) = (0, Instant::now(), Instant::now());
        loop {
            let now = self.count(prefix, &is_so)?;
            if now >= count {
                return Ok(());
            }
            if now > reached {
                (reached, moved) = (now, Instant::now());
            }
            if moved.elapsed() > PATIENCE {
                bail!("nothing moves: {now} of {count} {prefix}* are {what}");
            }
            if said.elapsed() > Duration::from_secs(15) {
                said = Instant::now();
                world.simulation.check()?;
                say(&format!("{now} of {count} are {what}"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn count(&self, prefix: &str, is_so: &impl Fn(&Life) -> bool) -> Result<usize> {
        let state = lock(&self.state);
        ensure!(state.faults.is_empty(), "the run is void: {}", state.faults.join("; "));
        let lives = state.lives.iter().filter(|(name, _)| name.starts_with(prefix));
        Ok(lives.filter(|(_, life)| is_so(life)).count())
    }
}

impl Kind {
    fn resource(self) -> ApiResource {
        let (group, version, kind, plural) = match self {
            Self::Import => ("takings.dev", "v1alpha1", "SalesImport", "salesimports"),
            Self::Job => ("batch", "v1", "Job", "jobs"),
            Self::Pod => ("", "v1", "Pod", "pods"),
        };
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }
}

impl State {
    fn note(&mut self, kind: Kind, event: Event<Seen>, now: Instant) {
        match event {
            Event::InitApply(seen) | Event::Apply(seen) => self.is_there(kind, &seen, now),
            Event::Delete(seen) if kind == Kind::Job => {
                if let Some(life) = self.life(kind, &seen) {
                    life.jobs_gone += 1;
                }
            }
            Event::Init | Event::InitDone | Event::Delete(_) => {}
        }
    }

    fn is_there(&mut self, kind: Kind, seen: &Seen, now: Instant) {
        let has_published = seen.is("Ready") == Some("Published");
        if kind == Kind::Import && seen.is("Finished").is_some() && !has_published {
            let (name, why) = (seen.metadata.name.as_deref(), seen.is("Finished"));
            self.faults.push(format!("{name:?} ended with {why:?}"));
        }
        let Some(life) = self.life(kind, seen) else { return };
        let mark = |moment: &mut Option<Instant>, is_so: bool| {
            if is_so {
                moment.get_or_insert(now);
            }
        };
        match kind {
            Kind::Import => {
                mark(&mut life.there, true);
                mark(&mut life.finished, has_published);
            }
            Kind::Job => {
                mark(&mut life.job_made, true);
                life.jobs.extend(seen.metadata.uid.clone());
            }
            Kind::Pod => {
                mark(&mut life.bound, seen.has_node());
                mark(&mut life.started, seen.has_started());
                mark(&mut life.ended, seen.has_ended());
            }
        }
    }

    fn life(&mut self, kind: Kind, seen: &Seen) -> Option<&mut Life> {
        let name = match kind {
            Kind::Import => seen.metadata.name.as_ref(),
            Kind::Job | Kind::Pod => seen.metadata.annotations.as_ref()?.get(SALES_IMPORT),
        };
        Some(self.lives.entry(name?.clone()).or_default())
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
