//! Every call that the operator makes to the API server for schedules fails once in every way. Whatever
//! happens, each tick and each file becomes one SalesImport, and a listing has one Job.
//!
//! What the template makes is suspended: what imports call, `faults` makes fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    time::Duration,
};

use futures::{StreamExt as _, stream};
use k8s_openapi::api::batch::v1::Job;
use kube::{Resource, ResourceExt as _, api::ListParams, core::NamespaceResourceScope};
use operator::crd::{SalesImport, SalesImportSchedule};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::{
    calls::{Calls, Fault},
    discover::{file, listed},
    faults::{AT_ONCE, FAULTS, places},
    schedule::{age, create},
    support::{Shop, eventually},
};

/// Longest life, with a fault in it and on a busy machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// The uids of each object that was ever there.
type Made = BTreeMap<String, BTreeSet<String>>;

#[derive(Clone, Copy, Debug)]
enum Life {
    Ticks,
    Discovers,
}

impl Life {
    fn spec(self) -> Value {
        let source = json!({"s3": {"bucket": "sales", "key": "in/*.csv"}});
        let template = json!({"spec": {"suspend": true, "source": source}});
        let mut spec = json!({"schedule": "@daily", "template": template});
        match self {
            Self::Ticks => {
                spec["template"]["spec"]["source"]["s3"]["key"] = "{%Y-%m-%d}.csv".into();
            }
            Self::Discovers => {
                spec["discover"] = json!({});
                spec["concurrencyPolicy"] = "Allow".into();
            }
        }
        spec
    }

    /// What tells of the last SalesImport: a second one is told in the same event.
    fn last_event(self) -> &'static str {
        match self {
            Self::Ticks => "create events",
            Self::Discovers => "patch events",
        }
    }

    /// How many SalesImports and Jobs it makes.
    fn makes(self) -> (usize, usize) {
        match self {
            Self::Ticks => (1, 0),
            Self::Discovers => (2, 1),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_call_fails_a_tick_and_a_file_become_one_import_each() {
    let (mut kinds, mut runs) = (BTreeSet::new(), Vec::new());
    for life in [Life::Ticks, Life::Discovers] {
        let calls = Box::pin(live(life, None)).await;
        println!("{life:?}: {:?}", calls.counts());
        let is_imports = |call: &String| call.contains("salesimports/status");
        kinds.extend(calls.counts().into_keys().filter(|call| !is_imports(call)));
        for call in calls.names().into_iter().filter(|call| !is_imports(call)) {
            runs.extend(FAULTS.map(|fault| (life, call.clone(), fault)));
        }
    }
    // From wherever it is made; one place makes SalesImports and Jobs, one tells events and repeats.
    let places = places("schedule");
    assert_eq!(kinds.len(), places.len() + 2, "{kinds:#?} are met, by which of {places:#?}?");
    println!("{} runs with a fault", runs.len());
    let runs = runs.into_iter().map(|(life, call, fault)| live(life, Some((call, fault))));
    stream::iter(runs).buffer_unordered(AT_ONCE).for_each(|_| async {}).await;
}

/// One life, with at most one fault in it.
async fn live(life: Life, fault: Option<(String, Fault)>) -> Calls {
    let told = format!("{life:?} with {fault:?}");
    let is_whole = fault.is_none();
    // How often a status is written depends on what else happens.
    let must_strike = fault.as_ref().is_some_and(|(call, _)| call.ends_with("#1"));
    let calls = fault.map_or_else(Calls::default, |(call, fault)| Calls::with(&call, fault));
    let mut shop = Shop::open_without_operator().await;
    create(&shop, "files", life.spec()).await.unwrap();
    age(&shop, "files").await;
    shop.start_operator_with(&calls);
    let (mut imports, mut jobs) = (Made::new(), Made::new());
    let lived = timeout(PATIENCE, async {
        let mut has_ended = false;
        while !is_over(&shop, life).await {
            if calls.ends.is_cancelled() && !has_ended {
                has_ended = true;
                shop.kill_operator().await;
                shop.start_operator();
            }
            note::<SalesImport>(&shop, &mut imports).await;
            for job in note::<Job>(&shop, &mut jobs).await {
                until_it_asks_why(&calls).await;
                let files =
                    [file("in/a.csv", "aaaaaaaaaaaaaaaa"), file("in/b.csv", "bbbbbbbbbbbbbbbb")];
                shop.end(&job, &listed(&files, 0), 0).await;
            }
            sleep(Duration::from_millis(100)).await;
        }
    });
    let in_time = Box::pin(lived).await.is_ok();
    let there = shop.api::<SalesImportSchedule>().get("files").await.unwrap();
    assert!(in_time, "{told}: it never ends: {there:#?}");
    // Events follow the status.
    let last = life.last_event();
    let is_told = || {
        if is_whole {
            calls.counts().contains_key(last)
        } else {
            !must_strike || calls.has_struck()
        }
    };
    eventually(async || is_told()).await;
    note::<SalesImport>(&shop, &mut imports).await;
    assert_eq!((imports.len(), jobs.len()), life.makes(), "{told}: {imports:#?} {jobs:#?}");
    for (name, uids) in imports.into_iter().chain(jobs) {
        assert_eq!(uids.len(), 1, "{told}: {name} was made more than once");
    }
    shop.kill_operator().await;
    calls
}

/// Waits until the operator has asked for what keeps the Pod of a listing from starting, so that
/// this call is met too; one that has begun anew is not listened to.
async fn until_it_asks_why(calls: &Calls) {
    let asks = |call: &String| call.starts_with("list events");
    let asked = timeout(Duration::from_secs(10), async {
        while !calls.ends.is_cancelled() && !calls.counts().keys().any(asks) {
            sleep(Duration::from_millis(50)).await;
        }
    });
    let _ = asked.await;
}

/// Whether all that it makes is made and on record.
async fn is_over(shop: &Shop, life: Life) -> bool {
    let schedule = shop.api::<SalesImportSchedule>().get("files").await.unwrap();
    let status = schedule.status.unwrap_or_default();
    status.active.iter().filter(|entry| entry.uid.is_some()).count() == life.makes().0
}

/// Notes what is there; returns what was not there before.
async fn note<K>(shop: &Shop, made: &mut Made) -> Vec<K>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
        + Clone
        + Debug
        + DeserializeOwned,
{
    let there = shop.api::<K>().list(&ListParams::default()).await.unwrap().items;
    let mut is_new =
        |object: &K| made.entry(object.name_any()).or_default().insert(object.uid().unwrap());
    there.into_iter().filter(|object| is_new(object)).collect()
}
