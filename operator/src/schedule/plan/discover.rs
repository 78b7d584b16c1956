//! What is to be done where files are looked for: a part of the plan.
//!
//! A tick begins a listing: its number stands in the status before its Job is made. The files that
//! it found go one by one through the states of a tick: *pending*, *recorded* in `status.active`,
//! *made*; then the file is known, and never told again while it is there. What does not fit into
//! one listing is listed once these are made.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use ledger::{ListOutcome, listing::Listing};

use super::{Planner, later};
use crate::{
    crd::{
        conditions::{self, Phase},
        discovery::DiscoveryStatus,
        status::JobReference,
    },
    sales_import::attempt::{self, Progress},
    schedule::{calendar::Calendar, import, listing, placeholder},
};

/// Versions of files that a status remembers.
const MAX_KNOWN: usize = 4_000;
/// After how long a listing that failed is tried again.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);

impl Planner<'_> {
    /// Looks for files at each tick, and makes a SalesImport of each new one.
    pub(super) fn discover(&mut self, calendar: &Calendar, due: Option<Timestamp>) {
        self.forget_what_another_spec_found();
        let discovery = self.discovery().clone();
        let tick = discovery.tick.as_ref().map(|tick| tick.0);
        let at = calendar.local(due.or(tick).unwrap_or(self.now));
        let template = &self.observed.schedule.spec.template.spec.source;
        let filled = match placeholder::filled(template, &at) {
            Ok(filled) => filled,
            Err(error) => {
                let message = format!("spec.template.spec.source: {error}");
                return self.stalled(conditions::INVALID_PLACEHOLDER, &message);
            }
        };
        let is_idle = tick.is_none() || discovery.problem.is_some();
        match (due, tick) {
            (Some(due), _) if is_idle && self.is_free() => {
                if filled != *template {
                    self.tell_missed(calendar, due);
                }
                self.pass_over(Some(due));
                self.status.last_schedule_time = Some(Time(due));
                *self.discovery() = DiscoveryStatus {
                    tick: Some(Time(due)),
                    problem: None,
                    retry_time: None,
                    more: None,
                    ..discovery
                };
                self.list(calendar);
            }
            (Some(due), None) => self.hold_back(calendar, due),
            (_, Some(tick)) => self.go_on(calendar, tick),
            (None, None) => self.scheduled(calendar),
        }
    }

    pub(super) fn discovery(&mut self) -> &mut DiscoveryStatus {
        self.status.discovery.get_or_insert_default()
    }

    /// The tick for which files are looked for.
    fn tick(&self) -> Timestamp {
        let tick = self.status.discovery.as_ref().and_then(|discovery| discovery.tick.as_ref());
        tick.map_or(self.now, |tick| tick.0)
    }

    /// Another spec may mean another bucket. What was not made is found again.
    fn forget_what_another_spec_found(&mut self) {
        let generation = self.observed.schedule.metadata.generation;
        let old = self.discovery().clone();
        if old.generation != generation {
            let DiscoveryStatus { tick, listing, known, .. } = old;
            let kept = DiscoveryStatus { generation, tick, listing, known, ..Default::default() };
            *self.discovery() = kept;
            self.status.active.retain(|entry| entry.uid.is_some());
        }
    }

    /// The file whose SalesImport has that name is known from now on.
    pub(super) fn know(&mut self, name: &str) {
        let schedule = &self.observed.schedule;
        let Some(discovery) = &mut self.status.discovery else { return };
        let of_name = |file: &_| import::name_of_file(schedule, file) == name;
        if let Some(index) = discovery.pending.iter().position(of_name) {
            discovery.known.push(discovery.pending.remove(index).id);
        }
    }

    /// One step further with what was found, or towards finding it.
    fn go_on(&mut self, calendar: &Calendar, tick: Timestamp) {
        let discovery = self.discovery().clone();
        if self.status.active.iter().any(|entry| entry.uid.is_none()) {
            return self.make_file(calendar);
        }
        if let Some(file) = discovery.pending.first() {
            if self.is_free() {
                let name = import::name_of_file(&self.observed.schedule, file);
                self.record_import(name, tick);
            }
            return self.importing();
        }
        match (&discovery.job, &discovery.problem, discovery.retry_time) {
            (Some(job), _, _) => self.follow(calendar, job),
            (None, Some(problem), None) => {
                self.report(Phase::Failed, conditions::LISTING_REFUSED, problem);
            }
            (None, Some(problem), Some(retry)) if retry.0 > self.now => {
                self.report(Phase::InProgress, conditions::LISTING_FAILED, problem);
                self.requeue = self.requeue.min(Some(self.until(Some(retry.0))));
            }
            _ if discovery.more == Some(0) => {
                self.discovery().tick = None;
                self.scheduled(calendar);
            }
            _ if self.is_free() => self.list(calendar),
            _ => self.importing(),
        }
    }

    /// Makes the SalesImport that is recorded.
    fn make_file(&mut self, calendar: &Calendar) {
        let schedule = &self.observed.schedule;
        let Some(entry) = self.status.active.iter().find(|entry| entry.uid.is_none()) else {
            return;
        };
        let at = calendar.local(entry.schedule_time.0);
        let pending = self.status.discovery.iter().flat_map(|discovery| &discovery.pending);
        let mut files = pending.filter(|file| import::name_of_file(schedule, file) == entry.name);
        let import = files.next().map(|file| import::import_of_file(schedule, &at, file));
        self.importing();
        match import {
            Some(import) => self.create(import),
            // Nobody knows what it was to be; the next listing finds it again.
            None => self.status.active.retain(|entry| entry.uid.is_some()),
        }
    }

    fn importing(&mut self) {
        let pending = self.discovery().pending.len() as u64;
        let waiting = pending + self.discovery().more.unwrap_or_default();
        let message = format!("SalesImports of {waiting} new files are to be made.");
        self.report(Phase::InProgress, conditions::IMPORTING, &message);
    }

    /// Writes down that a Job is to list files; it is made once that is written.
    fn list(&mut self, calendar: &Calendar) {
        let number = self.discovery().listing + 1;
        let name = listing::name(&self.observed.schedule, number);
        let discovery = self.discovery();
        discovery.listing = number;
        discovery.job = Some(JobReference { name, uid: None });
        (discovery.problem, discovery.retry_time) = (None, None);
        self.listing(calendar);
        self.requeue = Some(super::SOON);
    }

    fn listing(&mut self, calendar: &Calendar) {
        let message = format!("Files are listed for the tick of {}.", calendar.local(self.tick()));
        self.report(Phase::InProgress, conditions::LISTING, &message);
    }

    fn follow(&mut self, calendar: &Calendar, job: &JobReference) {
        let owner = self.observed.schedule.metadata.uid.clone().unwrap_or_default();
        let seen = (&self.observed.listing, self.now);
        match attempt::progress_with(&owner, job, seen, |pod, _| listing::outcome(pod)) {
            Progress::NotMade => self.make_job(calendar, &job.name),
            Progress::NameTaken => {
                let why = format!("The Job {} is there and is not this schedule's.", job.name);
                self.failed(calendar, why);
            }
            Progress::Made { uid } => {
                self.discovery().job = Some(JobReference { uid: Some(uid), ..job.clone() });
                self.listing(calendar);
                self.requeue = Some(super::SOON);
            }
            Progress::Waiting(Some(hindrance)) => {
                self.report(Phase::InProgress, hindrance.reason, &hindrance.message);
            }
            Progress::Waiting(None) | Progress::Running => self.listing(calendar),
            Progress::Ended(outcome) => self.take(calendar, *outcome),
            Progress::Lost(why) => self.failed(calendar, why),
            Progress::TimedOut => {
                self.failed(calendar, "The Job that lists files took too long.".into());
            }
        }
    }

    fn make_job(&mut self, calendar: &Calendar, name: &str) {
        if let Some(refused) = &self.observed.refused {
            let message = format!("The API server refuses the Job {name}: {refused}");
            return self.report(Phase::Failed, conditions::JOB_REFUSED, &message);
        }
        let discovery = self.discovery().clone();
        let template = &self.observed.schedule.spec.template.spec.source;
        // A placeholder that can't be filled in was told before.
        if let Ok(source) = placeholder::filled(template, &calendar.local(self.tick())) {
            let schedule = &self.observed.schedule;
            let job = listing::job(schedule, (name, source), &discovery, self.importer);
            self.list = Some(Box::new(job));
        }
        self.listing(calendar);
    }

    /// Takes note of what a listing says.
    fn take(&mut self, calendar: &Calendar, outcome: ListOutcome) {
        match outcome {
            ListOutcome::Listed(listing) => {
                self.found(listing);
                self.go_on(calendar, self.tick());
            }
            ListOutcome::Fault(why) => self.failed(calendar, why.message),
            ListOutcome::Refused(why) => {
                self.end_listing(why.message, None);
                self.go_on(calendar, self.tick());
            }
        }
    }

    fn found(&mut self, listing: Listing) {
        let Listing { mut files, mut more, unusable, gone, .. } = listing;
        let discovery = self.discovery();
        discovery.known.retain(|id| !gone.contains(id));
        let room = MAX_KNOWN.saturating_sub(discovery.known.len());
        more += files.len().saturating_sub(room) as u64;
        files.truncate(room);
        let is_full = files.is_empty() && more > 0;
        discovery.job = None;
        (discovery.pending, discovery.more, discovery.unusable) = (files, Some(more), unusable);
        if is_full {
            let why = format!(
                "There are {more} new files beside {MAX_KNOWN} that are known, and no more are \
                 remembered: move away what is loaded, or narrow the pattern."
            );
            self.end_listing(why, None);
        }
    }

    fn failed(&mut self, calendar: &Calendar, why: String) {
        self.end_listing(why, Some(Time(later(self.now, PAUSE))));
        self.go_on(calendar, self.tick());
    }

    fn end_listing(&mut self, problem: String, retry_time: Option<Time>) {
        let discovery = self.discovery();
        discovery.job = None;
        (discovery.problem, discovery.retry_time) = (Some(problem), retry_time);
    }
}
