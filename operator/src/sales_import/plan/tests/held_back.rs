//! Imports that are held back: suspended, or waiting for their turn.

use kube::ResourceExt as _;
use ledger::outcome::RunResult;
use serde_json::json;

use super::{followed, world::World};
use crate::sales_import::queue::Turn;

#[test]
fn an_import_waits_for_its_turn_before_each_attempt() {
    let later = |ahead| Turn::Later { ahead, running: 20 };
    let mut world = World::new(json!({"retries": 1}));
    world.turn = later(7);
    world.rest();
    assert_eq!((world.reason(), world.made.len()), ("Queued".into(), 0));
    assert!(world.message().contains("7 come before it"), "{}", world.message());
    assert_eq!(world.status().start_time, None, "waiting takes nothing from the deadline");
    world.turn = Turn::Now;
    world.rest();
    let job = world.current().unwrap();
    world.load_ends(&job, RunResult::Fault);
    world.rest();
    world.turn = later(0);
    world.pass(10);
    world.rest();
    assert_eq!((world.reason(), world.made.len()), ("Queued".into(), 1));
    world.turn = Turn::Now;
    world.rest();
    assert_eq!(world.made.len(), 2);
    assert_eq!(world.announced, ["Queued", "JobCreated", "Retrying", "Queued", "JobCreated"]);
}

#[test]
fn suspend_holds_back_the_first_job() {
    let mut world = World::new(json!({"suspend": true}));
    world.rest();
    assert_eq!((world.reason(), world.made.len()), ("Suspended".into(), 0));
    world.edit("suspend", json!(false));
    world.rest();
    assert_eq!((world.status().attempt, world.made.len()), (Some(1), 1));
}

#[test]
fn suspend_stops_the_importer_and_the_next_attempt_goes_on_without_a_retry_counted() {
    let (mut world, job) = followed(json!({"retries": 0}));
    world.start(&job);
    world.rest();
    world.edit("suspend", json!(true));
    world.rest();
    assert!(!world.jobs.contains_key(&job), "the running Job is stopped");
    assert_eq!((world.reason(), world.made.len()), ("Suspended".into(), 1));
    world.pass(3_600);
    world.rest();
    assert_eq!((world.reason(), world.made.len()), ("Suspended".into(), 1));
    world.edit("suspend", json!(false));
    world.rest();
    assert_eq!((world.status().run, world.status().failures), (Some(1), None));
    world.load_ends(&world.current().unwrap(), RunResult::Published);
    world.rest();
    assert_eq!((world.reason(), world.status().attempt), ("Published".into(), Some(2)));
}

#[test]
fn suspend_comes_too_late_for_a_file_that_was_published() {
    let (mut world, job) = followed(json!({}));
    world.load_ends(&job, RunResult::Published);
    world.edit("suspend", json!(true));
    world.rest();
    assert_eq!(world.reason(), "Published");
}

#[test]
fn suspend_between_number_and_job_makes_no_job_and_resumes_that_very_attempt() {
    let mut world = World::new(json!({}));
    world.reconcile(false);
    world.edit("suspend", json!(true));
    world.rest();
    assert_eq!((world.reason(), world.made.len()), ("Suspended".into(), 0));
    world.edit("suspend", json!(false));
    world.rest();
    assert_eq!((world.status().attempt, world.made.len()), (Some(1), 1));
}

#[test]
fn a_suspended_run_ends_at_its_deadline() {
    let (mut world, job) = followed(json!({"deadlineSeconds": 100}));
    world.start(&job);
    world.edit("suspend", json!(true));
    world.rest();
    world.pass(100);
    world.rest();
    assert!(world.current().unwrap().contains("-settle-"));
}

#[test]
fn a_job_that_a_queue_of_the_cluster_suspends_waits_and_goes_on_as_the_same_attempt() {
    let mut world = World::new(json!({"retries": 0, "startDeadlineSeconds": 60}));
    let queue = ("kueue.x-k8s.io/queue-name", "sales");
    world.import.labels_mut().insert(queue.0.into(), queue.1.into());
    world.rest();
    let job = world.current().unwrap();
    let labels = world.jobs[&job].job.as_ref().unwrap().labels().clone();
    assert_eq!(labels.get(queue.0).map(String::as_str), Some(queue.1));
    world.suspend_job(&job, true);
    world.pass(600);
    world.rest();
    assert_eq!(
        (world.reason(), world.conditions()),
        ("JobSuspended".into(), vec!["Reconciling".into()])
    );
    world.suspend_job(&job, false);
    world.pass(30);
    world.start(&job);
    world.pass(2);
    world.rest();
    assert_eq!(world.reason(), "Running");
    // The queue takes it back, and its Pod is told to end.
    world.suspend_job(&job, true);
    world.say(&job, RunResult::Fault);
    world.pass(600);
    world.rest();
    assert_eq!((world.reason(), world.status().attempt), ("JobSuspended".into(), Some(1)));
    world.suspend_job(&job, false);
    world.rest();
    assert_eq!((world.made.len(), world.status().failures), (1, None), "its old Pod tells nothing");
    world.jobs.get_mut(&job).unwrap().pods.clear();
    world.load_ends(&job, RunResult::Published);
    world.rest();
    assert_eq!((world.reason(), world.made.len()), ("Published".into(), 1));
}

#[test]
fn what_a_suspended_job_had_published_is_believed_and_a_resumed_one_has_a_deadline_to_start() {
    let (mut world, job) = followed(json!({"startDeadlineSeconds": 60}));
    world.start(&job);
    world.suspend_job(&job, true);
    world.load_ends(&job, RunResult::Published);
    world.rest();
    assert_eq!(world.reason(), "Published");
    let (mut world, job) = followed(json!({"startDeadlineSeconds": 60}));
    world.suspend_job(&job, true);
    world.pass(600);
    world.suspend_job(&job, false);
    world.rest();
    assert_eq!(world.reason(), "Starting");
    world.pass(60);
    world.rest();
    // Before it was suspended it may have had a Pod, which nothing tells of any more.
    let settle = world.current().unwrap();
    world.settle_answers(&settle);
    world.rest();
    assert_eq!(world.reason(), "StartDeadlineExceeded");
}
