//! A cluster in a few lines, in which plans are carried out.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use kube::ResourceExt as _;
use serde_json::{Value, json};

use super::discoveries::Bucket;
use crate::{
    crd::{SalesImport, SalesImportSchedule, SalesImportScheduleStatus, SalesImportStatus},
    sales_import::ImporterSettings,
    schedule::plan::{Observed, plan},
};

/// One schedule, and the SalesImports beside it.
pub(super) struct World {
    pub(super) schedule: SalesImportSchedule,
    pub(super) now: Timestamp,
    /// SalesImports that are there.
    pub(super) imports: BTreeMap<String, SalesImport>,
    /// The ticks of all that were ever made, in order; the names where files are looked for.
    pub(super) made: Vec<String>,
    pub(super) announced: Vec<String>,
    /// What the API server answers to a POST, where it refuses.
    pub(super) refuses: Option<String>,
    /// What is there to be listed.
    pub(super) bucket: Bucket,
    uids: u32,
}

impl World {
    /// A schedule that is made on the first of June 2025, at noon in UTC.
    #[expect(clippy::needless_pass_by_value, reason = "as `json!` gives it")]
    pub(super) fn new(spec: Value) -> Self {
        let mut schedule = json!({
            "apiVersion": "takings.dev/v1alpha1",
            "kind": "SalesImportSchedule",
            "metadata": {"name": "daily", "namespace": "shop", "generation": 1,
                "uid": "0b1f4c6e-6f0e-4a53-9a3c-2f9b7a1d0c11",
                "creationTimestamp": "2025-06-01T12:00:00Z"},
            "spec": {"schedule": "30 2 * * *", "template": {"spec":
                {"source": {"s3": {"bucket": "sales", "key": "{%Y-%m-%d -1d}.csv"}}}}},
        });
        for (field, value) in spec.as_object().unwrap() {
            schedule["spec"][field] = value.clone();
        }
        Self {
            schedule: serde_json::from_value(schedule).unwrap(),
            now: "2025-06-01T12:00:00Z".parse().unwrap(),
            imports: BTreeMap::new(),
            made: Vec::new(),
            announced: Vec::new(),
            refuses: None,
            bucket: Bucket::default(),
            uids: 0,
        }
    }

    pub(super) fn status(&self) -> SalesImportScheduleStatus {
        self.schedule.status.clone().unwrap_or_default()
    }

    /// The one word of all conditions, and which of them is true.
    pub(super) fn state(&self) -> (String, String) {
        let conditions = self.status().conditions;
        let is_true = conditions.iter().find(|one| one.status == "True").unwrap();
        (is_true.reason.clone(), is_true.type_.clone())
    }

    /// The ids of files that are known.
    pub(super) fn known(&self) -> Vec<String> {
        self.status().discovery.unwrap_or_default().known
    }

    pub(super) fn message(&self) -> String {
        self.status().conditions[0].message.clone()
    }

    pub(super) fn edit(&mut self, field: &str, value: Value) {
        let mut spec = serde_json::to_value(&self.schedule.spec).unwrap();
        spec[field] = value;
        self.schedule.spec = serde_json::from_value(spec).unwrap();
        *self.schedule.metadata.generation.get_or_insert_default() += 1;
    }

    pub(super) fn set_clock(&mut self, time: &str) {
        self.now = time.parse().unwrap();
    }

    pub(super) fn pass(&mut self, time: SignedDuration) {
        self.now = self.now.checked_add(time).unwrap();
    }

    /// One reconciliation: whether it changed something, and when to look again. A crash comes
    /// after the status was written.
    pub(super) fn reconcile(&mut self, crash: bool) -> (bool, Option<Duration>) {
        let old = self.schedule.status.clone();
        let active = old.iter().flat_map(|status| &status.active);
        let active = active.map(|entry| self.imports.get(&entry.name).cloned()).collect();
        let importer = ImporterSettings::default();
        let discovery = old.as_ref().and_then(|status| status.discovery.as_ref());
        let listing = discovery.and_then(|discovery| discovery.job.as_ref());
        let listing = self.bucket.seen(listing.map(|job| &*job.name));
        let schedule = self.schedule.clone();
        let mut observed = Observed { schedule, active, listing, refused: None };
        let mut plan = plan(&observed, self.now, &importer);
        // Once a status was written, that of a second plan would be a conflict.
        let is_written = old.as_ref() != Some(&plan.status);
        if plan.create.take_if(|_| self.refuses.is_some()).is_some() && !is_written {
            observed.refused.clone_from(&self.refuses);
            plan = self::plan(&observed, self.now, &importer);
            assert!(plan.create.is_none());
        }
        // What is written is what is read back.
        let written = serde_json::to_value(&plan.status).unwrap();
        self.schedule.status = Some(serde_json::from_value(written).unwrap());
        let is_changed = old != self.schedule.status;
        if crash {
            return (is_changed, plan.requeue);
        }
        let is_changed = plan.create.is_some() || plan.list.is_some() || is_changed;
        if let Some(job) = plan.list {
            self.bucket.post(*job);
        }
        if let Some(import) = plan.create {
            self.post(*import);
        }
        self.announced.extend(plan.announcements.into_iter().map(|one| one.reason));
        (is_changed, plan.requeue)
    }

    /// Reconciles until there is nothing left to do now.
    pub(super) fn rest(&mut self) -> Option<Duration> {
        for _ in 0..100 {
            if let (false, requeue) = self.reconcile(false) {
                return requeue;
            }
        }
        panic!("it never rests: {:#?}", self.schedule.status);
    }

    /// What the API server does with a POST.
    fn post(&mut self, mut import: SalesImport) {
        let name = import.name_any();
        if self.imports.contains_key(&name) {
            return;
        }
        let is_of_file = self.schedule.spec.discover.is_some();
        let made = if is_of_file { name.clone() } else { tick_of(&import) };
        assert!(!self.made.contains(&made), "{name} is made twice");
        self.made.push(made);
        self.uids += 1;
        import.metadata.uid = Some(self.uids.to_string());
        self.imports.insert(name, import);
    }

    /// All SalesImports come to their end.
    pub(super) fn finish(&mut self) {
        for import in self.imports.values_mut() {
            let finish_time = Some(Time(self.now));
            import.status = Some(SalesImportStatus { finish_time, ..SalesImportStatus::default() });
        }
    }

    pub(super) fn key_of_last(&self) -> String {
        let import = &self.imports[self.status().last_import.as_ref().unwrap()];
        import.spec.source.s3.as_ref().unwrap().key.clone()
    }
}

fn tick_of(import: &SalesImport) -> String {
    import.annotations()[crate::schedule::import::SCHEDULED_AT].clone()
}
