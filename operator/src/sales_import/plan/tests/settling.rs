//! Runs that are given up: the ledger says how they ended.

use ledger::outcome::RunResult;
use serde_json::json;

use super::{followed, world::World};

#[test]
fn after_the_last_retry_the_ledger_is_asked_before_anything_is_called_failed() {
    let (mut world, job) = followed(json!({"retries": 0}));
    // It died after its COMMIT.
    world.ledger.insert(1, RunResult::Published);
    world.say_exactly(&job, "", 137);
    world.rest();
    assert_eq!(
        (world.reason(), world.conditions()),
        ("OutcomeUnknown".into(), vec!["Reconciling".into()])
    );
    let settle = world.current().unwrap();
    assert!(settle.ends_with("-1-settle-1"), "{settle}");
    world.settle_answers(&settle);
    world.rest();
    assert_eq!(world.conditions(), ["Ready", "Finished"]);
    assert_eq!(world.status().published_run, Some(1));
}

#[test]
fn a_run_that_the_ledger_abandoned_fails_with_what_went_wrong() {
    let (mut world, job) = followed(json!({"retries": 0}));
    world.load_ends(&job, RunResult::Fault);
    world.rest();
    let settle = world.current().unwrap();
    world.settle_answers(&settle);
    world.rest();
    assert_eq!(
        (world.reason(), world.conditions()),
        ("RetriesExhausted".into(), vec!["Stalled".into(), "Finished".into()])
    );
    assert!(world.message().contains("It ended: Fault."), "{}", world.message());
    assert_eq!(world.ended, ["Failed"]);
}

#[test]
fn the_ledger_is_asked_until_it_answers() {
    let (mut world, job) = followed(json!({"retries": 0}));
    world.load_ends(&job, RunResult::Fault);
    for attempt in 1..=12 {
        world.pass(300);
        world.rest();
        let settle = world.current().unwrap();
        assert!(settle.ends_with(&format!("-settle-{attempt}")), "{settle}");
        world.say(&settle, RunResult::Fault);
        world.rest();
        assert_eq!(world.reason(), "OutcomeUnknown");
    }
}

#[test]
fn what_keeps_the_ledger_from_being_asked_is_told_and_it_is_asked_anew() {
    let (mut world, job) = followed(json!({"retries": 0, "startDeadlineSeconds": 60}));
    world.load_ends(&job, RunResult::Fault);
    world.rest();
    let settle = world.current().unwrap();
    let message = "secret \"takings-importer\" not found";
    let waiting = json!({"waiting": {"reason": "CreateContainerConfigError", "message": message}});
    world.container(&settle, &waiting);
    world.rest();
    assert_eq!(world.reason(), "OutcomeUnknown");
    assert!(world.message().contains(message), "{}", world.message());
    world.pass(60);
    world.rest();
    assert!(!world.jobs.contains_key(&settle), "a Pod that can't start is not left behind");
    assert_eq!(world.conditions(), ["Reconciling"], "nobody knows yet how the run ended");
    world.pass(10);
    world.rest();
    assert!(world.current().unwrap().ends_with("-settle-2"));
}

#[test]
fn a_run_that_exceeds_its_deadline_is_ended_and_settled() {
    let (mut world, job) = followed(json!({"deadlineSeconds": 100}));
    world.start(&job);
    world.rest();
    world.pass(100);
    world.job_condition(&job, "FailureTarget", "DeadlineExceeded");
    world.rest();
    let settle = world.current().unwrap();
    world.settle_answers(&settle);
    world.rest();
    assert_eq!(
        (world.reason(), world.conditions()),
        ("DeadlineExceeded".into(), vec!["Stalled".into(), "Finished".into()])
    );
}

#[test]
fn a_job_whose_controllers_clock_is_ahead_ends_at_the_deadline() {
    let (mut world, job) = followed(json!({"deadlineSeconds": 100}));
    world.start(&job);
    world.rest();
    world.pass(99);
    world.job_condition(&job, "FailureTarget", "DeadlineExceeded");
    world.rest();
    assert_eq!(world.reason(), "OutcomeUnknown");
    assert_eq!(world.status().settle.unwrap().reason, "DeadlineExceeded");
}

#[test]
fn a_job_that_ends_at_a_deadline_that_was_raised_is_followed_by_the_next_one() {
    let (mut world, job) = followed(json!({"deadlineSeconds": 100, "retries": 0}));
    world.start(&job);
    world.rest();
    world.edit("deadlineSeconds", json!(1000));
    world.pass(100);
    world.job_condition(&job, "FailureTarget", "DeadlineExceeded");
    world.lose_pod(&job);
    world.rest();
    assert_eq!((world.reason(), world.status().failures), ("Retrying".into(), None));
    world.pass(10);
    world.rest();
    assert_eq!(world.made.len(), 2);
}

/// So long is the operator away that the events of what happened meanwhile are forgotten.
const AWAY_SECONDS: i64 = 7200;

fn is_found_after_being_away(mut world: World) {
    world.pass(AWAY_SECONDS);
    world.rest();
    assert_eq!(world.reason(), "OutcomeUnknown");
    let settle = world.current().unwrap();
    world.settle_answers(&settle);
    world.rest();
    assert_eq!(world.status().published_run, Some(1));
}

#[test]
fn what_was_published_while_nobody_looked_is_found_though_job_pod_and_events_are_gone() {
    for is_gone in [true, false] {
        let (mut world, job) = followed(json!({"deadlineSeconds": 3600}));
        world.load_ends(&job, RunResult::Published);
        if is_gone {
            world.jobs.remove(&job);
        } else {
            world.job_condition(&job, "FailureTarget", "DeadlineExceeded");
            world.jobs.get_mut(&job).unwrap().pods.clear();
        }
        is_found_after_being_away(world);
    }
}

#[test]
fn what_was_published_before_its_job_was_suspended_is_found_too() {
    let (mut world, job) = followed(json!({"deadlineSeconds": 3600}));
    world.load_ends(&job, RunResult::Published);
    world.suspend_job(&job, true);
    world.jobs.get_mut(&job).unwrap().pods.clear();
    is_found_after_being_away(world);
}

#[test]
fn what_was_published_before_its_job_was_on_record_is_found_too() {
    let mut world = World::new(json!({"deadlineSeconds": 3600}));
    while world.made.is_empty() {
        world.reconcile(false);
    }
    let job = world.made[0].clone();
    assert_eq!(world.status().job.unwrap().uid, None);
    world.load_ends(&job, RunResult::Published);
    world.jobs.remove(&job);
    is_found_after_being_away(world);
}

#[test]
fn what_was_published_while_a_run_was_given_up_and_nobody_looked_is_found() {
    let (mut world, job) = followed(json!({"startDeadlineSeconds": 60}));
    world.pod(&job, json!({"phase": "Pending"}));
    world.pass(60);
    // It is given up, and the operator ends before it deletes the Job.
    assert!(world.reconcile(true));
    world.load_ends(&job, RunResult::Published);
    world.jobs.remove(&job);
    is_found_after_being_away(world);
}

#[test]
fn a_job_that_a_queue_never_let_run_fails_without_the_ledger() {
    for is_resumed in [false, true] {
        let (mut world, job) = followed(json!({"deadlineSeconds": 3600}));
        world.made_suspended(&job);
        if is_resumed {
            world.suspend_job(&job, false);
            world.pod(&job, json!({"phase": "Pending"}));
        }
        world.pass(3600);
        world.rest();
        assert_eq!(world.conditions(), ["Stalled", "Finished"], "resumed: {is_resumed}");
        assert_eq!(world.made.len(), 1);
    }
}

#[test]
fn a_job_that_was_never_made_fails_without_the_ledger() {
    let mut world = World::new(json!({"deadlineSeconds": 3600}));
    world.refuses = Some("exceeded quota".into());
    world.rest();
    world.pass(3600);
    world.rest();
    world.rest();
    assert!(world.made.is_empty());
    assert_eq!(world.conditions(), ["Stalled", "Finished"]);
}

#[test]
fn a_running_job_is_ended_at_the_deadline_also_where_no_job_controller_does() {
    let (mut world, job) = followed(json!({"deadlineSeconds": 100}));
    world.start(&job);
    world.pass(100);
    world.rest();
    assert!(!world.jobs.contains_key(&job));
    assert!(world.current().unwrap().contains("-settle-"));
}
