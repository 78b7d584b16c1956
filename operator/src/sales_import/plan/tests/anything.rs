//! Whatever happens in whatever order: no Job is made twice, nothing is called failed that was
//! published or may yet be, what the cluster does counts as no retry, and once things work again
//! every import comes to its end.

use std::cell::Cell;

use ledger::outcome::RunResult;
use proptest::{
    prelude::*,
    sample::{select, subsequence},
    test_runner::TestRunner,
};
use serde_json::json;

use super::world::{WATCHES, Watch, World};

/// Something happens, some of the watches tell what they know, and the operator may look.
#[derive(Clone, Debug)]
struct Step {
    happening: Happening,
    heard: Vec<Watch>,
    look: Option<Look>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Look {
    Reconciles,
    /// The operator dies between writing the status and acting.
    Dies,
}

/// Something that may happen to an import at any time.
#[derive(Clone, Debug)]
enum Happening {
    Nothing,
    Pass(i64),
    PodStarts,
    LoadEnds(RunResult),
    /// It dies after its COMMIT, or before it.
    PodDies {
        published: bool,
    },
    /// Its node is cut off.
    PodIsLost,
    /// An importer that was ever at work goes on, whatever has become of its Job, and publishes
    /// where the ledger lets it.
    LivesOn,
    JobFails(&'static str),
    JobIsDeleted,
    ImageIsMissing,
    SettleAnswers,
    SettleFails,
    Edit(u8),
    Suspend(bool),
    RunAgain(u8),
}

impl Happening {
    /// Whether something goes wrong.
    fn is_fault(&self) -> bool {
        use Happening::*;
        !matches!(
            self,
            Nothing | Pass(_) | PodStarts | SettleAnswers | Edit(_) | Suspend(_) | RunAgain(_)
        ) && !matches!(self, LoadEnds(result) if result.is_final())
    }

    /// Whether that may cost the import a retry.
    fn may_count(&self) -> bool {
        use Happening::*;
        matches!(self, LoadEnds(RunResult::Fault) | PodDies { .. } | JobFails(_))
    }
}

fn step() -> impl Strategy<Value = Step> {
    let look = prop_oneof![
        1 => Just(None),
        6 => Just(Some(Look::Reconciles)),
        2 => Just(Some(Look::Dies)),
    ];
    let heard = subsequence(WATCHES.to_vec(), 0..=WATCHES.len());
    (happening(), heard, look).prop_map(|(happening, heard, look)| Step { happening, heard, look })
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let results =
        [RunResult::Published, RunResult::AlreadyLoaded, RunResult::Refused, RunResult::Fault];
    prop_oneof![
        4 => Just(Nothing),
        2 => (1_i64..2_000).prop_map(Pass),
        // Longer than events are kept, and than a run may take.
        1 => (3_000_i64..20_000).prop_map(Pass),
        3 => Just(PodStarts),
        3 => select(results.to_vec()).prop_map(LoadEnds),
        2 => any::<bool>().prop_map(|published| PodDies { published }),
        1 => Just(PodIsLost),
        1 => Just(LivesOn),
        1 => select(vec!["DeadlineExceeded", "BackoffLimitExceeded"]).prop_map(JobFails),
        1 => Just(JobIsDeleted),
        1 => Just(ImageIsMissing),
        2 => Just(SettleAnswers),
        1 => Just(SettleFails),
        1 => (0_u8..3).prop_map(Edit),
        1 => any::<bool>().prop_map(Suspend),
        1 => (0_u8..3).prop_map(RunAgain),
    ]
}

/// A world, and what has gone wrong in it.
struct Trial {
    world: World,
    /// Whether anything has, since the operator looked last.
    is_struck: bool,
    /// How often it looked at what had gone wrong.
    faulted: usize,
    /// What may have cost the import a retry.
    counted: usize,
}

impl Trial {
    fn of(spec: serde_json::Value) -> Self {
        Self { world: World::with_caches(spec), is_struck: false, faulted: 0, counted: 0 }
    }

    fn take(&mut self, Step { happening, heard, look }: &Step) {
        let happens = happen(&mut self.world, happening);
        for watch in heard {
            self.world.hear(*watch);
        }
        self.is_struck |= happens && happening.is_fault();
        self.counted += usize::from(happens && happening.may_count());
        let Some(look) = *look else { return };
        let dies = look == Look::Dies;
        self.faulted += usize::from(self.is_struck || dies || self.world.is_behind());
        self.is_struck = false;
        // A Job that is made twice panics in the world.
        self.world.reconcile(dies);
        self.check();
    }

    /// What is true at any time.
    fn check(&self) {
        let (world, status) = (&self.world, self.world.status());
        let failures = status.failures.unwrap_or_default() as usize;
        assert!(failures <= self.counted, "{failures} of {}: {status:#?}", self.counted);
        let is_deleted = world.import.metadata.deletion_timestamp.is_some();
        let is_over = status.finish_time.is_some() && !is_deleted;
        let Some(run) = status.run.filter(|_| is_over) else { return };
        let end = world.ledger.get(&run);
        let published = matches!(end, Some(RunResult::Published | RunResult::AlreadyLoaded));
        assert_eq!(published, status.published_run == Some(run), "{end:?}: {status:#?}");
        assert_eq!(published, world.conditions().contains(&"Ready".to_owned()), "{status:#?}");
        assert!(end.is_some() || !world.runs_started().contains(&run), "not settled: {status:#?}");
    }
}

/// Whether anything came of it.
fn happen(world: &mut World, happening: &Happening) -> bool {
    let job = world.current().unwrap_or_default();
    let settling = job.contains("-settle-");
    let asks = settling || job.contains("-revert-");
    match happening {
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
        Happening::PodIsLost if world.is_running(&job) => world.lose_pod(&job),
        Happening::LivesOn => {
            for run in world.runs_started() {
                world.ledger.entry(run).or_insert(RunResult::Published);
            }
        }
        Happening::JobFails(reason) if !job.is_empty() => {
            world.job_condition(&job, "FailureTarget", reason);
        }
        Happening::JobIsDeleted if !job.is_empty() => drop(world.jobs.remove(&job)),
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
        _ => return false,
    }
    true
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

/// Cases of the short form, with some 20,000 reconciles that meet a fault. The long one is
/// `make torture`.
const CASES: u32 = 800;

/// Tries so many cases at least, in each of which some twenty reconciles must meet a fault.
fn try_all<S: Strategy>(cases: u32, steps: &S, tried: impl Fn(S::Value) -> Trial) {
    let settings = ProptestConfig { source_file: Some(file!()), ..ProptestConfig::default() };
    let cases = cases.max(settings.cases);
    let faulted = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig { cases, ..settings });
    let ended = runner.run(steps, |steps| {
        faulted.set(faulted.get() + tried(steps).faulted);
        Ok(())
    });
    ended.unwrap_or_else(|error| panic!("{error}"));
    let faulted = faulted.get();
    println!("{faulted} reconciles met a fault");
    assert!(faulted >= cases as usize * 20, "{faulted} in {cases} cases");
}

#[test]
fn whatever_happens_an_import_ends_as_the_ledger_says() {
    let steps = proptest::collection::vec(step(), 0..120);
    try_all(CASES, &steps, |steps| {
        let mut trial =
            Trial::of(json!({"retries": 2, "startDeadlineSeconds": 300, "deadlineSeconds": 7200}));
        for step in &steps {
            trial.take(step);
        }
        come_to_an_end(&mut trial.world);
        trial.check();
        trial
    });
}

#[test]
fn whatever_happens_nothing_of_an_import_that_was_to_be_reverted_is_left() {
    let steps = || proptest::collection::vec(step(), 0..80);
    try_all(256, &(steps(), steps()), |(before, after)| {
        let spec = json!({"retries": 2, "startDeadlineSeconds": 300, "onDelete": "Revert"});
        let mut trial = Trial::of(spec);
        for step in &before {
            trial.take(step);
        }
        trial.world.delete();
        for step in &after {
            trial.take(step);
        }
        come_to_be_gone(&mut trial.world);
        let ledger = &trial.world.ledger;
        let is_published = |result: &RunResult| *result == RunResult::Published;
        assert!(!ledger.values().any(is_published), "{ledger:?}");
        // Nor can it be any more: a run whose importer was ever at work has its end.
        let runs = trial.world.runs_started();
        assert!(runs.iter().all(|run| ledger.contains_key(run)), "{runs:?}: {ledger:?}");
        trial
    });
}
