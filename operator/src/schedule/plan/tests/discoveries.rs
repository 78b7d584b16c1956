//! Files that are looked for: each version becomes one SalesImport, whatever happens in between.

use std::collections::BTreeMap;

use k8s_openapi::{api::batch::v1::Job, jiff::SignedDuration};
use kube::ResourceExt as _;
use ledger::{
    ListOutcome,
    listing::{ListedFile, Listing, NotListed},
    outcome::Reason,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::World;
use crate::sales_import::attempt::Seen;

/// Files that one listing of these tests has room for.
const PAGE: usize = 2;

/// What the listing Jobs come to.
#[derive(Clone, Debug, Default)]
pub(super) struct Bucket {
    /// The version of each file.
    pub(super) files: BTreeMap<String, u32>,
    /// What a listing says instead, with its exit code.
    pub(super) says: Option<(String, i32)>,
    /// Whether the Jobs stay without an end.
    pub(super) hangs: bool,
    jobs: BTreeMap<String, Job>,
}

fn id(name: &str, version: u32) -> String {
    format!(
        "{:08x}{version:08x}",
        name.bytes().fold(7_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
    )
}

impl Bucket {
    /// What the API server and the kubelet make of a POST.
    pub(super) fn post(&mut self, mut job: Job) {
        let name = job.name_any();
        let uid = format!("uid-of-{name}");
        job.metadata.uid = Some(uid);
        assert!(self.jobs.insert(name.clone(), job).is_none(), "{name} is made twice");
    }

    pub(super) fn seen(&self, name: Option<&str>) -> Seen {
        let Some(job) = name.and_then(|name| self.jobs.get(name)) else { return Seen::default() };
        let owner = json!([{"apiVersion": "batch/v1", "kind": "Job", "name": job.name_any(),
            "uid": job.uid(), "controller": true}]);
        let (said, code) = self.says.clone().unwrap_or_else(|| (self.listing(job).to_json(), 0));
        let state = json!({"terminated": {"exitCode": code, "message": said}});
        let state = if self.hangs { json!({"running": {}}) } else { state };
        let pod = json!({"metadata": {"name": "x", "ownerReferences": owner}, "status":
            {"containerStatuses": [{"name": "importer", "image": "", "imageID": "",
                "ready": false, "restartCount": 0, "state": state}]}});
        let pods = vec![serde_json::from_value(pod).unwrap()];
        Seen { job: Some(job.clone()), pods, events: Vec::new() }
    }

    /// As the importer does it: what is known is left out, what is gone is told.
    fn listing(&self, job: &Job) -> ListOutcome {
        let pod = job.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
        let arguments = pod.containers[0].args.clone().unwrap();
        assert!(arguments.contains(&"--url=s3://sales/in/*.csv".to_owned()), "{arguments:?}");
        let known = arguments.iter().find_map(|one| one.strip_prefix("--known="));
        let known: Vec<_> = known.unwrap_or_default().split_terminator(',').collect();
        let file = |(name, version): (&String, &u32)| ListedFile {
            id: id(name, *version),
            name: name.clone(),
            bytes: 1,
            version: version.to_string(),
        };
        let all: Vec<_> = self.files.iter().map(file).collect();
        let gone = known.iter().filter(|id| !all.iter().any(|file| file.id == **id));
        let gone = gone.map(|id| (*id).to_owned()).collect();
        let mut new: Vec<_> = all.iter().filter(|file| !known.contains(&&*file.id)).collect();
        let more = new.len().saturating_sub(PAGE) as u64;
        new.truncate(PAGE);
        let files = new.into_iter().cloned().collect();
        ListOutcome::Listed(Listing { files, more, gone, ..Listing::default() })
    }

    fn listings(&self) -> usize {
        self.jobs.len()
    }
}

fn world(policy: &str, files: &[&str]) -> World {
    let mut world = World::new(json!({
        "schedule": "@hourly", "concurrencyPolicy": policy, "discover": {},
        "template": {"spec": {"source": {"s3": {"bucket": "sales", "key": "in/*.csv"}}}},
    }));
    world.bucket.files = files.iter().map(|name| ((*name).to_owned(), 1)).collect();
    world.rest();
    world
}

/// An hour later, with all imports finished one after the other.
fn next_hour(world: &mut World) {
    world.pass(SignedDuration::from_hours(1));
    for _ in 0..40 {
        world.rest();
        world.finish();
    }
}

fn keys(world: &World) -> Vec<String> {
    world.imports.values().map(|one| one.spec.source.s3.clone().unwrap().key).collect()
}

#[test]
fn each_new_file_becomes_one_import_and_none_of_them_a_second_time() {
    let mut world =
        world("Forbid", &["in/a.csv", "in/b.csv", "in/{%Y}.csv", "in/d.csv", "in/e.csv"]);
    assert_eq!((world.bucket.listings(), world.state().0), (0, "Scheduled".into()));
    next_hour(&mut world);
    let mut made = keys(&world);
    made.sort();
    assert_eq!(made, world.bucket.files.keys().cloned().collect::<Vec<_>>());
    assert_eq!(world.bucket.listings(), 3, "three pages");
    assert_eq!(world.state(), ("Scheduled".into(), "Ready".into()));
    let import = world.imports.first_key_value().unwrap();
    assert!(import.0.starts_with("daily-") && import.0.len() == 22, "{import:?}");
    assert_eq!(import.1.annotations()["takings.dev/file-version"], "1");
    assert_eq!(import.1.labels()["takings.dev/sales-import-schedule"], "daily");
    world.bucket.files.insert("in/f.csv".into(), 1);
    next_hour(&mut world);
    assert_eq!((world.made.len(), world.bucket.listings()), (6, 4));
    next_hour(&mut world);
    assert_eq!((world.made.len(), world.bucket.listings()), (6, 5));
    assert!(!world.announced.contains(&"TickMissed".to_owned()), "{:?}", world.announced);
}

#[test]
fn another_version_is_another_import_and_what_was_deleted_is_not_made_again() {
    let mut world = world("Allow", &["in/a.csv", "in/b.csv"]);
    next_hour(&mut world);
    world.imports.clear();
    next_hour(&mut world);
    assert_eq!(world.made.len(), 2, "deleted by the user, and known");
    world.bucket.files.insert("in/a.csv".into(), 2);
    next_hour(&mut world);
    assert_eq!((world.made.len(), keys(&world)), (3, vec!["in/a.csv".into()]));
    assert_eq!(world.known().len(), 2, "the former version is forgotten");
    world.bucket.files.remove("in/b.csv");
    next_hour(&mut world);
    assert_eq!(world.known(), [id("in/a.csv", 2)]);
}

#[test]
fn by_forbid_one_file_is_imported_at_a_time_in_order_and_by_allow_ten() {
    let files: Vec<_> = (0..25).map(|number| format!("in/{number:02}.csv")).collect();
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    let unfinished =
        |world: &World| world.imports.values().filter(|import| import.status.is_none()).count();
    for (policy, limit) in [("Forbid", 1), ("Allow", 10)] {
        let mut world = world(policy, &files);
        world.pass(SignedDuration::from_hours(1));
        world.rest();
        assert_eq!((unfinished(&world), keys(&world).len()), (limit, limit), "{policy}");
        assert_eq!(world.state(), ("Importing".into(), "Reconciling".into()));
        while world.made.len() < 25 {
            world.finish();
            world.rest();
            assert!(unfinished(&world) <= limit, "{policy}");
        }
    }
}

#[test]
fn a_listing_that_fails_is_tried_again_and_one_that_is_refused_waits_for_an_edit_or_a_tick() {
    let why = |reason| NotListed { reason, message: "It is away.".into() };
    let fault = ListOutcome::Fault(why(Reason::SourceUnavailable)).to_json();
    let refused = ListOutcome::Refused(why(Reason::SourceForbidden)).to_json();
    let listed = ListOutcome::Listed(Listing::default()).to_json();
    let bad_id = listed.replace(
        "\"files\":[]",
        "\"files\":[{\"id\":\"../..\",\"name\":\"a\",\"bytes\":1,\"version\":\"\"}]",
    );
    for (said, code, reason, type_) in [
        (fault.clone(), 1, "ListingFailed", "Reconciling"),
        (refused.clone(), 2, "ListingRefused", "Stalled"),
        ("nonsense".into(), 0, "ListingFailed", "Reconciling"),
        (listed, 1, "ListingFailed", "Reconciling"),
        (bad_id, 0, "ListingFailed", "Reconciling"),
        (String::new(), 137, "ListingFailed", "Reconciling"),
    ] {
        let mut world = world("Forbid", &["in/a.csv"]);
        world.bucket.says = Some((said.clone(), code));
        world.pass(SignedDuration::from_hours(1));
        world.rest();
        assert_eq!(world.state(), (reason.into(), type_.into()), "{said}");
        assert_eq!((world.bucket.listings(), world.made.len()), (1, 0), "{said}");
        assert_eq!(world.announced, [reason]);
        world.bucket.says = None;
        world.pass(SignedDuration::from_mins(1));
        if reason == "ListingRefused" {
            world.rest();
            assert!(world.made.is_empty() && world.message().contains("away"));
            world.edit("startingDeadlineSeconds", json!(600));
        }
        world.rest();
        assert_eq!(world.made.len(), 1, "{said}");
        world.finish();
        world.rest();
        assert_eq!(world.state(), ("Scheduled".into(), "Ready".into()), "{said}");
    }
    let mut world = world("Forbid", &["in/a.csv"]);
    world.bucket.says = Some((refused, 2));
    next_hour(&mut world);
    world.bucket.says = None;
    next_hour(&mut world);
    assert_eq!(world.made.len(), 1, "the next tick lists again");
}

#[test]
fn what_was_found_by_another_spec_is_found_anew_by_the_edited_one() {
    let mut world = world("Forbid", &["in/a.csv", "in/b.csv"]);
    world.pass(SignedDuration::from_hours(1));
    world.rest();
    assert_eq!((world.made.len(), world.known().len()), (1, 1));
    world.edit("concurrencyPolicy", json!("Allow"));
    world.bucket.files.remove("in/b.csv");
    world.rest();
    assert_eq!((world.made.len(), world.bucket.listings()), (1, 2), "b is not there any more");
    assert_eq!(world.state().0, "Scheduled");
}

#[test]
fn what_can_not_be_remembered_is_not_made_and_told() {
    let mut world = world("Allow", &["in/a.csv"]);
    let known: Vec<_> = (0..4_000).map(|number| id("gone", number)).collect();
    let mut status = world.status();
    status.discovery.get_or_insert_default().known = known;
    world.schedule.status = Some(status);
    let file = ListedFile { id: id("a", 1), name: "a".into(), bytes: 1, version: "1".into() };
    let listing = Listing { files: vec![file], ..Listing::default() };
    world.bucket.says = Some((ListOutcome::Listed(listing).to_json(), 0));
    world.pass(SignedDuration::from_hours(1));
    world.rest();
    assert_eq!(world.state(), ("ListingRefused".into(), "Stalled".into()));
    assert!(world.message().contains("4000"), "{}", world.message());
    world.bucket.says = None;
    next_hour(&mut world);
    assert_eq!((world.made.len(), world.known().len()), (1, 1), "those that were gone made room");
}

/// Something that may happen at any time.
#[derive(Clone, Debug)]
enum Happening {
    Reconcile,
    /// The operator dies between writing the status and acting.
    Crash,
    Pass(i64),
    Put(u8),
    ImportsFinish,
    ImportsAreDeleted,
    Says(Option<i32>),
    Hangs(bool),
    Edit(&'static str, Value),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    prop_oneof![
        8 => Just(Reconcile),
        3 => Just(Crash),
        4 => (1_i64..5_000).prop_map(Pass),
        4 => (0_u8..6).prop_map(Put),
        4 => Just(ImportsFinish),
        1 => Just(ImportsAreDeleted),
        1 => proptest::option::of(0..3).prop_map(Says),
        1 => any::<bool>().prop_map(Hangs),
        1 => any::<bool>().prop_map(|suspend| Edit("suspend", json!(suspend))),
        1 => proptest::sample::select(vec!["Allow", "Forbid"])
            .prop_map(|policy| Edit("concurrencyPolicy", json!(policy))),
    ]
}

fn happen(world: &mut World, happening: &Happening) {
    match happening {
        Happening::Reconcile => drop(world.rest()),
        Happening::Crash => drop(world.reconcile(true)),
        Happening::Pass(seconds) => world.pass(SignedDuration::from_secs(*seconds)),
        Happening::Put(number) => {
            *world.bucket.files.entry(format!("in/{number}.csv")).or_default() += 1;
        }
        Happening::ImportsFinish => world.finish(),
        Happening::ImportsAreDeleted => world.imports.clear(),
        Happening::Says(code) => {
            world.bucket.says = code.map(|code| ("nonsense".to_owned(), code));
        }
        Happening::Hangs(hangs) => world.bucket.hangs = *hangs,
        Happening::Edit(field, value) => world.edit(field, value.clone()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn whatever_happens_each_version_that_stays_is_imported_once(
        happenings in proptest::collection::vec(happening(), 0..60),
    ) {
        let mut world = world("Forbid", &["in/0.csv"]);
        for one in &happenings {
            // What is made twice panics in the world.
            happen(&mut world, one);
            prop_assert!(world.status().active.len() <= 10);
        }
        (world.bucket.says, world.bucket.hangs) = (None, false);
        world.edit("suspend", json!(false));
        next_hour(&mut world);
        next_hour(&mut world);
        prop_assert_eq!(world.state().0, "Scheduled", "{:#?}", world.status());
        for (name, version) in &world.bucket.files {
            let suffix = format!("-{}", id(name, *version));
            let made = world.made.iter().filter(|made| made.ends_with(&suffix)).count();
            prop_assert_eq!(made, 1, "{} {}", name, version);
        }
        prop_assert_eq!(world.known().len(), world.bucket.files.len());
    }
}
