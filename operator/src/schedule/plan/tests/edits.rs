//! Edits, suspension and deletion.

use serde_json::json;

use super::World;

#[test]
fn an_edited_schedule_counts_from_when_it_is_seen() {
    let mut world = World::new(json!({}));
    world.rest();
    world.set_clock("2025-06-02T02:31:00Z");
    world.rest();
    world.finish();
    // Half past two is over, and so is a quarter past three.
    world.set_clock("2025-06-02T04:00:00Z");
    world.edit("schedule", json!("15 3 * * *"));
    world.rest();
    assert_eq!(world.made.len(), 1);
    assert_eq!(world.status().observed_generation, Some(2));
    world.edit("timeZone", json!("America/New_York"));
    world.rest();
    assert_eq!(world.made.len(), 1);
    world.set_clock("2025-06-02T07:15:00Z");
    world.rest();
    assert_eq!(world.made[1..], ["2025-06-02T03:15:00-04:00"]);
}

#[test]
fn an_edit_of_the_template_does_not_touch_the_ticks() {
    let mut world = World::new(json!({}));
    world.rest();
    world.set_clock("2025-06-02T02:31:00Z");
    world.edit("template", json!({"spec": {"source": {"s3": {"bucket": "b", "key": "{%d}"}}}}));
    world.rest();
    assert_eq!(world.key_of_last(), "02");
}

#[test]
fn ticks_while_it_is_suspended_are_passed_over() {
    let mut world = World::new(json!({"suspend": true}));
    world.rest();
    assert_eq!(world.state(), ("Suspended".into(), "Ready".into()));
    assert_eq!(world.status().next_schedule_time, None);
    world.set_clock("2025-06-02T02:31:00Z");
    world.rest();
    world.edit("suspend", json!(false));
    world.rest();
    assert!(world.made.is_empty());
    world.set_clock("2025-06-03T02:31:00Z");
    world.rest();
    assert_eq!(world.made, ["2025-06-03T02:30:00+00:00"]);
    assert_eq!(world.announced, ["ImportCreated"]);
}

#[test]
fn a_schedule_that_is_being_deleted_makes_nothing_and_leaves_its_imports() {
    let mut world = World::new(json!({}));
    world.set_clock("2025-06-02T02:31:00Z");
    world.rest();
    world.finish();
    world.schedule.metadata.deletion_timestamp =
        Some(serde_json::from_value(json!("2025-06-02T03:00:00Z")).unwrap());
    world.set_clock("2025-06-03T02:31:00Z");
    assert_eq!(world.rest(), None);
    assert_eq!((world.made.len(), world.imports.len()), (1, 1));
}
