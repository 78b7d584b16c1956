//! What can't be followed or made: told, and taken up again once it was corrected.

use serde_json::json;

use super::World;

#[test]
fn what_can_not_be_followed_is_stalled_until_it_is_edited() {
    let placeholder = |key: &str| json!({"spec": {"source": {"s3": {"bucket": "b", "key": key}}}});
    for (field, wrong, right, reason) in [
        ("schedule", json!("30 25 * * *"), json!("30 2 * * *"), "InvalidSchedule"),
        ("schedule", json!("0 0 31 4 *"), json!("30 2 * * *"), "InvalidSchedule"),
        ("timeZone", json!("Europe/Berln"), json!("Etc/UTC"), "InvalidTimeZone"),
        ("template", placeholder("{%B}.csv"), placeholder("{%m}.csv"), "InvalidPlaceholder"),
    ] {
        let mut world = World::new(json!({field: wrong}));
        world.rest();
        assert_eq!(world.state(), (reason.into(), "Stalled".into()));
        assert!(world.message().contains("spec."), "{}", world.message());
        assert_eq!(world.announced, [reason]);
        world.edit(field, right);
        world.rest();
        assert_eq!(world.state(), ("Scheduled".into(), "Ready".into()));
        world.set_clock("2025-06-02T02:30:00Z");
        world.rest();
        assert_eq!(world.made.len(), 1, "{reason}");
    }
}

#[test]
fn a_refused_import_is_told_and_made_once_it_is_accepted() {
    let mut world = World::new(json!({}));
    world.refuses = Some("exceeded quota: salesimports".into());
    world.set_clock("2025-06-02T02:30:00Z");
    assert_eq!(world.rest().unwrap().as_secs(), 60, "it is tried again");
    assert_eq!(world.state(), ("ImportRefused".into(), "Stalled".into()));
    assert!(world.message().contains("exceeded quota"), "{}", world.message());
    assert_eq!(world.announced, ["ImportRefused"]);
    world.refuses = None;
    world.rest();
    assert_eq!(world.made, ["2025-06-02T02:30:00+00:00"]);
    assert_eq!(world.state(), ("Scheduled".into(), "Ready".into()));
}

#[test]
fn an_import_of_somebody_else_under_the_name_is_told_and_left_alone() {
    let mut world = World::new(json!({}));
    world.rest();
    world.set_clock("2025-06-02T02:30:00Z");
    world.reconcile(true);
    let mut foreign = World::new(json!({}));
    foreign.set_clock("2025-06-02T02:30:00Z");
    foreign.rest();
    let (name, mut import) = foreign.imports.pop_first().unwrap();
    import.metadata.annotations = None;
    world.imports.insert(name, import);
    world.rest();
    assert!(world.made.is_empty() && world.status().active.is_empty());
    assert_eq!(world.announced, ["ImportNameTaken"]);
    world.set_clock("2025-06-03T02:30:00Z");
    world.rest();
    assert_eq!(world.made, ["2025-06-03T02:30:00+00:00"]);
}
