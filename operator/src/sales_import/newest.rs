//! The newest that is known of each SalesImport: the watch's cache, or what this program has
//! written and the watch has not told yet.
//!
//! Without it, a plan would be made from the status before the last one, and be refused as
//! outdated.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use kube::ResourceExt as _;

use crate::crd::SalesImport;

/// A watch that lags by more has other troubles; a plan that is outdated is refused by the API
/// server in any case.
const KEPT: Duration = Duration::from_mins(1);

/// What was written and may not have been told yet.
#[derive(Default)]
pub(crate) struct Newest {
    written: Mutex<HashMap<String, Written>>,
}

struct Written {
    import: SalesImport,
    /// The resourceVersions that it follows, which the cache may still hold.
    replaced: Vec<String>,
    at: Instant,
}

impl Newest {
    /// The newer one of what the cache holds and what was written.
    pub(crate) fn of(&self, cached: &SalesImport) -> SalesImport {
        let (mut written, uid) = (self.lock(), cached.uid().unwrap_or_default());
        let Some(known) = written.get(&uid) else { return cached.clone() };
        if cached.resource_version().is_some_and(|version| known.replaced.contains(&version)) {
            return known.import.clone();
        }
        written.remove(&uid);
        cached.clone()
    }

    /// Takes note of what was written in the place of a former version.
    pub(crate) fn wrote(&self, former: &SalesImport, import: &SalesImport, now: Instant) {
        let mut written = self.lock();
        written.retain(|_, known| now.duration_since(known.at) < KEPT);
        let uid = import.uid().unwrap_or_default();
        let mut replaced = written.remove(&uid).map(|known| known.replaced).unwrap_or_default();
        replaced.extend(former.resource_version());
        written.insert(uid, Written { import: import.clone(), replaced, at: now });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Written>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(version: &str) -> SalesImport {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "takings.dev/v1alpha1",
            "kind": "SalesImport",
            "metadata": {"name": "march", "uid": "1", "resourceVersion": version},
            "spec": {"source": {"configMap": {"name": "sales", "key": "march.csv"}}},
        }))
        .unwrap()
    }

    fn newest(known: &Newest, cached: &str) -> Option<String> {
        known.of(&version(cached)).resource_version()
    }

    #[test]
    fn what_was_written_is_newer_than_all_that_it_replaced() {
        let known = Newest::default();
        known.wrote(&version("1"), &version("5"), Instant::now());
        known.wrote(&version("5"), &version("9"), Instant::now());
        assert_eq!(newest(&known, "1").as_deref(), Some("9"));
        assert_eq!(newest(&known, "5").as_deref(), Some("9"));
        assert_eq!(newest(&known, "9").as_deref(), Some("9"));
    }

    #[test]
    fn what_somebody_else_wrote_after_it_is_newer() {
        let known = Newest::default();
        known.wrote(&version("1"), &version("5"), Instant::now());
        assert_eq!(newest(&known, "7").as_deref(), Some("7"));
        // From then on the watch is believed.
        assert_eq!(newest(&known, "1").as_deref(), Some("1"));
    }

    #[test]
    fn nothing_is_kept_for_ever() {
        let (known, began) = (Newest::default(), Instant::now());
        known.wrote(&version("1"), &version("5"), began);
        known.wrote(&version("7"), &version("8"), began + KEPT);
        assert_eq!(newest(&known, "1").as_deref(), Some("1"));
    }
}
