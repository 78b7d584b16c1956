//! While the operator works each tick is made exactly once; after it was away, the newest one.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::World;
use crate::schedule::calendar::Calendar;

const SCHEDULES: [&str; 6] =
    ["30 2 * * *", "*/7 * * * *", "@hourly", "15 1-3 * * *", "0 0 * * SUN", "59 23 28-31 * *"];
const ZONES: [&str; 3] = ["Europe/Berlin", "Australia/Lord_Howe", "Etc/UTC"];

/// A time in which the operator works, after one in which it was away.
#[derive(Clone, Debug)]
struct Shift {
    away: i64,
    works: i64,
    /// Another schedule and zone, edited while it was away.
    edit: Option<(&'static str, &'static str)>,
}

fn shift() -> impl Strategy<Value = Shift> {
    let edit =
        (proptest::sample::select(SCHEDULES.to_vec()), proptest::sample::select(ZONES.to_vec()));
    let minutes = || prop_oneof![4 => 0_i64..600, 1 => 0_i64..60_000];
    (minutes(), 1_i64..1_500, proptest::option::weighted(0.3, edit))
        .prop_map(|(away, works, edit)| Shift { away: away * 60, works: works * 60, edit })
}

fn later(time: Timestamp, seconds: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

/// Works until then, and wakes up only when it wanted to be woken.
fn work(world: &mut World, until: Timestamp) {
    while world.now < until {
        let requeue = world.rest().unwrap();
        world.finish();
        let next = world.status().next_schedule_time.unwrap().0;
        assert!(world.now.checked_add(requeue).unwrap() <= next, "it would sleep over a tick");
        // Nothing happens when it looks once a minute before that.
        world.now = next.min(until);
    }
    world.rest();
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn each_tick_within_its_deadline_is_made_exactly_once(
        first in (proptest::sample::select(SCHEDULES.to_vec()), proptest::sample::select(ZONES.to_vec())),
        shifts in proptest::collection::vec(shift(), 1..6),
        deadline in proptest::option::of(60_i64..40_000),
        begin in 0_i64..31_536_000,
    ) {
        let mut world = World::new(json!({"schedule": first.0, "timeZone": first.1,
            "startingDeadlineSeconds": deadline}));
        world.now = later(world.now, begin);
        let creation = serde_json::from_value(json!(world.now.to_string())).unwrap();
        world.schedule.metadata.creation_timestamp = Some(creation);
        let mut calendar = Calendar::new(first.0, first.1).unwrap();
        let mut current = first;
        let mut since = world.now;
        let mut seen = false;
        let mut expected = Vec::new();
        for shift in shifts {
            let returns = later(world.now, shift.away);
            if let Some(edit) = shift.edit {
                world.edit("schedule", json!(edit.0));
                world.edit("timeZone", json!(edit.1));
                calendar = Calendar::new(edit.0, edit.1).unwrap();
                since = if seen && edit != current { returns } else { since };
                current = edit;
            }
            seen = true;
            let missed = calendar.latest(since, returns);
            expected.extend(missed.filter(|tick| deadline.is_none_or(|limit| later(*tick, limit) >= returns)));
            world.now = returns;
            let ends = later(returns, shift.works);
            work(&mut world, ends);
            let mut tick = returns;
            while let Some(next) = calendar.next(tick).filter(|next| *next <= ends) {
                expected.push(next);
                tick = next;
            }
            since = ends;
        }
        let made: Vec<Timestamp> = world.made.iter().map(|tick| tick.parse().unwrap()).collect();
        prop_assert_eq!(made, expected);
    }
}
