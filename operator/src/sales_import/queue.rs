//! Whose turn it is: who runs and who waits in, who may start out. No clock, no client.
//!
//! At most so many imports run at a time, in all and in a namespace. Of those that wait, the next
//! one is that of the highest priority; among equals, one of the namespace that has the fewest
//! running, so that a crowd in one holds up no other; there, the oldest.
//!
//! An import has a turn from the moment that it is granted until its attempt has ended: the status
//! tells, also after a restart. A retry takes its place in the queue again; asking the ledger how
//! a run ended needs no turn.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, HashMap, HashSet},
};

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;

use super::status;
use crate::crd::{SalesImport, conditions};

/// Far more than are deleted within the minute that a reconcile may take.
const MAX_GONE: usize = 10_000;

/// How many imports may run at a time.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// In all.
    pub total: usize,
    /// In one namespace.
    pub per_namespace: usize,
}

/// Whether an import may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It may.
    Now,
    /// Not yet: so many are before it.
    Later {
        /// How many wait that come first.
        ahead: usize,
        /// How many are running.
        running: usize,
    },
}

/// Where an import waits: the smallest comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    priority: Reverse<i32>,
    created: Option<Timestamp>,
    name: String,
    uid: String,
}

/// An import that was granted its turn without having asked: it is to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// All imports that run or wait.
pub(crate) struct Queue {
    limits: Limits,
    /// Uids of those that run, with their namespaces.
    running: HashMap<String, String>,
    /// Those that wait, by namespace.
    waiting: HashMap<String, BTreeSet<Place>>,
    /// Uids of those that were deleted: a reconcile of theirs may still be on its way.
    gone: HashSet<String>,
    /// The uids met in listings that are under way, by what is listed: a namespace, or all.
    listings: HashMap<Option<String>, HashSet<String>>,
}

impl Queue {
    pub(crate) fn new(limits: Limits) -> Self {
        let (running, waiting, gone, listings) = Default::default();
        Self { limits, running, waiting, gone, listings }
    }

    /// Whether an import may start now. From now on it waits, if not.
    pub(crate) fn ask(&mut self, import: &SalesImport) -> (Turn, Vec<Granted>) {
        let (uid, namespace) = key(import);
        if !self.running.contains_key(&uid) && !self.gone.contains(&uid) {
            self.leave(&uid, &namespace);
            self.waiting.entry(namespace).or_default().insert(place(import));
        }
        let granted = self.grant();
        if self.running.contains_key(&uid) {
            return (Turn::Now, granted);
        }
        let place = place(import);
        let before = self.waiting.values().map(|places| places.range(..&place).count());
        (Turn::Later { ahead: before.sum(), running: self.running.len() }, granted)
    }

    /// How many run, and how many wait.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.running.len(), self.waiting.values().map(BTreeSet::len).sum())
    }

    /// What an import's newest status says: it runs, or it has no need of a turn. One that waits
    /// goes on waiting.
    pub(crate) fn note(&mut self, import: &SalesImport, waits: bool) -> Vec<Granted> {
        let (uid, namespace) = key(import);
        if holds_turn(import) && !self.gone.contains(&uid) {
            self.leave(&uid, &namespace);
            self.running.insert(uid, namespace);
        } else if !waits {
            self.leave(&uid, &namespace);
            self.running.remove(&uid);
        }
        self.grant()
    }

    /// A watch tells of an import. What is known of it already is newer.
    pub(crate) fn meet(&mut self, import: &SalesImport) {
        let (uid, namespace) = key(import);
        let waiting = self.waiting.get(&namespace);
        let waits = waiting.is_some_and(|places| places.iter().any(|place| place.uid == uid));
        if waits || self.running.contains_key(&uid) {
            return;
        }
        if holds_turn(import) {
            self.running.insert(uid, namespace);
        } else if is_queued(import) {
            self.waiting.entry(namespace).or_default().insert(place(import));
        }
    }

    /// An import is gone.
    pub(crate) fn forget(&mut self, import: &SalesImport) -> Vec<Granted> {
        let (uid, namespace) = key(import);
        self.leave(&uid, &namespace);
        self.running.remove(&uid);
        if self.gone.len() >= MAX_GONE {
            self.gone.clear();
        }
        self.gone.insert(uid);
        self.grant()
    }

    /// A watch begins to list all imports of a namespace, or of all.
    pub(crate) fn begin_listing(&mut self, scope: Option<&str>) {
        self.listings.insert(scope.map(str::to_owned), HashSet::new());
    }

    /// It lists one.
    pub(crate) fn list(&mut self, scope: Option<&str>, import: &SalesImport) {
        if let Some(listed) = self.listings.get_mut(&scope.map(str::to_owned)) {
            listed.insert(import.uid().unwrap_or_default());
        }
        self.meet(import);
    }

    /// It has listed all: those that it did not tell of are gone.
    pub(crate) fn end_listing(&mut self, scope: Option<&str>) -> Vec<Granted> {
        let listed = self.listings.remove(&scope.map(str::to_owned)).unwrap_or_default();
        let is_there = |uid: &String, namespace: &String| {
            scope.is_some_and(|scope| scope != namespace) || listed.contains(uid)
        };
        self.running.retain(|uid, namespace| is_there(uid, namespace));
        for (namespace, places) in &mut self.waiting {
            places.retain(|place| is_there(&place.uid, namespace));
        }
        self.waiting.retain(|_, places| !places.is_empty());
        self.grant()
    }

    /// Gives all free turns to those who come first, and tells who they are.
    fn grant(&mut self) -> Vec<Granted> {
        let mut granted = Vec::new();
        while self.running.len() < self.limits.total
            && let Some((namespace, place)) = self.next()
        {
            self.leave(&place.uid, &namespace);
            self.running.insert(place.uid, namespace.clone());
            granted.push(Granted { namespace, name: place.name });
        }
        granted
    }

    fn next(&self) -> Option<(String, Place)> {
        let mut running: HashMap<&str, usize> = HashMap::new();
        for namespace in self.running.values() {
            *running.entry(namespace).or_default() += 1;
        }
        let count = |namespace: &str| running.get(namespace).copied().unwrap_or(0);
        let heads = self.waiting.iter().filter_map(|(namespace, places)| {
            let first = places.first().filter(|_| count(namespace) < self.limits.per_namespace)?;
            Some((first.priority, count(namespace), first, namespace))
        });
        let (.., place, namespace) = heads.min()?;
        Some((namespace.clone(), place.clone()))
    }

    fn leave(&mut self, uid: &str, namespace: &str) {
        let Some(places) = self.waiting.get_mut(namespace) else { return };
        places.retain(|place| place.uid != uid);
        if places.is_empty() {
            self.waiting.remove(namespace);
        }
    }
}

/// Whether an attempt is under way.
fn holds_turn(import: &SalesImport) -> bool {
    import.status.as_ref().is_some_and(|status| {
        let is_over = status.finish_time.is_some() || status.settle.is_some();
        status.job.is_some() && status.next_attempt_time.is_none() && !is_over
    })
}

/// Whether it waited when its status was last written, such as by an operator before this one.
fn is_queued(import: &SalesImport) -> bool {
    import.status.as_ref().and_then(status::reason) == Some(conditions::QUEUED)
}

fn key(import: &SalesImport) -> (String, String) {
    (import.uid().unwrap_or_default(), import.namespace().unwrap_or_default())
}

fn place(import: &SalesImport) -> Place {
    Place {
        priority: Reverse(import.spec.priority),
        created: import.creation_timestamp().map(|time| time.0),
        name: import.name_any(),
        uid: import.uid().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
