//! Whatever happens in whatever order: no Job is made twice, nothing is called failed that was
//! published, and once things work again every import comes to its end.

use ledger::outcome::RunResult;
use proptest::prelude::*;
use serde_json::json;

use super::world::{WATCHES, Watch, World};

/// Something that may happen to an import at any time.
#[derive(Clone, Debug)]
enum Happening {
    Reconcile,
    /// A watch catches up.
    Hear(Watch),
    /// The operator dies between writing the status and acting.
    Crash,
    Pass(i64),
    PodStarts,
    LoadEnds(RunResult),
    /// It dies after its COMMIT, or before it.
    PodDies {
        published: bool,
    },
    JobFails(&'static str),
    JobIsDeleted,
    ImageIsMissing,
    SettleAnswers,
    SettleFails,
    Edit(u8),
    Suspend(bool),
    RunAgain(u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let results =
        [RunResult::Published, RunResult::AlreadyLoaded, RunResult::Refused, RunResult::Fault];
    prop_oneof![
        8 => Just(Reconcile),
        8 => proptest::sample::select(WATCHES.to_vec()).prop_map(Hear),
        2 => Just(Crash),
        2 => (1_i64..2_000).prop_map(Pass),
        3 => Just(PodStarts),
        3 => proptest::sample::select(results.to_vec()).prop_map(LoadEnds),
        2 => any::<bool>().prop_map(|published| PodDies { published }),
        1 => proptest::sample::select(vec!["DeadlineExceeded", "BackoffLimitExceeded"]).prop_map(JobFails),
        1 => Just(JobIsDeleted),
        1 => Just(ImageIsMissing),
        2 => Just(SettleAnswers),
        1 => Just(SettleFails),
        1 => (0_u8..3).prop_map(Edit),
        1 => any::<bool>().prop_map(Suspend),
        1 => (0_u8..3).prop_map(RunAgain),
    ]
}

fn happen(world: &mut World, happening: &Happening) {
    let job = world.current().unwrap_or_default();
    let settling = job.contains("-settle-");
    let asks = settling || job.contains("-revert-");
    match happening {
        Happening::Reconcile => drop(world.reconcile(false)),
        Happening::Hear(watch) => world.hear(*watch),
        Happening::Crash => drop(world.reconcile(true)),
        Happening::Pass(seconds) => world.pass(*seconds),
        Happening::PodStarts => world.start(&job),
        Happening::LoadEnds(result) if !asks && !job.is_empty() => {
            world.load_ends(&job, *result);
        }
        Happening::PodDies { published } if !asks && world.is_running(&job) => {
            if *published {
                let run = world.status().run.unwrap_or(1);
                world.ledger.entry(run).or_insert(RunResult::Published);
            }
            world.say_exactly(&job, "", 137);
        }
        Happening::JobFails(reason) => world.job_condition(&job, "FailureTarget", reason),
        Happening::JobIsDeleted => drop(world.jobs.remove(&job)),
        Happening::ImageIsMissing if !world.is_running(&job) => {
            world.container(&job, &json!({"waiting": {"reason": "ErrImagePull", "message": "no"}}));
        }
        Happening::SettleAnswers if settling => world.settle_answers(&job),
        Happening::SettleAnswers if asks => world.revert_answers(&job),
        Happening::SettleFails if asks => world.say(&job, RunResult::Fault),
        // The API server refuses this once a run has published.
        Happening::Edit(dataset) if world.status().published_run.is_none() => {
            world.edit("dataset", json!(format!("dataset-{dataset}")));
        }
        Happening::Suspend(suspend) => world.edit("suspend", json!(suspend)),
        Happening::RunAgain(token) => world.run_again(&token.to_string()),
        _ => {}
    }
}

/// From now on everything works.
fn come_to_an_end(world: &mut World) {
    world.edit("suspend", json!(false));
    for _ in 0..60 {
        world.rest();
        if world.status().finish_time.is_some() {
            return;
        }
        match world.current() {
            Some(job) if job.contains("-settle-") => world.settle_answers(&job),
            Some(job) => world.load_ends(&job, RunResult::Published),
            None => {}
        }
        world.pass(60);
    }
    panic!("it never ends: {:#?}", world.import.status);
}

/// From now on everything works, and it is deleted.
fn come_to_be_gone(world: &mut World) {
    for _ in 0..60 {
        world.rest();
        if world.is_gone() {
            return;
        }
        if let Some(job) = world.current() {
            world.revert_answers(&job);
        }
        world.pass(60);
    }
    panic!("it is never let go: {:#?}", world.import.status);
}

proptest! {
    #[test]
    fn whatever_happens_nothing_of_an_import_that_was_to_be_reverted_is_left(
        before in proptest::collection::vec(happening(), 0..60),
        after in proptest::collection::vec(happening(), 0..40),
    ) {
        let spec = json!({"retries": 2, "startDeadlineSeconds": 300, "onDelete": "Revert"});
        let mut world = World::with_caches(spec);
        for one in &before {
            happen(&mut world, one);
        }
        world.delete();
        for one in &after {
            happen(&mut world, one);
        }
        come_to_be_gone(&mut world);
        let published = |result: &RunResult| *result == RunResult::Published;
        prop_assert!(!world.ledger.values().any(published), "{:?}", world.ledger);
        // Nor can it be any more: a run whose importer was ever at work has its end.
        for job in world.started.iter().filter(|job| !job.contains("-settle-") && !job.contains("-revert-")) {
            let run = job.rsplit('-').nth(1).unwrap().parse().unwrap();
            prop_assert!(world.ledger.contains_key(&run), "{job}: {:?}", world.ledger);
        }
    }

    #[test]
    fn whatever_happens_an_import_ends_as_the_ledger_says(
        happenings in proptest::collection::vec(happening(), 0..80),
    ) {
        let mut world = World::with_caches(json!({"retries": 2, "startDeadlineSeconds": 300}));
        for one in &happenings {
            // A Job that is made twice panics in the world.
            happen(&mut world, one);
        }
        come_to_an_end(&mut world);
        let status = world.status();
        let in_ledger = status.run.and_then(|run| world.ledger.get(&run));
        let published = matches!(in_ledger, Some(RunResult::Published | RunResult::AlreadyLoaded));
        prop_assert_eq!(published, status.published_run == status.run, "{:#?}", status);
        let succeeded = world.conditions().contains(&"Ready".to_owned());
        prop_assert_eq!(published, succeeded, "{:#?}", status);
    }
}
