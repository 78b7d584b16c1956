//! Ticks where the clocks are changed, and where nothing is said that can be followed.

use k8s_openapi::jiff::tz::AmbiguousOffset;
use proptest::prelude::*;

use super::*;

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn calendar(schedule: &str, zone: &str) -> Calendar {
    Calendar::new(schedule, zone).unwrap()
}

/// The first ticks after a moment.
fn ticks(schedule: &str, zone: &str, after: &str, count: usize) -> Vec<Timestamp> {
    let calendar = calendar(schedule, zone);
    let first = calendar.next(at(after));
    std::iter::successors(first, |tick| calendar.next(*tick)).take(count).collect()
}

#[test]
fn a_time_that_the_clocks_leave_out_comes_when_they_were_put_forward() {
    for (zone, time, after, expected) in [
        (
            "Europe/Berlin",
            "30 2",
            "2025-03-29T12:00:00Z",
            ["2025-03-30T01:00:00Z", "2025-03-31T00:30:00Z"],
        ),
        (
            "America/New_York",
            "30 2",
            "2025-03-08T12:00:00Z",
            ["2025-03-09T07:00:00Z", "2025-03-10T06:30:00Z"],
        ),
        (
            "Australia/Lord_Howe",
            "15 2",
            "2025-10-04T00:00:00Z",
            ["2025-10-04T15:30:00Z", "2025-10-05T15:15:00Z"],
        ),
        (
            "Asia/Tokyo",
            "30 2",
            "2025-03-29T12:00:00Z",
            ["2025-03-29T17:30:00Z", "2025-03-30T17:30:00Z"],
        ),
        // Midnight itself is left out.
        (
            "America/Santiago",
            "0 0",
            "2025-09-06T12:00:00Z",
            ["2025-09-07T04:00:00Z", "2025-09-08T03:00:00Z"],
        ),
    ] {
        assert_eq!(ticks(&format!("{time} * * *"), zone, after, 2), expected.map(at), "{zone}");
    }
}

#[test]
fn a_time_that_the_clocks_show_twice_comes_the_first_time_only() {
    for (zone, time, after, expected) in [
        (
            "Europe/Berlin",
            "30 2",
            "2025-10-25T12:00:00Z",
            ["2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z"],
        ),
        (
            "America/New_York",
            "30 1",
            "2025-11-01T12:00:00Z",
            ["2025-11-02T05:30:00Z", "2025-11-03T06:30:00Z"],
        ),
        (
            "Australia/Lord_Howe",
            "45 1",
            "2025-04-05T00:00:00Z",
            ["2025-04-05T14:45:00Z", "2025-04-06T15:15:00Z"],
        ),
        (
            "Etc/UTC",
            "30 2",
            "2025-10-25T12:00:00Z",
            ["2025-10-26T02:30:00Z", "2025-10-27T02:30:00Z"],
        ),
    ] {
        assert_eq!(ticks(&format!("{time} * * *"), zone, after, 2), expected.map(at), "{zone}");
    }
}

#[test]
fn minutes_of_a_named_hour_that_is_left_out_are_one_tick() {
    let ticks = ticks("*/15 2 * * *", "Europe/Berlin", "2025-03-29T12:00:00Z", 2);
    assert_eq!(ticks, ["2025-03-30T01:00:00Z", "2025-03-31T00:00:00Z"].map(at));
}

#[test]
fn a_schedule_of_every_hour_follows_the_time_that_passes() {
    for (schedule, day, until, count) in [
        ("*/15 * * * *", "2025-03-29T22:59:59Z", "2025-03-30T21:59:59Z", 23 * 4),
        ("*/15 * * * *", "2025-10-25T21:59:59Z", "2025-10-26T22:59:59Z", 25 * 4),
        ("@hourly", "2025-10-25T21:59:59Z", "2025-10-26T22:59:59Z", 25),
        ("0 */2 * * *", "2025-03-29T22:59:59Z", "2025-03-30T21:59:59Z", 11),
    ] {
        let ticks = ticks(schedule, "Europe/Berlin", day, 200);
        let ticks = ticks.into_iter().take_while(|tick| *tick <= at(until)).count();
        assert_eq!(ticks, count, "{schedule} on the day after {day}");
    }
}

#[test]
fn the_newest_tick_is_found_at_once_after_years() {
    let every_minute = calendar("* * * * *", "Europe/Berlin");
    let newest = every_minute.latest(at("2015-01-01T00:00:00Z"), at("2025-10-26T00:59:59Z"));
    assert_eq!(newest, Some(at("2025-10-26T00:59:00Z")));
    let leap_day = calendar("0 12 29 2 *", "America/New_York");
    let newest = leap_day.latest(at("1990-01-01T00:00:00Z"), at("2023-12-31T00:00:00Z"));
    assert_eq!(newest, Some(at("2020-02-29T17:00:00Z")));
    assert_eq!(leap_day.next(at("2096-03-01T00:00:00Z")), Some(at("2104-02-29T17:00:00Z")));
}

#[test]
fn the_moment_after_which_ticks_count_is_left_out_and_the_last_one_is_not() {
    let daily = calendar("@daily", "Etc/UTC");
    let (monday, tuesday) = (at("2025-03-03T00:00:00Z"), at("2025-03-04T00:00:00Z"));
    assert_eq!(daily.latest(monday, tuesday), Some(tuesday));
    assert_eq!(daily.latest(monday, at("2025-03-03T23:59:59Z")), None);
    // A clock that was set back.
    assert_eq!(daily.latest(tuesday, monday), None);
}

#[test]
fn words_names_and_sundays_are_read_as_cron_reads_them() {
    for (one, other) in [
        ("@hourly", "0 * * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * SUN"),
        ("0 0 * * 7", "0 0 * * sun"),
        ("@monthly", "0 0 1 JAN-DEC *"),
        ("@yearly", "@annually"),
        (" 0  0 1 1 * ", "@yearly"),
    ] {
        let [one, other] =
            [one, other].map(|schedule| ticks(schedule, "Etc/UTC", "2025-01-01T00:00:00Z", 20));
        assert_eq!(one, other);
    }
    // A day of the month or a day of the week.
    let ticks = ticks("0 0 13 * FRI", "Etc/UTC", "2025-06-01T00:00:00Z", 3);
    let expected = ["2025-06-06T00:00:00Z", "2025-06-13T00:00:00Z", "2025-06-20T00:00:00Z"];
    assert_eq!(ticks, expected.map(at));
}

#[test]
fn what_can_not_be_followed_is_told_with_what_would_be_right() {
    for schedule in [
        "",
        "* * * *",
        "0 * * * * *",
        "61 * * * *",
        "0 24 * * *",
        "@reboot",
        "@every 5m",
        "x * * * *",
    ] {
        let error = Calendar::new(schedule, "Etc/UTC").unwrap_err().to_string();
        assert!(error.starts_with(&format!("spec.schedule {schedule:?} is not")), "{error}");
        assert!(error.contains("`30 2 * * *`"), "{error}");
    }
    let never = Calendar::new("0 0 30 2 *", "Europe/Berlin").unwrap_err().to_string();
    assert_eq!(
        never,
        "spec.schedule \"0 0 30 2 *\" does not come in ten years: name a day that the month has."
    );
    for zone in ["Europe/Berln", "Local", "CET+1", ""] {
        let error = Calendar::new("@daily", zone).unwrap_err().to_string();
        assert!(error.contains(&format!("{zone:?} is not in the IANA database")), "{error}");
    }
}

/// All ticks of some days, minute by minute: slow, and without any stretch.
fn minute_by_minute(calendar: &Calendar, first: Timestamp, days: i64) -> Vec<Timestamp> {
    let minutes = (0..days * 1440)
        .map(|minute| first.checked_add(SignedDuration::from_mins(minute)).unwrap());
    let clocks = |moment: Timestamp| calendar.local(moment).datetime();
    let matches = |time: DateTime| calendar.cron.is_time_matching(&time).unwrap();
    let mut ticks: Vec<_> = if calendar.names_hours {
        // A civil day has all its minutes, whatever the clocks of the zone do.
        let utc = |moment: Timestamp| Offset::UTC.to_datetime(moment);
        let times = minutes.map(utc).filter(|time| matches(*time));
        times
            .map(|time| {
                let ambiguous = calendar.zone.to_ambiguous_timestamp(time);
                let gap = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
                let earlier = ambiguous.earlier().unwrap();
                let put_forward = calendar.zone.following(earlier).next().filter(|_| gap);
                put_forward.map_or(earlier, |change| change.timestamp())
            })
            .collect()
    } else {
        minutes.filter(|moment| matches(clocks(*moment))).collect()
    };
    ticks.dedup();
    ticks
}

const SCHEDULES: [&str; 9] = [
    "30 2 * * *",
    "*/7 * * * *",
    "0 */2 * * *",
    "15,45 1-3 * * *",
    "*/20 0,2,23 * * *",
    "0 0 * * *",
    "59 1 * * SUN",
    "7 * * * *",
    "* 1,2 * * *",
];
const ZONES: [&str; 7] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Etc/UTC",
    "Asia/Kathmandu",
    "Africa/Casablanca",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn ticks_are_those_that_are_found_minute_by_minute(
        schedule in proptest::sample::select(SCHEDULES.to_vec()),
        zone in proptest::sample::select(ZONES.to_vec()),
        // Days of the years in which the clocks are changed, and any other.
        day in prop_oneof![Just("2025-03-29"), Just("2025-10-25"), Just("2025-03-08"),
            Just("2025-11-01"), Just("2025-04-05"), Just("2025-10-04"), Just("2025-09-06"),
            Just("2025-02-22"), Just("2024-02-28"), Just("2025-07-01")],
    ) {
        let calendar = calendar(schedule, zone);
        let first = at(&format!("{day}T00:00:00Z"));
        let found = minute_by_minute(&calendar, first, 3);
        let (Some(one), Some(last)) = (found.first(), found.last()) else { return Ok(()) };
        let mut forward = vec![*one];
        while let Some(tick) = calendar.next(*forward.last().unwrap()).filter(|tick| tick <= last) {
            forward.push(tick);
        }
        prop_assert_eq!(&forward, &found);
        let mut backward = vec![*last];
        let before = |tick: &Timestamp| tick.checked_sub(SECOND).unwrap();
        while let Some(tick) = calendar.latest(before(one), before(backward.last().unwrap())) {
            backward.push(tick);
        }
        backward.reverse();
        prop_assert_eq!(&backward, &found);
    }
}
