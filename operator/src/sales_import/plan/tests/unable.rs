//! Pods and Jobs that can not start.

use serde_json::json;

use super::{followed, world::World};
use crate::sales_import::attempt::Seen;
use k8s_openapi::api::batch::v1::Job;

#[test]
fn what_keeps_a_pod_from_starting_is_told_at_once_and_fails_at_the_deadline() {
    type Hinder = fn(&mut World, &str);
    let cases: [(&str, &str, Hinder); 8] = [
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
        ("ContainerFailed", "no such file or directory", |world, job| {
            let message = "failed to create containerd task: no such file or directory";
            world.container(
                job,
                &json!({"waiting": {"reason": "RunContainerError", "message": message}}),
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
        ("MountFailed", "already used by pod(s) till", |world, job| {
            let message = "Multi-Attach error for volume \"files\": already used by pod(s) till";
            world.container(job, &json!({"waiting": {"reason": "ContainerCreating"}}));
            world.event(job, "Warning", "FailedAttachVolume", message);
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
    world.started.insert(job, world.now);
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
