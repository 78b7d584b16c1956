//! A cluster and a ledger in a few lines, in which plans are carried out.

mod cluster;

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::{
    api::{
        batch::v1::{Job, JobSpec},
        core::v1::Event,
    },
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use kube::ResourceExt as _;
use ledger::outcome::RunResult;
use serde_json::{Value, json};

use crate::crd::{REVERT_SALES, RUN_AGAIN, SalesImport, SalesImportStatus, status::JobReference};
use crate::sales_import::{
    attempt::{self, Seen},
    job::ImporterSettings,
    name::Identity,
    plan::{Action, Made, Observed, Settings, plan},
    queue::Turn,
    reached::Reached,
    status, watched,
};

pub(super) const UID: &str = "0b1f4c6e-6f0e-4a53-9a3c-2f9b7a1d0c11";

/// One SalesImport, its Jobs, and what the ledger knows of its runs.
pub(super) struct World {
    pub(super) import: SalesImport,
    pub(super) now: Timestamp,
    /// Jobs that are there, each with its Pods and events.
    pub(super) jobs: BTreeMap<String, Seen>,
    /// The names of all Jobs that were ever made, in order.
    pub(super) made: Vec<String>,
    /// The names of those whose uid was ever on record.
    recorded: BTreeSet<String>,
    /// The names of those whose container ever started, and when: the kubelet's events outlive them.
    pub(super) started: BTreeMap<String, Timestamp>,
    /// Runs that ended in the ledger, and how.
    pub(super) ledger: BTreeMap<u32, RunResult>,
    pub(super) announced: Vec<String>,
    pub(super) ended: Vec<&'static str>,
    /// What the API server answers to a POST of a Job, where it refuses.
    pub(super) refuses: Option<String>,
    /// What a running importer says.
    pub(super) reached: Option<Reached>,
    pub(super) turn: Turn,
    /// How often the API server was asked, since the caches could not be believed.
    pub(super) live_looks: usize,
    /// What the caches hold, where they lag behind.
    cache: Option<Cache>,
}

/// What a watch has told so far.
#[derive(Clone)]
struct Cache {
    import: SalesImport,
    jobs: BTreeMap<String, Seen>,
}

/// As kube-apiserver does, if it is not told otherwise (`--event-ttl`).
const EVENTS_ARE_KEPT: SignedDuration = SignedDuration::from_hours(1);

pub(super) const WATCHES: [Watch; 3] = [Watch::Imports, Watch::Jobs, Watch::Pods];

#[derive(Clone, Copy, Debug)]
pub(super) enum Watch {
    Imports,
    Jobs,
    Pods,
}

impl World {
    #[expect(clippy::needless_pass_by_value, reason = "as `json!` gives it")]
    pub(super) fn new(spec: Value) -> Self {
        let mut import: SalesImport = serde_json::from_value(json!({
            "apiVersion": "takings.dev/v1alpha1",
            "kind": "SalesImport",
            "metadata": {"name": "march", "namespace": "shop", "uid": UID, "generation": 1,
                "resourceVersion": "1"},
            "spec": {"source": {"configMap": {"name": "sales", "key": "march.csv"}}},
        }))
        .unwrap();
        let mut whole = serde_json::to_value(&import.spec).unwrap();
        for (field, value) in spec.as_object().unwrap() {
            whole[field] = value.clone();
        }
        import.spec = serde_json::from_value(whole).unwrap();
        Self {
            import,
            now: Timestamp::from_second(1_700_000_000).unwrap(),
            jobs: BTreeMap::new(),
            made: Vec::new(),
            recorded: BTreeSet::new(),
            started: BTreeMap::new(),
            ledger: BTreeMap::new(),
            announced: Vec::new(),
            ended: Vec::new(),
            refuses: None,
            reached: None,
            turn: Turn::Now,
            live_looks: 0,
            cache: None,
        }
    }

    /// The same, through caches that learn of changes by `hear`.
    pub(super) fn with_caches(spec: Value) -> Self {
        let mut world = Self::new(spec);
        let import = world.import.clone();
        world.cache = Some(Cache { import, jobs: BTreeMap::new() });
        world
    }

    /// A watch tells all that is new.
    pub(super) fn hear(&mut self, watch: Watch) {
        let Some(cache) = &mut self.cache else { return };
        match watch {
            Watch::Imports => cache.import = self.import.clone(),
            Watch::Jobs => {
                let mut former = std::mem::take(&mut cache.jobs);
                let jobs = self.jobs.iter().map(|(name, seen)| {
                    let pods = former.remove(name).map(|seen| seen.pods).unwrap_or_default();
                    let job = seen.job.as_ref().map(as_watched);
                    (name.clone(), Seen { job, pods, events: seen.events.clone() })
                });
                cache.jobs = jobs.collect();
            }
            Watch::Pods => {
                for (name, seen) in &mut cache.jobs {
                    let live = self.jobs.get(name);
                    seen.pods = live.map(|seen| seen.pods.clone()).unwrap_or_default();
                    seen.pods.iter_mut().for_each(watched::trim_pod);
                }
            }
        }
    }

    /// Whether a watch has something to tell.
    pub(super) fn is_behind(&self) -> bool {
        let Some(cache) = &self.cache else { return false };
        let told = |(name, seen): (&String, &Seen)| {
            let status = seen.job.as_ref().and_then(|job| job.status.clone());
            (name.clone(), status, seen.pods.clone())
        };
        cache.import.resource_version() != self.import.resource_version()
            || !cache.jobs.iter().map(told).eq(self.jobs.iter().map(told))
    }

    pub(super) fn status(&self) -> SalesImportStatus {
        self.import.status.clone().unwrap_or_default()
    }

    /// The one word of all conditions.
    pub(super) fn reason(&self) -> String {
        status::reason(&self.status()).unwrap_or_default().to_owned()
    }

    pub(super) fn message(&self) -> String {
        status::message(&self.status()).unwrap_or_default().to_owned()
    }

    /// The conditions that are true.
    pub(super) fn conditions(&self) -> Vec<String> {
        let conditions = self.status().conditions;
        conditions.into_iter().filter(|one| one.status == "True").map(|one| one.type_).collect()
    }

    pub(super) fn edit(&mut self, field: &str, value: Value) {
        let mut spec = serde_json::to_value(&self.import.spec).unwrap();
        spec[field] = value;
        self.import.spec = serde_json::from_value(spec).unwrap();
        *self.import.metadata.generation.get_or_insert_default() += 1;
        self.next_version();
    }

    fn next_version(&mut self) {
        let version: u64 = self.import.resource_version().unwrap().parse().unwrap();
        self.import.metadata.resource_version = Some((version + 1).to_string());
    }

    pub(super) fn run_again(&mut self, token: &str) {
        self.annotate(RUN_AGAIN, token);
    }

    /// Somebody deletes it; with a finalizer it stays for now.
    pub(super) fn delete(&mut self) {
        self.next_version();
        *self.import.metadata.generation.get_or_insert_default() += 1;
        self.import.metadata.deletion_timestamp = Some(Time(self.now));
    }

    /// Whether it was deleted, and nothing holds it any more.
    pub(super) fn is_gone(&self) -> bool {
        self.import.metadata.deletion_timestamp.is_some() && self.import.finalizers().is_empty()
    }

    pub(super) fn annotate(&mut self, annotation: &str, value: &str) {
        self.next_version();
        self.import.annotations_mut().insert(annotation.into(), value.into());
    }

    pub(super) fn pass(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
    }

    /// One reconciliation; `false` where nothing was left to do. A crash loses the action.
    pub(super) fn reconcile(&mut self, crash_after_status: bool) -> bool {
        let mut observed = match &self.cache {
            Some(cache) => observe(&cache.import, &cache.jobs, None),
            None => self.live(),
        };
        observed.reached = self.reached.take();
        observed.turn = Some(self.turn);
        let mut plan = plan(&observed, self.now, &settings());
        if plan.needs_live && !observed.is_live {
            self.live_looks += 1;
            observed = Observed { turn: observed.turn, ..self.live() };
            plan = self::plan(&observed, self.now, &settings());
        }
        if let (Action::Create(_), Some(message)) = (&plan.action, &self.refuses) {
            observed.refused = Some(message.clone());
            plan = self::plan(&observed, self.now, &settings());
        }
        let changed = observed.import.status.as_ref() != Some(&plan.status);
        if observed.import.resource_version() != self.import.resource_version() {
            if changed {
                // The API server refuses what is outdated, and nothing is acted on.
                self.hear(Watch::Imports);
                return true;
            }
        } else if changed {
            self.next_version();
        }
        if changed {
            // What is written is what is read back.
            let written = serde_json::to_value(&plan.status).unwrap();
            let written = serde_json::from_value(written).unwrap();
            assert_eq!(plan.status, written, "a status must survive JSON");
            self.import.status = Some(written);
            // What was written here is known here.
            self.hear(Watch::Imports);
        }
        let settle = plan.status.settle.as_ref().and_then(|settle| settle.job.as_ref());
        let recorded = plan.status.job.iter().chain(settle).filter(|job| job.uid.is_some());
        self.recorded.extend(recorded.map(|job| job.name.clone()));
        let acts = !matches!(plan.action, Action::None);
        if !crash_after_status {
            self.act(plan.action);
            self.announced.extend(plan.announcements.into_iter().map(|one| one.reason));
            self.ended.extend(plan.ended);
        }
        changed || acts
    }

    /// Reconciles until nothing changes any more, with watches that keep up.
    pub(super) fn rest(&mut self) {
        for _ in 0..30 {
            for watch in WATCHES {
                self.hear(watch);
            }
            if !self.reconcile(false) {
                return;
            }
            if self.refuses.is_some() {
                self.reconcile(false);
                return;
            }
        }
        panic!("the plan never comes to rest: {:#?}", self.import.status);
    }

    pub(super) fn live(&self) -> Observed {
        let is_kept =
            |(_, time): &(&String, &Timestamp)| self.now.duration_since(**time) < EVENTS_ARE_KEPT;
        let starts = self.started.iter().filter(is_kept).map(|(job, _)| job.clone()).collect();
        Observed { is_live: true, ..observe(&self.import, &self.jobs, Some(&starts)) }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::None => {}
            Action::Create(job) => {
                let name = job.name_any();
                assert!(!self.jobs.contains_key(&name), "{name} is there already");
                assert!(!self.recorded.contains(&name), "{name} is made again");
                self.made.push(name.clone());
                let mut job = *job;
                job.metadata.uid = Some(format!("uid-of-{name}"));
                job.metadata.generation = Some(1);
                self.jobs.insert(name, Seen { job: Some(job), ..Seen::default() });
            }
            Action::Delete(jobs) => {
                let status = self.status();
                let is_over = status.settle.is_some() || status.finish_time.is_some();
                let over = is_over || self.import.spec.suspend;
                let followed = status.job.filter(|_| !over).map(|job| job.name);
                for job in jobs {
                    assert_ne!(followed.as_ref(), Some(&job.name), "it is at work");
                    self.jobs.remove(&job.name);
                }
            }
            Action::Hold => {
                self.import.finalizers_mut().push(REVERT_SALES.into());
                self.next_version();
            }
            Action::Release => {
                self.import.finalizers_mut().retain(|one| one != REVERT_SALES);
                self.next_version();
            }
        }
    }

    /// The Job that is followed now.
    pub(super) fn current(&self) -> Option<String> {
        let status = self.status();
        let name = match &status.settle {
            Some(settle) => settle.job.clone()?.name,
            None => status.job?.name,
        };
        self.jobs.contains_key(&name).then_some(name)
    }
}

/// What a watch keeps of a Job; most of it need not be copied for that.
fn as_watched(job: &Job) -> Job {
    let suspend = job.spec.as_ref().and_then(|spec| spec.suspend);
    let spec = JobSpec { suspend, ..JobSpec::default() };
    let (metadata, status) = (job.metadata.clone(), job.status.clone());
    let mut job = Job { metadata, spec: Some(spec), status };
    watched::trim_job(&mut job);
    job
}

/// What there is of an import; only a live look meets the events of starts.
fn observe(
    import: &SalesImport,
    jobs: &BTreeMap<String, Seen>,
    starts: Option<&BTreeSet<String>>,
) -> Observed {
    let status = import.status.clone().unwrap_or_default();
    let see = |job: Option<&JobReference>| {
        let Some(job) = job else { return Seen::default() };
        let mut seen = jobs.get(&job.name).cloned().unwrap_or_default();
        let has_started = starts.is_some_and(|starts| starts.contains(&job.name));
        seen.events.extend(has_started.then(started));
        seen
    };
    let settle = status.settle.as_ref().and_then(|settle| settle.job.as_ref());
    Observed {
        load: see(status.job.as_ref()),
        settle: see(settle),
        made: jobs.values().filter_map(|seen| Made::of(seen.job.as_ref()?)).collect(),
        ..Observed::nothing(import.clone(), Identity::of(import).unwrap())
    }
}

fn started() -> Event {
    serde_json::from_value(json!({"metadata": {}, "involvedObject": {}, "reason": "Started"}))
        .unwrap()
}

pub(super) fn settings() -> Settings {
    let importer = ImporterSettings { image: "importer:1".into(), ..ImporterSettings::default() };
    Settings { importer, job_ttl: SignedDuration::from_hours(1) }
}
