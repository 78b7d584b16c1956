//! The attempts of a run, from the first Job to the end.

use ledger::outcome::RunResult;
use serde_json::json;

use super::{
    followed,
    world::{World, settings},
};
use crate::sales_import::plan::{Action, backoff, plan};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

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
    assert_eq!(world.reason(), "Starting", "a small file is loaded before that can be read");
    world.pass(2);
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
fn a_job_that_no_watch_has_told_of_yet_is_waited_for_before_it_is_looked_for() {
    let mut world = World::with_caches(json!({}));
    while world.reconcile(false) {
        if world.status().job.is_some_and(|job| job.uid.is_some()) {
            break;
        }
    }
    let looks = world.live_looks;
    world.pass(4);
    assert!(!world.reconcile(false));
    assert_eq!((world.live_looks, world.reason()), (looks, "Starting".into()));
    world.pass(1);
    assert!(!world.reconcile(false));
    assert_eq!((world.live_looks, world.reason()), (looks + 1, "Starting".into()));
    world.jobs.clear();
    world.reconcile(false);
    assert_eq!(world.reason(), "Retrying");
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
fn a_pod_that_outlives_its_deletion_is_on_a_lost_node() {
    let (mut world, job) = followed(json!({}));
    world.start(&job);
    let deleted = Time(world.now);
    world.jobs.get_mut(&job).unwrap().pods[0].metadata.deletion_timestamp = Some(deleted);
    world.pass(29);
    world.rest();
    assert_eq!(world.reason(), "Running");
    world.pass(1);
    world.rest();
    assert_eq!(world.reason(), "Retrying");
    assert!(world.message().contains("node does not answer"), "{}", world.message());
}

#[test]
fn what_the_cluster_ends_counts_as_no_retry() {
    type Strike = fn(&mut World, &str);
    let cases: [(&str, Strike); 6] = [
        ("Job deleted", |world, _| world.jobs.clear()),
        ("Pod deleted", |world, job| {
            world.jobs.get_mut(job).unwrap().pods.clear();
            world.job_condition(job, "FailureTarget", "BackoffLimitExceeded");
        }),
        ("evicted", |world, job| {
            let disrupted = [json!({"type": "DisruptionTarget", "status": "True",
                "reason": "TerminationByKubelet"})];
            world
                .pod(job, json!({"phase": "Failed", "reason": "Evicted", "conditions": disrupted}));
        }),
        ("preempted, and it said that it was stopped", |world, job| {
            world.say(job, RunResult::Fault);
            let pod = &mut world.jobs.get_mut(job).unwrap().pods[0];
            pod.metadata.deletion_timestamp = Some(Time(world.now));
        }),
        ("refused by its node", |world, job| {
            world.pod(job, json!({"phase": "Failed", "reason": "OutOfcpu"}));
        }),
        ("on a lost node", |world, job| {
            world.start(job);
            let pod = &mut world.jobs.get_mut(job).unwrap().pods[0];
            pod.metadata.deletion_timestamp = Some(Time(world.now));
            world.pass(30);
        }),
    ];
    for (case, strike) in cases {
        let (mut world, job) = followed(json!({"retries": 0}));
        strike(&mut world, &job);
        world.rest();
        assert_eq!((world.reason(), world.status().failures), ("Retrying".into(), None), "{case}");
        assert!(world.message().contains("ended by the cluster"), "{case}: {}", world.message());
        world.pass(10);
        world.rest();
        let next = world.current().unwrap();
        world.say(&next, RunResult::Fault);
        world.rest();
        assert_eq!(world.status().failures, Some(1), "{case}");
        assert!(world.status().settle.is_some(), "{case}: its own fault counts");
    }
}

#[test]
fn an_importer_that_needs_too_much_memory_says_which_limit() {
    let (mut world, job) = followed(json!({}));
    world.container(&job, &json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}));
    let limits = json!({"containers": [{"name": "importer",
        "resources": {"limits": {"memory": "512Mi"}}}]});
    let pod = &mut world.jobs.get_mut(&job).unwrap().pods[0];
    pod.spec = Some(serde_json::from_value(limits).unwrap());
    world.rest();
    assert!(world.message().contains("its limit of 512Mi"), "{}", world.message());
    assert_eq!(world.status().failures, Some(1));
}

#[test]
fn how_far_the_importer_is_is_told_while_it_is_at_work() {
    let (mut world, job) = followed(json!({}));
    world.start(&job);
    let reached = json!({"stage": "loading", "bytes": 200, "bytesRead": 50, "linesRead": 7,
        "linesRejected": 1});
    world.reached = Some(serde_json::from_value(reached).unwrap());
    world.pass(5);
    world.rest();
    let progress = world.status().progress.unwrap();
    assert_eq!((progress.percent, progress.lines_read), (Some(25), 7));
    world.load_ends(&job, RunResult::Published);
    world.rest();
    assert_eq!(world.status().progress, None, "the outcome tells the rest");
}

#[test]
fn nothing_is_written_where_nothing_changed() {
    let (mut world, job) = followed(json!({}));
    for _ in 0..3 {
        assert!(!world.reconcile(false), "starting");
        world.pass(1);
    }
    world.start(&job);
    world.pass(2);
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
fn the_job_of_a_later_run_is_not_cleared_away_by_a_status_that_does_not_know_it_yet() {
    let (mut world, job) = followed(json!({}));
    world.load_ends(&job, RunResult::Published);
    world.rest();
    let former = world.import.clone();
    world.run_again("1");
    world.rest();
    world.pass(3_600);
    let mut observed = world.live();
    assert_eq!(observed.made.iter().map(|made| made.run).collect::<Vec<_>>(), [1, 2]);
    observed.import = former;
    let Action::Delete(jobs) = plan(&observed, world.now, &settings()).action else {
        panic!("nothing is cleared away")
    };
    assert_eq!(jobs.iter().map(|job| job.name.as_str()).collect::<Vec<_>>(), [job]);
}

#[test]
fn a_salesimport_that_is_being_deleted_gets_no_job() {
    let mut world = World::new(json!({}));
    world.import.metadata.deletion_timestamp = Some(Time(world.now));
    world.rest();
    assert!(world.made.is_empty());
}
