//! Ticks that come on time, too late, while others are under way, and when the clock is set.

use k8s_openapi::jiff::SignedDuration;
use kube::ResourceExt as _;
use serde_json::json;

use super::World;

#[test]
fn each_tick_makes_one_import_that_says_whose_it_is() {
    let mut world = World::new(json!({
        "timeZone": "Europe/Berlin",
        "template": {
            "metadata": {"labels": {"team": "finance"}, "annotations": {"note": "nightly"}},
            "spec": {"source": {"s3": {"bucket": "sales", "key": "{%Y-%m-%d -1d}.csv"}}, "dataset": "shop-7"},
        },
    }));
    let requeue = world.rest().unwrap();
    assert_eq!(requeue.as_secs(), 60, "a clock may be set");
    assert!(world.made.is_empty());
    assert_eq!(world.state(), ("Scheduled".into(), "Ready".into()));
    assert_eq!(world.message(), "The next tick is 2025-06-02T02:30:00+02:00[Europe/Berlin].");
    world.set_clock("2025-06-02T00:29:30Z");
    assert_eq!(world.rest().unwrap().as_secs(), 30);
    assert!(world.made.is_empty());
    world.set_clock("2025-06-02T00:30:00Z");
    world.rest();
    assert_eq!(world.made, ["2025-06-02T02:30:00+02:00"]);
    let import = &world.imports["daily-29147070"];
    assert_eq!(import.namespace().as_deref(), Some("shop"));
    let label = ("takings.dev/sales-import-schedule".into(), "daily".into());
    assert_eq!(import.labels().clone(), [label.clone(), ("team".into(), "finance".into())].into());
    assert_eq!(import.annotations().len(), 3);
    assert_eq!(import.annotations().get(&label.0), Some(&label.1));
    assert!(import.owner_references().is_empty(), "it stays when its schedule is deleted");
    assert_eq!(import.spec.dataset.as_str(), "shop-7");
    assert_eq!(world.key_of_last(), "2025-06-01.csv");
    let status = world.status();
    assert_eq!(status.last_import.as_deref(), Some("daily-29147070"));
    assert_eq!(status.last_schedule_time.unwrap().0.to_string(), "2025-06-02T00:30:00Z");
    assert_eq!(status.next_schedule_time.unwrap().0.to_string(), "2025-06-03T00:30:00Z");
    assert_eq!(status.active.len(), 1);
    assert_eq!(world.announced, ["ImportCreated"]);
}

#[test]
fn a_crash_between_status_and_import_loses_no_tick_and_makes_none_twice() {
    let mut world = World::new(json!({}));
    world.rest();
    world.set_clock("2025-06-02T02:31:00Z");
    world.reconcile(true);
    assert!(world.made.is_empty());
    world.rest();
    assert_eq!(world.made, ["2025-06-02T02:30:00+00:00"]);
    // As if it had died after the POST.
    let mut status = world.status();
    status.active[0].uid = None;
    world.schedule.status = Some(status);
    world.rest();
    assert_eq!(world.made.len(), 1);
    assert_eq!(world.status().active[0].uid.as_deref(), Some("1"));
}

#[test]
fn after_a_month_away_one_import_is_made_for_the_newest_tick() {
    let mut world = World::new(json!({"concurrencyPolicy": "Allow"}));
    world.rest();
    world.set_clock("2025-07-01T12:00:00Z");
    world.rest();
    assert_eq!(world.made, ["2025-07-01T02:30:00+00:00"]);
    assert_eq!(world.announced, ["TickMissed", "ImportCreated"]);
}

#[test]
fn a_tick_recorded_before_a_month_away_gives_way_to_the_newest_one() {
    let mut world = World::new(json!({}));
    world.rest();
    world.set_clock("2025-06-02T02:31:00Z");
    world.reconcile(true);
    world.set_clock("2025-07-01T12:00:00Z");
    world.rest();
    assert_eq!(world.made, ["2025-07-01T02:30:00+00:00"]);
}

#[test]
fn a_tick_is_made_up_for_within_its_deadline_and_passed_over_after() {
    for (clock, made) in [("2025-06-02T03:30:00Z", 1), ("2025-06-02T03:30:01Z", 0)] {
        let mut world = World::new(json!({"startingDeadlineSeconds": 3600}));
        world.rest();
        world.set_clock(clock);
        world.rest();
        assert_eq!(world.made.len(), made, "{clock}");
        assert_eq!(world.announced, [if made == 1 { "ImportCreated" } else { "TickMissed" }]);
        assert_eq!(world.status().last_schedule_time.is_some(), made == 1);
    }
}

#[test]
fn a_recorded_tick_that_is_not_made_in_its_time_is_given_up() {
    let mut world = World::new(json!({"startingDeadlineSeconds": 3600}));
    world.rest();
    world.set_clock("2025-06-02T02:31:00Z");
    world.reconcile(true);
    world.set_clock("2025-06-02T05:00:00Z");
    world.rest();
    assert!(world.made.is_empty() && world.status().active.is_empty());
}

#[test]
fn forbid_holds_a_tick_back_until_the_last_import_is_finished() {
    let mut world = World::new(json!({}));
    world.set_clock("2025-06-02T02:30:00Z");
    world.rest();
    world.set_clock("2025-06-03T02:30:00Z");
    world.rest();
    assert_eq!(world.made.len(), 1);
    assert_eq!(world.state(), ("HeldBack".into(), "Reconciling".into()));
    assert!(world.message().contains("2025-06-03T02:30:00+00:00"), "{}", world.message());
    assert!(
        world.message().ends_with("until this is finished: daily-29147190."),
        "{}",
        world.message()
    );
    world.finish();
    world.set_clock("2025-06-03T09:00:00Z");
    world.rest();
    assert_eq!(world.made, ["2025-06-02T02:30:00+00:00", "2025-06-03T02:30:00+00:00"]);
    assert_eq!(world.state().0, "Scheduled");
    // Deleted by somebody: it is not under way any more, and not made again.
    world.imports.clear();
    world.rest();
    assert!(world.status().active.is_empty());
    assert_eq!(world.made.len(), 2);
}

#[test]
fn a_tick_that_is_held_back_gives_way_to_a_newer_one_and_ends_at_its_deadline() {
    let mut world = World::new(json!({"startingDeadlineSeconds": 7200}));
    world.set_clock("2025-06-02T02:30:00Z");
    world.rest();
    world.set_clock("2025-06-03T02:30:00Z");
    world.rest();
    world.set_clock("2025-06-03T04:30:01Z");
    world.rest();
    assert_eq!(world.announced, ["ImportCreated", "HeldBack", "TickMissed"]);
    assert_eq!(world.state().0, "Scheduled");
    world.finish();
    world.rest();
    assert_eq!(world.made.len(), 1);
}

#[test]
fn allow_makes_another_one_up_to_ten() {
    let mut world = World::new(json!({"concurrencyPolicy": "Allow", "schedule": "@hourly"}));
    world.rest();
    for _ in 0..12 {
        world.pass(SignedDuration::from_hours(1));
        world.rest();
    }
    assert_eq!(world.made.len(), 10);
    assert_eq!(world.state().0, "HeldBack");
    world.finish();
    world.rest();
    assert_eq!(world.made.len(), 11, "the newest of the two that waited");
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_twice() {
    let mut world = World::new(json!({"schedule": "* * * * *"}));
    for _ in 0..5 {
        world.pass(SignedDuration::from_mins(1));
        world.rest();
        world.finish();
    }
    assert_eq!(world.made.len(), 5);
    world.pass(SignedDuration::from_mins(-3));
    for made in [5, 5, 5, 5, 6] {
        world.rest();
        assert_eq!(world.made.len(), made);
        world.pass(SignedDuration::from_mins(1));
    }
}

#[test]
fn a_clock_that_was_years_ahead_holds_up_nothing_for_long() {
    let mut world = World::new(json!({"concurrencyPolicy": "Allow"}));
    world.set_clock("2035-06-02T02:31:00Z");
    world.rest();
    world.set_clock("2025-06-02T02:00:00Z");
    world.rest();
    world.set_clock("2025-06-02T02:31:00Z");
    world.rest();
    assert_eq!(world.made, ["2035-06-02T02:30:00+00:00", "2025-06-02T02:30:00+00:00"]);
}
