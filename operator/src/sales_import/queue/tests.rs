//! Who comes first, and that a turn is neither lost nor given twice.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn import(namespace: &str, name: &str, age: i64, priority: i32) -> SalesImport {
    let created = Timestamp::from_second(1_700_000_000 - age).unwrap();
    serde_json::from_value(json!({
        "apiVersion": "takings.dev/v1alpha1",
        "kind": "SalesImport",
        "metadata": {"namespace": namespace, "name": name, "uid": format!("{namespace}/{name}"),
            "creationTimestamp": created.to_string()},
        "spec": {"source": {"configMap": {"name": "sales", "key": "march.csv"}},
            "priority": priority},
    }))
    .unwrap()
}

fn at_work(mut import: SalesImport) -> SalesImport {
    let status = json!({"run": 1, "attempt": 1, "job": {"name": "march-1-1"}});
    import.status = Some(serde_json::from_value(status).unwrap());
    import
}

fn queue(total: usize, per_namespace: usize) -> Queue {
    Queue::new(Limits { total, per_namespace })
}

fn names(granted: &[Granted]) -> Vec<&str> {
    granted.iter().map(|granted| granted.name.as_str()).collect()
}

#[test]
fn so_many_run_and_the_others_know_how_many_are_before_them() {
    let mut queue = queue(2, 2);
    for name in ["a", "b"] {
        assert_eq!(queue.ask(&import("shop", name, 0, 0)).0, Turn::Now);
    }
    let (old, young) = (import("shop", "old", 60, 0), import("shop", "young", 5, 0));
    assert_eq!(queue.ask(&young).0, Turn::Later { ahead: 0, running: 2 });
    assert_eq!(queue.ask(&old).0, Turn::Later { ahead: 0, running: 2 });
    assert_eq!(queue.ask(&young).0, Turn::Later { ahead: 1, running: 2 });
    let granted = queue.note(&import("shop", "a", 0, 0), false);
    assert_eq!(names(&granted), ["old"], "the oldest is woken");
    assert_eq!(queue.ask(&old).0, Turn::Now);
}

#[test]
fn a_crowd_in_one_namespace_holds_up_no_other() {
    let mut queue = queue(4, 3);
    for number in 0..50 {
        queue.ask(&import("crowd", &format!("c{number}"), 1_000 - number, 0));
    }
    assert_eq!(queue.running.len(), 3, "at most so many in a namespace");
    assert_eq!(queue.ask(&import("kiosk", "one", 0, 0)).0, Turn::Now);
    queue.ask(&import("shop", "two", 0, 0));
    // One of the crowd ends: the next one is that of the namespace that has none running.
    let granted = queue.note(&import("crowd", "c0", 1_000, 0), false);
    assert_eq!(names(&granted), ["two"]);
}

#[test]
fn a_higher_priority_comes_first_and_stops_nobody() {
    let mut queue = queue(1, 1);
    queue.ask(&import("shop", "running", 0, 0));
    queue.ask(&import("shop", "old", 60, 0));
    assert!(matches!(queue.ask(&import("kiosk", "urgent", 0, 9)).0, Turn::Later { .. }));
    let granted = queue.note(&import("shop", "running", 0, 0), false);
    assert_eq!(names(&granted), ["urgent"]);
}

#[test]
fn what_was_running_before_a_restart_is_met_again_and_counts() {
    let mut queue = queue(1, 1);
    queue.begin_listing(None);
    queue.list(None, &at_work(import("shop", "a", 0, 0)));
    assert!(queue.end_listing(None).is_empty());
    assert!(matches!(queue.ask(&import("kiosk", "b", 0, 0)).0, Turn::Later { .. }));
    // The watch was interrupted; meanwhile the first one was deleted.
    queue.begin_listing(None);
    queue.list(None, &import("kiosk", "b", 0, 0));
    assert_eq!(names(&queue.end_listing(None)), ["b"]);
}

#[test]
fn those_that_waited_before_a_restart_come_in_their_order_and_not_in_that_of_the_listing() {
    let waiting = |name: &str, age: i64| {
        let mut import = import("shop", name, age, 0);
        let condition = json!({"type": "Finished", "status": "False", "reason": "Queued",
            "message": "", "lastTransitionTime": "2025-03-01T00:00:00Z"});
        let status = json!({"run": 1, "conditions": [condition]});
        import.status = Some(serde_json::from_value(status).unwrap());
        import
    };
    let mut queue = queue(1, 1);
    queue.begin_listing(None);
    queue.list(None, &waiting("a-young", 5));
    queue.list(None, &waiting("b-old", 60));
    assert_eq!(names(&queue.end_listing(None)), ["b-old"]);
    assert_eq!(queue.ask(&waiting("a-young", 5)).0, Turn::Later { ahead: 0, running: 1 });
}

#[test]
fn a_listing_of_one_namespace_says_nothing_of_others() {
    let mut queue = queue(5, 5);
    queue.ask(&import("shop", "a", 0, 0));
    queue.begin_listing(Some("kiosk"));
    queue.end_listing(Some("kiosk"));
    assert_eq!(queue.running.len(), 1);
}

#[test]
fn one_that_is_deleted_while_it_waits_or_runs_leaves_its_place() {
    let mut queue = queue(1, 1);
    for name in ["a", "b", "c"] {
        queue.ask(&import("shop", name, 0, 0));
    }
    assert!(queue.forget(&import("shop", "b", 0, 0)).is_empty());
    assert_eq!(names(&queue.forget(&import("shop", "a", 0, 0))), ["c"]);
}

#[test]
fn a_reconcile_that_ends_after_its_import_was_deleted_takes_no_turn() {
    let mut queue = queue(1, 1);
    let deleted = import("shop", "deleted", 0, 0);
    queue.ask(&deleted);
    queue.forget(&deleted);
    queue.note(&at_work(deleted.clone()), false);
    queue.ask(&deleted);
    assert_eq!(queue.ask(&import("shop", "next", 0, 0)).0, Turn::Now);
}

proptest! {
    /// Whatever comes, at most so many run, and none waits while it could run.
    #[test]
    fn no_turn_is_lost_and_none_is_given_twice(
        steps in proptest::collection::vec((0..4_usize, 0..3_usize, 0..8_usize, 0..2_i32), 0..200),
    ) {
        let mut queue = queue(4, 2);
        for (step, namespace, name, priority) in steps {
            let namespace = ["shop", "kiosk", "cafe"][namespace];
            let import = import(namespace, &format!("i{name}"), 0, priority);
            match step {
                0 => drop(queue.ask(&import)),
                1 => drop(queue.note(&import, false)),
                2 => drop(queue.note(&at_work(import), false)),
                _ => drop(queue.forget(&import)),
            }
            queue.gone.clear();
            let in_namespace = |name: &str| queue.running.values().filter(|one| *one == name).count();
            for (namespace, places) in &queue.waiting {
                prop_assert!(!places.is_empty());
                prop_assert!(queue.running.len() >= 4 || in_namespace(namespace) >= 2);
                prop_assert!(places.iter().all(|place| !queue.running.contains_key(&place.uid)));
            }
        }
    }
}
