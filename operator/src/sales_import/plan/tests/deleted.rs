//! SalesImports that are deleted: their sales stay, or are reverted first.

use kube::ResourceExt as _;
use ledger::outcome::RunResult;
use serde_json::{Value, json};

use super::{World, followed};
use crate::crd::{KEEP_SALES, REVERT_SALES};

/// A world whose import has published.
fn published(spec: Value) -> World {
    let (mut world, job) = followed(spec);
    world.load_ends(&job, RunResult::Published);
    world.rest();
    assert_eq!(world.reason(), "Published");
    world
}

#[test]
fn without_on_delete_nothing_holds_it_and_its_sales_stay() {
    let mut world = published(json!({}));
    assert!(world.import.finalizers().is_empty());
    world.delete();
    assert!(world.is_gone());
    world.rest();
    assert_eq!(world.made.len(), 1, "{:?}", world.made);
}

#[test]
fn with_revert_it_is_held_before_its_first_job_is_made() {
    let mut world = World::new(json!({"onDelete": "Revert"}));
    while world.made.is_empty() {
        assert!(world.reconcile(false));
    }
    assert_eq!(world.import.finalizers(), [REVERT_SALES]);
}

#[test]
fn what_was_published_is_reverted_before_it_is_let_go() {
    let mut world = published(json!({"onDelete": "Revert"}));
    world.delete();
    world.rest();
    assert_eq!((world.reason(), world.is_gone()), ("Reverting".into(), false));
    assert_eq!(world.conditions(), ["Reconciling"]);
    let revert = world.current().unwrap();
    assert!(revert.ends_with("-1-revert-1"), "{revert}");
    let arguments = world.jobs[&revert].job.as_ref().unwrap().spec.as_ref().unwrap();
    let arguments = arguments.template.spec.as_ref().unwrap().containers[0].args.as_ref().unwrap();
    assert_eq!(arguments[0], "revert");
    assert!(arguments.contains(&"--reason=The SalesImport shop/march was deleted.".into()));
    world.revert_answers(&revert);
    world.rest();
    assert!(world.is_gone());
    assert!(world.announced.ends_with(&["Reverting".into(), "Reverted".into()]));
}

#[test]
fn a_running_importer_is_stopped_before_its_import_is_reverted() {
    let (mut world, job) = followed(json!({"onDelete": "Revert"}));
    world.start(&job);
    world.rest();
    world.delete();
    world.rest();
    assert!(!world.jobs.contains_key(&job), "it could publish after the revert");
    let revert = world.current().unwrap();
    world.revert_answers(&revert);
    world.rest();
    assert!(world.is_gone());
    assert_eq!(world.ledger[&1], RunResult::Abandoned);
}

#[test]
fn one_that_never_started_is_let_go_without_asking_the_ledger() {
    let (mut world, job) = followed(json!({"onDelete": "Revert"}));
    let message = "secret \"takings-importer\" not found";
    let waiting = json!({"waiting": {"reason": "CreateContainerConfigError", "message": message}});
    world.container(&job, &waiting);
    world.rest();
    world.delete();
    world.rest();
    assert!(world.is_gone());
    assert_eq!(world.made, [job]);
}

#[test]
fn what_keeps_the_ledger_from_being_asked_is_told_with_the_way_out() {
    let mut world = published(json!({"onDelete": "Revert"}));
    world.delete();
    world.rest();
    for result in [RunResult::Fault, RunResult::Refused, RunResult::Published] {
        let revert = world.current().unwrap();
        world.say(&revert, result);
        world.rest();
        assert_eq!((world.reason(), world.is_gone()), ("Reverting".into(), false), "{result:?}");
        let message = world.message();
        assert!(message.contains(&format!("It ended: {}.", result.as_str())), "{message}");
        assert!(message.contains(KEEP_SALES), "{message}");
        world.pass(300);
        world.rest();
    }
    assert!(world.current().unwrap().ends_with("-revert-4"));
    world.annotate(KEEP_SALES, "true");
    world.rest();
    assert!(world.is_gone());
    assert_eq!(world.ledger[&1], RunResult::Published, "its sales stay");
}

#[test]
fn a_namespace_that_is_being_deleted_takes_no_job_and_that_is_told() {
    let mut world = published(json!({"onDelete": "Revert"}));
    let message = "unable to create new content in namespace shop because it is being terminated";
    world.refuses = Some(message.into());
    world.delete();
    // Such a world rests before all is done.
    for _ in 0..4 {
        world.rest();
    }
    assert!(world.message().contains(message), "{}", world.message());
    assert!(!world.is_gone());
    world.edit("onDelete", json!("Keep"));
    world.rest();
    assert!(world.is_gone());
}

#[test]
fn a_run_that_was_being_given_up_is_reverted_instead() {
    let (mut world, job) = followed(json!({"onDelete": "Revert", "retries": 0}));
    world.load_ends(&job, RunResult::Fault);
    world.rest();
    assert!(world.current().unwrap().ends_with("-settle-1"));
    world.delete();
    world.rest();
    let revert = world.current().unwrap();
    assert!(revert.ends_with("-revert-1"), "{revert}");
    world.revert_answers(&revert);
    world.rest();
    assert!(world.is_gone());
}

#[test]
fn what_an_earlier_run_has_published_is_reverted_too() {
    let mut world = published(json!({"onDelete": "Revert"}));
    world.run_again("2");
    world.turn = crate::sales_import::queue::Turn::Later { ahead: 1, running: 1 };
    world.rest();
    assert_eq!((world.reason(), world.status().run), ("Queued".into(), Some(2)));
    world.delete();
    world.rest();
    let revert = world.current().unwrap();
    world.revert_answers(&revert);
    world.rest();
    assert!(world.is_gone());
    assert_eq!(world.ledger[&1], RunResult::Reverted);
}

#[test]
fn the_finalizer_comes_and_goes_with_the_field() {
    let mut world = published(json!({}));
    world.edit("onDelete", json!("Revert"));
    world.rest();
    assert_eq!(world.import.finalizers(), [REVERT_SALES]);
    world.import.finalizers_mut().push("others.dev/theirs".into());
    world.edit("onDelete", json!("Keep"));
    world.rest();
    assert_eq!(world.import.finalizers(), ["others.dev/theirs"]);
    assert_eq!(world.status().observed_generation, Some(3));
}

#[test]
fn one_that_has_failed_without_ever_starting_is_let_go_without_asking_the_ledger() {
    let (mut world, job) = followed(json!({"onDelete": "Revert", "startDeadlineSeconds": 60}));
    let message = "secret \"takings-importer\" not found";
    let waiting = json!({"waiting": {"reason": "CreateContainerConfigError", "message": message}});
    world.container(&job, &waiting);
    world.pass(60);
    world.rest();
    assert_eq!(world.conditions(), ["Stalled", "Finished"]);
    world.pass(7200);
    world.delete();
    world.rest();
    assert!(world.is_gone());
    assert_eq!(world.made.len(), 1);
}

#[test]
fn what_was_published_while_nobody_looked_is_reverted_though_its_job_is_gone() {
    let (mut world, job) = followed(json!({"onDelete": "Revert"}));
    world.load_ends(&job, RunResult::Published);
    world.jobs.remove(&job);
    // The events of its start are forgotten.
    world.pass(7200);
    world.delete();
    world.rest();
    let revert = world.current().unwrap();
    assert!(revert.contains("-revert-"), "{revert}");
    world.revert_answers(&revert);
    world.rest();
    assert_eq!(world.ledger.get(&1), Some(&RunResult::Reverted));
    assert!(world.is_gone());
}
