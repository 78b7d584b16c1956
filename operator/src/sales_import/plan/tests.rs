//! Each situation once: what happens, and what the plan makes of it.

mod anything;
mod world;

use kube::ResourceExt as _;
use ledger::outcome::RunResult;
use serde_json::json;

use self::world::World;
use super::*;

/// A world whose first Job is there, with its uid on record.
fn followed(spec: serde_json::Value) -> (World, String) {
    let mut world = World::new(spec);
    world.rest();
    let job = world.current().unwrap();
    (world, job)
}

#[test]
fn the_attempt_is_recorded_before_its_job_is_made_and_the_uid_after() {
    let mut world = World::new(json!({}));
    world.reconcile(false);
    assert_eq!((world.status().run, world.status().attempt), (Some(1), Some(1)));
    assert!(world.made.is_empty());
    world.reconcile(false);
    assert_eq!(world.made.len(), 1);
    assert_eq!(world.status().job.unwrap().uid, None);
    world.rest();
    let job = world.status().job.unwrap();
    assert_eq!(job.uid, Some(format!("uid-of-{}", job.name)));
    assert_eq!(world.announced, ["JobCreated"]);
}

#[test]
fn a_job_whose_uid_was_not_recorded_in_time_is_adopted() {
    let mut world = World::new(json!({}));
    world.reconcile(false);
    world.reconcile(false);
    // The operator dies here, and comes back.
    world.rest();
    assert_eq!(world.made.len(), 1);
    assert!(world.status().job.unwrap().uid.is_some());
}

#[test]
fn a_published_file_is_ready_and_finished() {
    let (mut world, job) = followed(json!({}));
    world.start(&job);
    world.rest();
    assert_eq!(
        (world.reason().as_str(), world.conditions()),
        ("Running", vec!["Reconciling".into()])
    );
    world.load_ends(&job, RunResult::Published);
    world.rest();
    assert_eq!(world.conditions(), ["Ready", "Finished"]);
    assert_eq!(world.reason(), "Published");
    assert_eq!(world.status().published_run, Some(1));
    assert_eq!(world.ended, ["Published"]);
    assert_eq!(world.announced, ["JobCreated", "Published"]);
}

#[test]
fn what_was_there_already_is_a_success() {
    let (mut world, job) = followed(json!({}));
    world.load_ends(&job, RunResult::AlreadyLoaded);
    world.rest();
    assert_eq!(world.conditions(), ["Ready", "Finished"]);
    assert_eq!(world.reason(), "AlreadyLoaded");
}

#[test]
fn refused_input_is_stalled_and_not_retried() {
    let (mut world, job) = followed(json!({}));
    world.load_ends(&job, RunResult::Refused);
    world.rest();
    assert_eq!(world.conditions(), ["Stalled", "Finished"]);
    assert_eq!(world.reason(), "TooManyRejected");
    assert_eq!(world.made.len(), 1);
    assert_eq!(world.status().published_run, None);
}

#[test]
fn a_fault_is_retried_after_a_while_and_not_before() {
    let (mut world, job) = followed(json!({}));
    world.load_ends(&job, RunResult::Fault);
    world.rest();
    assert_eq!(world.reason(), "Retrying");
    assert!(world.message().contains("It ended: Fault."), "{}", world.message());
    world.pass(9);
    world.rest();
    assert_eq!(world.made.len(), 1);
    world.pass(1);
    world.rest();
    assert_eq!(world.made.len(), 2);
    assert_eq!((world.status().run, world.status().attempt), (Some(1), Some(2)));
    world.load_ends(&world.current().unwrap(), RunResult::Published);
    world.rest();
    assert_eq!(world.reason(), "Published");
}

#[test]
fn backoff_doubles_from_ten_seconds_to_five_minutes() {
    let waits: Vec<_> = (1..=8).map(|attempt| backoff(attempt).as_secs()).collect();
    assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300, 300]);
}

type Say = Box<dyn Fn(&mut World, &str)>;

#[test]
fn an_outcome_that_does_not_agree_is_no_outcome() {
    let published = |world: &World| world.outcome(RunResult::Published);
    let cases: [(&str, Say); 5] = [
        (
            "of another import",
            Box::new(move |world, job| {
                let mut outcome = published(world);
                outcome.import_id = ledger::ImportId::random();
                world.say_exactly(job, &outcome.to_json(), 0);
            }),
        ),
        (
            "of another run",
            Box::new(move |world, job| {
                let mut outcome = published(world);
                outcome.run = ledger::Run(2);
                world.say_exactly(job, &outcome.to_json(), 0);
            }),
        ),
        (
            "with another exit code",
            Box::new(move |world, job| {
                world.say_exactly(job, &published(world).to_json(), 1);
            }),
        ),
        (
            "that is cut off",
            Box::new(move |world, job| {
                world.say_exactly(job, &published(world).to_json()[1..], 0);
            }),
        ),
        (
            "of another container",
            Box::new(move |world, job| {
                world.say(job, RunResult::Published);
                let pod = &mut world.jobs.get_mut(job).unwrap().pods[0];
                let statuses = pod.status.as_mut().unwrap().container_statuses.as_mut().unwrap();
                statuses[0].name = "sidecar".into();
                pod.status.as_mut().unwrap().phase = Some("Failed".into());
            }),
        ),
    ];
    for (case, say) in cases {
        let (mut world, job) = followed(json!({}));
        say(&mut world, &job);
        world.rest();
        assert_eq!(world.reason(), "Retrying", "an outcome {case}");
        assert_eq!(world.status().published_run, None, "an outcome {case}");
    }
}

#[test]
fn the_outcome_of_a_pod_that_the_job_does_not_own_is_not_believed() {
    let (mut world, job) = followed(json!({}));
    world.say(&job, RunResult::Published);
    let pod = &mut world.jobs.get_mut(&job).unwrap().pods[0];
    pod.metadata.owner_references.as_mut().unwrap()[0].uid = "somebody-else".into();
    world.rest();
    assert_eq!(world.reason(), "Starting");
}

#[test]
fn a_job_deleted_by_hand_is_a_lost_attempt_and_never_made_again() {
    let (mut world, job) = followed(json!({}));
    world.jobs.clear();
    world.rest();
    assert_eq!(world.reason(), "Retrying");
    world.pass(10);
    world.rest();
    assert_eq!(world.made.len(), 2);
    assert_ne!(world.made[1], job);
}

#[test]
fn a_lost_node_s_pod_is_not_waited_for() {
    let (mut world, job) = followed(json!({}));
    world.start(&job);
    world.rest();
    world.job_condition(&job, "FailureTarget", "BackoffLimitExceeded");
    world.rest();
    assert_eq!(world.reason(), "Retrying");
}

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
fn what_keeps_a_pod_from_starting_is_told_at_once_and_fails_at_the_deadline() {
    type Hinder = fn(&mut World, &str);
    let cases: [(&str, &str, Hinder); 6] = [
        ("ImagePullFailed", "no such image", |world, job| {
            world.container(
                job,
                &json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}),
            );
        }),
        ("ConfigMissing", "secret \"takings-importer\" not found", |world, job| {
            let message = "secret \"takings-importer\" not found";
            world.container(
                job,
                &json!({"waiting": {"reason": "CreateContainerConfigError", "message": message}}),
            );
        }),
        ("Unschedulable", "0/1 nodes are available", |world, job| {
            world.pod(
                job,
                json!({"conditions": [{"type": "PodScheduled", "status": "False",
                "reason": "Unschedulable", "message": "0/1 nodes are available"}]}),
            );
        }),
        ("MountFailed", "configmap \"sales\" not found", |world, job| {
            world.container(job, &json!({"waiting": {"reason": "ContainerCreating"}}));
            world.event(job, "Warning", "FailedMount", "configmap \"sales\" not found");
        }),
        ("PodRefused", "exceeded quota", |world, job| {
            world.event(job, "Warning", "FailedCreate", "exceeded quota");
        }),
        ("Starting", "being started", |_, _| {}),
    ];
    for (reason, words, hinder) in cases {
        let (mut world, job) = followed(json!({"startDeadlineSeconds": 60}));
        hinder(&mut world, &job);
        world.rest();
        assert_eq!(
            (world.reason().as_str(), world.conditions()),
            (reason, vec!["Reconciling".into()])
        );
        assert!(world.message().contains(words), "{}", world.message());
        world.pass(60);
        world.rest();
        assert_eq!(world.conditions(), ["Stalled", "Finished"], "{reason}");
        let last = if reason == "Starting" { "StartDeadlineExceeded" } else { reason };
        assert_eq!(world.reason(), last);
        assert_eq!(world.made.len(), 1, "nothing started, so nothing is to be settled");
        assert!(world.jobs.is_empty(), "the Job must not start later");
    }
}

#[test]
fn a_container_that_started_at_the_last_moment_is_settled() {
    let (mut world, job) = followed(json!({"startDeadlineSeconds": 60}));
    world.pass(60);
    world.reconcile(false);
    world.started.insert(job);
    world.rest();
    assert!(world.made.last().unwrap().ends_with("-settle-1"), "{:?}", world.made);
}

#[test]
fn a_job_that_the_api_server_refuses_is_told_and_fails_at_the_deadline() {
    let mut world = World::new(json!({"startDeadlineSeconds": 60}));
    world.refuses = Some("jobs.batch is forbidden: exceeded quota".into());
    world.reconcile(false);
    world.reconcile(false);
    assert_eq!(world.reason(), "JobRefused");
    assert!(world.message().contains("exceeded quota"), "{}", world.message());
    world.pass(60);
    world.rest();
    world.rest();
    assert_eq!(
        (world.reason(), world.conditions()),
        ("JobRefused".into(), vec!["Stalled".into(), "Finished".into()])
    );
    assert!(world.made.is_empty());
}

#[test]
fn a_job_of_somebody_else_under_the_name_is_left_alone() {
    let mut world = World::new(json!({"startDeadlineSeconds": 60}));
    world.reconcile(false);
    let name = world.status().job.unwrap().name;
    let foreign = Job {
        metadata: kube::core::ObjectMeta {
            name: Some(name.clone()),
            uid: Some("theirs".into()),
            ..Default::default()
        },
        ..Job::default()
    };
    world.jobs.insert(name, Seen { job: Some(foreign), ..Seen::default() });
    world.rest();
    assert_eq!(world.reason(), "JobNameTaken");
    world.pass(60);
    world.rest();
    assert_eq!(world.conditions(), ["Stalled", "Finished"]);
    assert_eq!((world.made.len(), world.jobs.len()), (0, 1));
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

#[test]
fn suspend_holds_back_the_first_job_and_the_next_one() {
    let mut world = World::new(json!({"suspend": true}));
    world.rest();
    assert_eq!((world.reason(), world.made.len()), ("Suspended".into(), 0));
    world.edit("suspend", json!(false));
    world.rest();
    let job = world.current().unwrap();
    world.start(&job);
    world.edit("suspend", json!(true));
    world.rest();
    assert_eq!(world.reason(), "Running", "a running Job goes on");
    world.load_ends(&job, RunResult::Fault);
    world.rest();
    world.pass(10);
    world.rest();
    assert_eq!((world.reason(), world.made.len()), ("Suspended".into(), 1));
    world.edit("suspend", json!(false));
    world.rest();
    assert_eq!((world.status().run, world.made.len()), (Some(1), 2));
}

#[test]
fn an_edit_before_publishing_settles_the_run_and_starts_the_next_one() {
    let (mut world, job) = followed(json!({}));
    world.start(&job);
    world.rest();
    world.edit("dataset", json!("kiosk"));
    world.rest();
    assert!(!world.jobs.contains_key(&job), "the old run's Job is ended");
    let settle = world.current().unwrap();
    let arguments = arguments(&world, &settle);
    assert!(arguments.contains(&"--dataset=default".to_owned()), "the old run's: {arguments:?}");
    world.settle_answers(&settle);
    world.rest();
    assert_eq!((world.status().run, world.status().attempt), (Some(2), Some(1)));
    let arguments = self::arguments(&world, &world.current().unwrap());
    assert!(arguments.contains(&"--run=2".to_owned()), "{arguments:?}");
    assert!(arguments.contains(&"--dataset=kiosk".to_owned()), "{arguments:?}");
}

#[test]
fn an_edit_of_what_the_importer_does_not_see_starts_nothing() {
    let (mut world, job) = followed(json!({}));
    world.start(&job);
    world.rest();
    world.edit("retries", json!(9));
    world.rest();
    assert_eq!((world.status().run, world.made.len()), (Some(1), 1));
    let generations: Vec<_> =
        world.status().conditions.iter().filter_map(|one| one.observed_generation).collect();
    assert_eq!(generations, [2; 4]);
}

#[test]
fn an_edit_of_a_failed_import_starts_the_next_run() {
    let (mut world, job) = followed(json!({}));
    world.load_ends(&job, RunResult::Refused);
    world.rest();
    world.edit("maxRejected", json!("5%"));
    world.rest();
    assert_eq!((world.status().run, world.reason()), (Some(2), "Starting".into()));
    assert_eq!(world.status().outcome, None);
}

#[test]
fn another_release_that_hashes_otherwise_starts_no_run() {
    let (mut world, job) = followed(json!({}));
    world.import.status.as_mut().unwrap().input_hash = Some("of another release".into());
    world.rest();
    world.load_ends(&job, RunResult::Published);
    world.rest();
    world.import.status.as_mut().unwrap().input_hash = Some("of another release".into());
    world.edit("suspend", json!(true));
    world.rest();
    assert_eq!((world.status().run, world.made.len()), (Some(1), 1));
}

#[test]
fn run_again_starts_the_next_run_once_per_token() {
    let (mut world, job) = followed(json!({}));
    world.load_ends(&job, RunResult::Published);
    world.rest();
    world.run_again("1");
    world.rest();
    assert_eq!((world.status().run, world.made.len()), (Some(2), 2));
    world.load_ends(&world.current().unwrap(), RunResult::Refused);
    world.rest();
    assert_eq!(world.conditions(), ["Stalled", "Finished"]);
    assert!(world.message().contains("run 1"), "the former run stays: {}", world.message());
    world.import.annotations_mut().clear();
    world.rest();
    world.run_again("1");
    world.rest();
    assert_eq!(world.status().run, Some(2), "the same token asks for nothing");
    assert_eq!(world.status().published_run, Some(1));
}

#[test]
fn a_token_that_was_there_from_the_start_asks_for_nothing() {
    let mut world = World::new(json!({}));
    world.run_again("1");
    world.rest();
    world.load_ends(&world.current().unwrap(), RunResult::Published);
    world.rest();
    assert_eq!((world.status().run, world.made.len()), (Some(1), 1));
}

#[test]
fn an_edit_of_a_held_back_import_needs_no_further_run() {
    let mut world = World::new(json!({"suspend": true}));
    world.rest();
    world.edit("dataset", json!("kiosk"));
    world.rest();
    assert_eq!(world.status().run, Some(1));
    assert_eq!(world.status().dataset.unwrap().as_str(), "kiosk");
}

#[test]
fn nothing_is_written_where_nothing_changed() {
    let (mut world, job) = followed(json!({}));
    for _ in 0..3 {
        assert!(!world.reconcile(false), "starting");
        world.pass(1);
    }
    world.start(&job);
    world.rest();
    world.pass(30);
    assert!(!world.reconcile(false), "running");
    world.load_ends(&job, RunResult::Published);
    world.rest();
    world.pass(30);
    assert!(!world.reconcile(false), "finished");
}

#[test]
fn jobs_are_cleared_away_a_while_after_the_end_and_the_import_stays_finished() {
    let (mut world, job) = followed(json!({}));
    world.load_ends(&job, RunResult::Published);
    world.rest();
    world.pass(3_599);
    world.rest();
    assert_eq!(world.jobs.len(), 1);
    world.pass(1);
    world.rest();
    assert!(world.jobs.is_empty());
    assert_eq!(world.conditions(), ["Ready", "Finished"]);
}

#[test]
fn a_salesimport_that_is_being_deleted_gets_no_job() {
    let mut world = World::new(json!({}));
    world.import.metadata.deletion_timestamp = Some(Time(world.now));
    world.rest();
    assert!(world.made.is_empty());
}

fn arguments(world: &World, job: &str) -> Vec<String> {
    let job = world.jobs[job].job.as_ref().unwrap();
    let pod = job.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
    pod.containers[0].args.clone().unwrap()
}
