//! What is to be done for a schedule: what was observed and the time in, a [`Plan`] out. Pure.
//!
//! A tick goes through three states, told by the status alone: *due* (it comes after
//! `status.since`), *recorded* (it stands in `status.active`, and `since` has moved up to it),
//! *made* (there its uid is known). Each plan makes at most one step and holds the whole next
//! status; the shell writes that first and acts after. A SalesImport is named after its tick, so
//! that it is made once, whatever happens in between.

mod discover;
#[cfg(test)]
mod tests;

use std::time::Duration;

use k8s_openapi::{
    api::batch::v1::Job,
    apimachinery::pkg::apis::meta::v1::Time,
    jiff::{SignedDuration, Timestamp},
};
use kube::ResourceExt as _;

use super::{
    calendar::{Calendar, CalendarError},
    import,
};
use crate::{
    crd::{
        SalesImport, SalesImportSchedule, SalesImportScheduleStatus,
        conditions::{self, Phase},
        schedule::{ActiveImport, ConcurrencyPolicy},
    },
    sales_import::{ImporterSettings, announcement::Announcement, attempt::Seen, status},
};

/// SalesImports of one schedule that may be under way at a time, where several may be.
const MAX_ACTIVE: usize = 10;
/// Right after what was decided is written.
const SOON: Duration = Duration::from_millis(100);
/// In case that a watch has missed something, or that the clock was set.
const SAFETY: Duration = Duration::from_mins(1);
/// A `since` so far ahead was written by a clock that was wrong.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What the shell has seen, all of it live.
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    /// The schedule.
    pub(crate) schedule: SalesImportSchedule,
    /// What was found under the names in `status.active`, in their order.
    pub(crate) active: Vec<Option<SalesImport>>,
    /// What there is of the Job that lists files, where one is recorded.
    pub(crate) listing: Seen,
    /// Why the API server refused to make the SalesImport or Job just now, where it did.
    pub(crate) refused: Option<String>,
}

/// What is to be done: write the status where it changed, make what is to be made, announce, come
/// back.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The whole next status.
    pub(crate) status: SalesImportScheduleStatus,
    /// The SalesImport to make once the status is written.
    pub(crate) create: Option<Box<SalesImport>>,
    /// The Job that lists files, to be made once the status is written.
    pub(crate) list: Option<Box<Job>>,
    /// What to tell in events, once the status is written.
    pub(crate) announcements: Vec<Announcement>,
    /// When to look again without being told; `None`: only when something changes.
    pub(crate) requeue: Option<Duration>,
}

/// What is to be done now.
pub(crate) fn plan(observed: &Observed, now: Timestamp, importer: &ImporterSettings) -> Plan {
    let mut planner = Planner {
        observed,
        importer,
        // Statuses hold whole seconds.
        now: Timestamp::from_second(now.as_second()).unwrap_or(now),
        status: observed.schedule.status.clone().unwrap_or_default(),
        announcements: Vec::new(),
        create: None,
        list: None,
        requeue: None,
    };
    if observed.schedule.metadata.deletion_timestamp.is_none() {
        planner.step();
    }
    let Planner { status, create, list, announcements, requeue, .. } = planner;
    Plan { status, create, list, announcements, requeue }
}

struct Planner<'a> {
    observed: &'a Observed,
    importer: &'a ImporterSettings,
    now: Timestamp,
    status: SalesImportScheduleStatus,
    announcements: Vec<Announcement>,
    create: Option<Box<SalesImport>>,
    list: Option<Box<Job>>,
    requeue: Option<Duration>,
}

impl Planner<'_> {
    fn step(&mut self) {
        let schedule = &self.observed.schedule;
        self.status.observed_generation = schedule.metadata.generation;
        self.follow_imports();
        let since = self.count_since();
        self.status.next_schedule_time = None;
        let calendar = match Calendar::new(&schedule.spec.schedule, &schedule.spec.time_zone) {
            Ok(calendar) => calendar,
            Err(error) => return self.stalled(reason(&error), &error.to_string()),
        };
        let due = self.due(&calendar, since);
        if schedule.spec.suspend {
            self.pass_over(due);
            let message = "No SalesImport is made while spec.suspend is true.";
            self.report(Phase::Succeeded, conditions::SUSPENDED, message);
            self.requeue = Some(self.until(calendar.next(self.now)));
            return;
        }
        let next = calendar.next(self.now);
        self.status.next_schedule_time = next.map(Time);
        self.requeue = Some(self.until(next));
        if schedule.spec.discover.is_some() {
            return self.discover(&calendar, due);
        }
        if self.status.discovery.take().is_some() {
            self.status.active.retain(|entry| entry.uid.is_some());
        }
        self.make(&calendar, due);
    }

    /// Takes note of what became of the SalesImports that were made.
    fn follow_imports(&mut self) {
        let seen = &self.observed.active;
        let mut active = std::mem::take(&mut self.status.active);
        for (entry, seen) in active.iter_mut().zip(seen) {
            let Some(import) = seen else { continue };
            if entry.uid.is_none() && import::is_made_by(import, &self.observed.schedule) {
                entry.uid = import.uid();
                self.know(&entry.name);
                self.announce(
                    false,
                    "ImportCreated",
                    format!("Made the SalesImport {}.", entry.name),
                );
            } else if entry.uid.is_none() {
                self.know(&entry.name);
                let note =
                    format!("The SalesImport {} is there and is not this schedule's.", entry.name);
                self.announce(true, "ImportNameTaken", note);
            }
        }
        let mut seen = seen.iter();
        active.retain(|entry| match seen.next().and_then(Option::as_ref) {
            Some(import) => {
                entry.uid.is_some() && entry.uid == import.uid() && !has_finished(import)
            }
            None => entry.uid.is_none(),
        });
        self.status.active = active;
    }

    /// After which moment ticks count.
    fn count_since(&mut self) -> Timestamp {
        let schedule = &self.observed.schedule;
        let seen = format!("{} {}", schedule.spec.schedule, schedule.spec.time_zone);
        let made = schedule.metadata.creation_timestamp.as_ref().map_or(self.now, |time| time.0);
        let is_edited = self.status.seen_schedule.as_ref().is_some_and(|former| *former != seen);
        let since = match self.status.since.as_ref().map_or(made, |since| since.0) {
            since if since > later(self.now, DAY) => self.now,
            since if is_edited => since.max(self.now),
            since => since,
        };
        self.status.seen_schedule = Some(seen);
        self.status.since = Some(Time(since));
        since
    }

    /// The newest tick that waits to be made. One that is too late is passed over.
    fn due(&mut self, calendar: &Calendar, since: Timestamp) -> Option<Timestamp> {
        let tick = calendar.latest(since, self.now)?;
        if !self.is_late(tick) {
            return Some(tick);
        }
        let limit = self.observed.schedule.spec.starting_deadline_seconds.unwrap_or_default();
        self.pass_over(Some(tick));
        let note = format!(
            "The tick of {} was missed: it could not be made within {limit} seconds.",
            calendar.local(tick)
        );
        self.announce(true, "TickMissed", note);
        None
    }

    fn pass_over(&mut self, tick: Option<Timestamp>) {
        if let Some(tick) = tick {
            self.status.since = Some(Time(tick));
        }
    }

    /// Makes what is recorded, or else records what is due.
    fn make(&mut self, calendar: &Calendar, due: Option<Timestamp>) {
        // Of several missed ticks only the newest is made, and in its time.
        let (now, limit) = (self.now, self.observed.schedule.spec.starting_deadline_seconds);
        let in_time = |entry: &ActiveImport| !is_late(entry.schedule_time.0, now, limit);
        self.status.active.retain(|one| one.uid.is_some() || (due.is_none() && in_time(one)));
        let recorded = self.status.active.iter().find(|entry| entry.uid.is_none());
        let tick = recorded.map(|entry| entry.schedule_time.0).or(due).unwrap_or(now);
        let is_recorded = recorded.is_some();
        let import = match import::import(&self.observed.schedule, &calendar.local(tick)) {
            Ok(import) => import,
            Err(error) => {
                let message = format!("spec.template.spec.source: {error}");
                return self.stalled(conditions::INVALID_PLACEHOLDER, &message);
            }
        };
        match due {
            _ if is_recorded => return self.create(import),
            Some(tick) if self.is_free() => self.record(calendar, import.name_any(), tick),
            Some(tick) => return self.hold_back(calendar, tick),
            None => {}
        }
        self.scheduled(calendar);
    }

    fn create(&mut self, import: SalesImport) {
        let Some(refused) = &self.observed.refused else {
            self.create = Some(Box::new(import));
            return;
        };
        let name = import.name_any();
        let message = format!("The API server refuses the SalesImport {name}: {refused}");
        self.report(Phase::Failed, conditions::IMPORT_REFUSED, &message);
    }

    fn scheduled(&mut self, calendar: &Calendar) {
        let next = self.status.next_schedule_time.as_ref();
        let next = next.map(|next| calendar.local(next.0).to_string()).unwrap_or_default();
        let mut message = format!("The next tick is {next}.");
        let unusable = self.status.discovery.as_ref().map_or(0, |discovery| discovery.unusable);
        if unusable > 0 {
            let note = format!(" Of the names that fit, {unusable} can't be imported.");
            message.push_str(&note);
        }
        self.report(Phase::Succeeded, conditions::SCHEDULED, &message);
    }

    fn is_free(&self) -> bool {
        let limit = match self.observed.schedule.spec.concurrency_policy {
            ConcurrencyPolicy::Forbid => 1,
            ConcurrencyPolicy::Allow => MAX_ACTIVE,
        };
        self.status.active.len() < limit
    }

    /// Writes down that a tick is to be made; its SalesImport is made once that is written.
    fn record(&mut self, calendar: &Calendar, name: String, tick: Timestamp) {
        self.tell_missed(calendar, tick);
        self.pass_over(Some(tick));
        self.status.last_schedule_time = Some(Time(tick));
        self.record_import(name, tick);
    }

    fn record_import(&mut self, name: String, tick: Timestamp) {
        self.status.last_import = Some(name.clone());
        self.status.active.push(ActiveImport { name, uid: None, schedule_time: Time(tick) });
        self.requeue = Some(SOON);
    }

    /// Tells which ticks are passed over where that one is made.
    fn tell_missed(&mut self, calendar: &Calendar, tick: Timestamp) {
        let since = self.status.since.as_ref().map_or(tick, |since| since.0);
        if let Some(first) = calendar.next(since).filter(|first| *first < tick) {
            let (first, newest) = (calendar.local(first), calendar.local(tick));
            let note = format!(
                "Of the ticks that were missed from {first} on, only that of {newest} is made."
            );
            self.announce(true, "TickMissed", note);
        }
    }

    fn hold_back(&mut self, calendar: &Calendar, tick: Timestamp) {
        let names: Vec<_> = self.status.active.iter().map(|entry| entry.name.as_str()).collect();
        let names = names.join(", ");
        let tick = calendar.local(tick);
        let message = format!("The tick of {tick} waits until this is finished: {names}.");
        self.report(Phase::InProgress, conditions::HELD_BACK, &message);
    }

    fn is_late(&self, tick: Timestamp) -> bool {
        is_late(tick, self.now, self.observed.schedule.spec.starting_deadline_seconds)
    }

    fn stalled(&mut self, reason: &str, message: &str) {
        self.report(Phase::Failed, reason, message);
        self.requeue = None;
    }

    fn report(&mut self, phase: Phase, reason: &str, message: &str) {
        let types = [
            (conditions::READY, phase == Phase::Succeeded),
            (conditions::RECONCILING, phase == Phase::InProgress),
            (conditions::STALLED, phase == Phase::Failed),
        ];
        let old = self.observed.schedule.status.as_ref();
        let old = old.map(|status| status.conditions.clone()).unwrap_or_default();
        let former = old.first().map(|condition| condition.reason.as_str());
        let is_routine = [conditions::LISTING, conditions::IMPORTING].contains(&reason);
        if former != Some(reason) && phase != Phase::Succeeded && !is_routine {
            self.announce(phase == Phase::Failed, reason, message.into());
        }
        let at = (self.status.observed_generation, self.now);
        self.status.conditions = status::conditions(&old, &types, (reason, message), at);
    }

    fn announce(&mut self, is_warning: bool, reason: &str, note: String) {
        self.announcements.push(Announcement {
            is_warning,
            reason: reason.into(),
            note,
            job: None,
        });
    }

    /// How long until then, at least a moment.
    fn until(&self, then: Option<Timestamp>) -> Duration {
        let left = then.map_or(SAFETY, |then| then.duration_since(self.now).unsigned_abs());
        left.clamp(SOON, SAFETY)
    }
}

fn reason(error: &CalendarError) -> &'static str {
    match error {
        CalendarError::TimeZone(_) => conditions::INVALID_TIME_ZONE,
        CalendarError::Schedule { .. } | CalendarError::Never(_) => conditions::INVALID_SCHEDULE,
    }
}

fn has_finished(import: &SalesImport) -> bool {
    import.status.as_ref().is_some_and(|status| status.finish_time.is_some())
}

fn is_late(tick: Timestamp, now: Timestamp, limit: Option<i64>) -> bool {
    limit.is_some_and(|limit| now > later(tick, SignedDuration::from_secs(limit)))
}

fn later(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.checked_add(duration).unwrap_or(Timestamp::MAX)
}
