//! Objects of a watch, found by what they belong to: watch events in, objects out.
//!
//! It is a cache: it lags behind the API server, and whoever asks it must be right also then. It
//! makes no request. Objects lie in it as JSON: a Job of 1 kB takes 2.6 kB as a struct before its
//! texts, since fields have their room also where they are empty.

use std::{
    collections::HashMap,
    marker::PhantomData,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use kube::{Resource, ResourceExt as _, runtime::watcher};
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::watch;

/// Namespace and name.
type Name = (String, String);

/// The objects of one watch, by a key of theirs; clones share them.
pub(crate) struct Index<K> {
    state: Arc<RwLock<State<K>>>,
    key: fn(&K) -> Option<String>,
    ready: Arc<watch::Sender<bool>>,
}

struct State<K> {
    objects: Objects<K>,
    /// What a new listing has brought so far; it takes the place of `objects` once it is whole.
    listing: Objects<K>,
}

struct Objects<K> {
    keys: HashMap<Name, String>,
    groups: HashMap<String, HashMap<Name, Packed<K>>>,
}

/// An object as JSON.
struct Packed<K> {
    json: Box<[u8]>,
    kind: PhantomData<fn() -> K>,
}

impl<K> Default for Objects<K> {
    fn default() -> Self {
        Self { keys: HashMap::new(), groups: HashMap::new() }
    }
}

impl<K> Clone for Index<K> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), key: self.key, ready: self.ready.clone() }
    }
}

impl<K: Resource + Serialize + DeserializeOwned> Index<K> {
    /// An empty index by that key; objects without one are left out.
    pub(crate) fn by(key: fn(&K) -> Option<String>) -> Self {
        let state = State { objects: Objects::default(), listing: Objects::default() };
        let (ready, _) = watch::channel(false);
        Self { state: Arc::new(RwLock::new(state)), key, ready: Arc::new(ready) }
    }

    /// All objects of that key.
    pub(crate) fn of(&self, key: &str) -> Vec<K> {
        let state = self.read();
        let group = state.objects.groups.get(key);
        group.into_iter().flat_map(HashMap::values).filter_map(Packed::open).collect()
    }

    /// The object of that namespace and name.
    pub(crate) fn named(&self, namespace: &str, name: &str) -> Option<K> {
        let state = self.read();
        let name = (namespace.to_owned(), name.to_owned());
        let key = state.objects.keys.get(&name)?;
        state.objects.groups.get(key)?.get(&name)?.open()
    }

    /// Takes in what the watch tells.
    pub(crate) fn apply(&self, event: &watcher::Event<K>) {
        let mut state = self.write();
        match event {
            watcher::Event::Init => state.listing = Objects::default(),
            watcher::Event::InitApply(object) => state.listing.put(self.key, object),
            watcher::Event::InitDone => {
                state.objects = std::mem::take(&mut state.listing);
                self.ready.send_replace(true);
            }
            watcher::Event::Apply(object) => state.objects.put(self.key, object),
            watcher::Event::Delete(object) => state.objects.remove(&name_of(object)),
        }
    }

    /// Waits until the first listing is whole.
    pub(crate) async fn ready(&self) {
        let mut ready = self.ready.subscribe();
        // The sender lives as long as `self`.
        let _ = ready.wait_for(|is_ready| *is_ready).await;
    }

    fn read(&self) -> RwLockReadGuard<'_, State<K>> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State<K>> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Resource + Serialize> Objects<K> {
    fn put(&mut self, key: fn(&K) -> Option<String>, object: &K) {
        let name = name_of(object);
        self.remove(&name);
        let Some((key, packed)) = key(object).zip(Packed::new(object)) else { return };
        self.groups.entry(key.clone()).or_default().insert(name.clone(), packed);
        self.keys.insert(name, key);
    }

    fn remove(&mut self, name: &Name) {
        let Some(key) = self.keys.remove(name) else { return };
        if let Some(group) = self.groups.get_mut(&key) {
            group.remove(name);
            if group.is_empty() {
                self.groups.remove(&key);
            }
        }
    }
}

/// What can't be packed or opened is as if it had not been told of.
impl<K> Packed<K> {
    fn new(object: &K) -> Option<Self>
    where
        K: Serialize,
    {
        let json = serde_json::to_vec(object).ok()?.into_boxed_slice();
        Some(Self { json, kind: PhantomData })
    }

    fn open(&self) -> Option<K>
    where
        K: DeserializeOwned,
    {
        serde_json::from_slice(&self.json).ok()
    }
}

fn name_of<K: Resource>(object: &K) -> Name {
    (object.namespace().unwrap_or_default(), object.name_any())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Pod;
    use kube::runtime::watcher::Event;

    use super::*;

    fn pod(name: &str, owner: &str) -> Pod {
        let mut pod = Pod::default();
        pod.metadata.name = Some(name.into());
        pod.metadata.namespace = Some("shop".into());
        pod.metadata.uid = Some(owner.into());
        pod
    }

    fn index() -> Index<Pod> {
        Index::by(|pod| pod.metadata.uid.clone().filter(|uid| !uid.is_empty()))
    }

    fn names(index: &Index<Pod>, key: &str) -> Vec<String> {
        let mut names: Vec<_> = index.of(key).iter().map(Pod::name_any).collect();
        names.sort();
        names
    }

    #[test]
    fn objects_are_found_by_their_key_and_by_their_name() {
        let index = index();
        for (name, owner) in [("a", "1"), ("b", "1"), ("c", "2"), ("d", "")] {
            index.apply(&Event::Apply(pod(name, owner)));
        }
        assert_eq!(names(&index, "1"), ["a", "b"]);
        assert!(index.named("shop", "c").is_some());
        assert!(index.named("kiosk", "c").is_none() && index.named("shop", "d").is_none());
    }

    #[test]
    fn an_object_that_changes_hands_or_goes_is_not_found_where_it_was() {
        let index = index();
        index.apply(&Event::Apply(pod("a", "1")));
        index.apply(&Event::Apply(pod("a", "2")));
        assert!(names(&index, "1").is_empty());
        assert_eq!(names(&index, "2"), ["a"]);
        index.apply(&Event::Delete(pod("a", "2")));
        assert!(names(&index, "2").is_empty() && index.named("shop", "a").is_none());
        assert!(index.read().objects.groups.is_empty(), "nothing is left behind");
    }

    #[tokio::test]
    async fn a_new_listing_replaces_all_at_once_and_only_when_it_is_whole() {
        let index = index();
        index.apply(&Event::Init);
        index.apply(&Event::InitApply(pod("a", "1")));
        assert!(names(&index, "1").is_empty() && !*index.ready.borrow());
        index.apply(&Event::InitDone);
        index.ready().await;
        assert_eq!(names(&index, "1"), ["a"]);
        index.apply(&Event::Init);
        index.apply(&Event::InitApply(pod("b", "1")));
        assert_eq!(names(&index, "1"), ["a"]);
        index.apply(&Event::InitDone);
        assert_eq!(names(&index, "1"), ["b"]);
    }
}
