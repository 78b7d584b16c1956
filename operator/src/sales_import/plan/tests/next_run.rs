//! Edits and `takings.dev/run-again`: runs that give way to the next one.

use kube::ResourceExt as _;
use ledger::outcome::RunResult;
use serde_json::json;

use super::{followed, world::World};

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

fn arguments(world: &World, job: &str) -> Vec<String> {
    let job = world.jobs[job].job.as_ref().unwrap();
    let pod = job.spec.as_ref().unwrap().template.spec.as_ref().unwrap();
    pod.containers[0].args.clone().unwrap()
}
