//! Whatever happens in whatever order: no tick is made twice, none before its time, and once
//! things work again the next one is made.

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use super::World;

/// Something that may happen to a schedule at any time.
#[derive(Clone, Debug)]
enum Happening {
    Reconcile,
    /// The operator dies between writing the status and making the SalesImport.
    Crash,
    Pass(i64),
    ClockIsSetBack(i64),
    ImportsFinish,
    ImportsAreDeleted,
    Refuse(bool),
    Suspend(bool),
    Edit(&'static str),
    Policy(&'static str),
    Deadline(Option<i64>),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let schedules = vec!["*/10 * * * *", "@hourly", "30 2 * * *", "nonsense"];
    prop_oneof![
        8 => Just(Reconcile),
        3 => Just(Crash),
        6 => (1_i64..200_000).prop_map(Pass),
        1 => (1_i64..86_400).prop_map(ClockIsSetBack),
        3 => Just(ImportsFinish),
        1 => Just(ImportsAreDeleted),
        1 => any::<bool>().prop_map(Refuse),
        1 => any::<bool>().prop_map(Suspend),
        1 => proptest::sample::select(schedules).prop_map(Edit),
        1 => proptest::sample::select(vec!["Allow", "Forbid"]).prop_map(Policy),
        1 => proptest::option::of(10_i64..10_000).prop_map(Deadline),
    ]
}

fn happen(world: &mut World, happening: &Happening) {
    match happening {
        Happening::Reconcile => drop(world.rest()),
        Happening::Crash => drop(world.reconcile(true)),
        Happening::Pass(seconds) => world.pass(SignedDuration::from_secs(*seconds)),
        Happening::ClockIsSetBack(seconds) => world.pass(SignedDuration::from_secs(-seconds)),
        Happening::ImportsFinish => world.finish(),
        Happening::ImportsAreDeleted => world.imports.clear(),
        Happening::Refuse(refuse) => world.refuses = refuse.then(|| "quota".into()),
        Happening::Suspend(suspend) => world.edit("suspend", json!(suspend)),
        Happening::Edit(schedule) => world.edit("schedule", json!(schedule)),
        Happening::Policy(policy) => world.edit("concurrencyPolicy", json!(policy)),
        Happening::Deadline(seconds) => world.edit("startingDeadlineSeconds", json!(seconds)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_happens_no_tick_is_made_twice_and_the_next_one_is_made(
        happenings in proptest::collection::vec(happening(), 0..40),
    ) {
        let mut world = World::new(json!({"schedule": "@hourly"}));
        let mut newest_clock = world.now;
        for one in &happenings {
            // A tick that is made twice panics in the world.
            happen(&mut world, one);
            newest_clock = newest_clock.max(world.now);
            // Further back it is a clock that was wrong before.
            world.now = world.now.max(newest_clock.checked_sub(SignedDuration::from_hours(24)).unwrap());
            let is_due = |tick: &String| tick.parse::<Timestamp>().unwrap() <= newest_clock;
            prop_assert!(world.made.iter().all(is_due), "{:?}", world.made);
            prop_assert!(world.status().active.len() <= 10);
        }
        world.refuses = None;
        world.edit("suspend", json!(false));
        world.edit("schedule", json!("*/5 * * * *"));
        world.edit("startingDeadlineSeconds", json!(null));
        world.now = newest_clock;
        for _ in 0..2 {
            world.finish();
            world.rest();
        }
        let made = world.made.len();
        world.pass(SignedDuration::from_mins(5));
        world.rest();
        prop_assert_eq!(world.made.len(), made + 1, "{:#?}", world.status());
        prop_assert_eq!(world.state().0, "Scheduled");
    }
}
