//! Runs that are given up: the ledger says how they ended.

use ledger::outcome::RunResult;
use serde_json::json;

use super::followed;

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
fn a_running_job_is_ended_at_the_deadline_also_where_no_job_controller_does() {
    let (mut world, job) = followed(json!({"deadlineSeconds": 100}));
    world.start(&job);
    world.pass(100);
    world.rest();
    assert!(!world.jobs.contains_key(&job));
    assert!(world.current().unwrap().contains("-settle-"));
}
