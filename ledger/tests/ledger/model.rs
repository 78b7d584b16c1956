//! Random files, cut and overlapping at random, under every policy, reverted and run again in any
//! order: after each step the ledger equals a short model that keeps everything in maps.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{ImportId, OnOverlap, outcome::RunResult};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use crate::support::{File, KEEP_NOTHING, TestLedger, day};

/// Lines as (day, order, cents).
type Lines = Vec<(i8, u8, i64)>;
type OrderDays = BTreeMap<(u8, i8), Vec<i64>>;

#[derive(Clone, Debug)]
enum Step {
    Load { lines: Lines, policy: OnOverlap },
    RunAgain { import: usize, lines: Lines, policy: OnOverlap },
    Revert { import: usize },
    Purge,
}

#[derive(Default)]
struct Model {
    /// In the order of their publish; a load that is no longer live is `None`.
    loads: Vec<Option<(ImportId, OrderDays)>>,
    imports: Vec<(ImportId, u32)>,
}

impl Model {
    /// The version of each order-day that counts, without the loads of one import.
    fn live(&self, without: Option<ImportId>) -> OrderDays {
        let loads = self.loads.iter().flatten().filter(|(import, _)| Some(*import) != without);
        loads.flat_map(|(_, days)| days.clone()).collect()
    }

    /// Publishes as the rules say; the lines imported, or `None` where it is refused.
    fn publish(&mut self, import: ImportId, lines: &Lines, policy: OnOverlap) -> Option<u64> {
        let live = self.live(Some(import));
        let mut mine = order_days(lines);
        mine.retain(|key, lines| live.get(key) != Some(lines));
        if mine.keys().any(|key| live.contains_key(key)) {
            match policy {
                OnOverlap::Fail => return None,
                OnOverlap::Skip => mine.retain(|key, _| !live.contains_key(key)),
                OnOverlap::Replace => {}
            }
        }
        self.take_out(import);
        let imported = mine.values().map(|lines| lines.len() as u64).sum();
        self.loads.push(Some((import, mine)));
        Some(imported)
    }

    fn take_out(&mut self, import: ImportId) {
        for load in &mut self.loads {
            load.take_if(|(of, _)| *of == import);
        }
    }
}

fn order_days(lines: &Lines) -> OrderDays {
    let mut days = OrderDays::new();
    for &(on, order, cents) in lines {
        days.entry((order, on)).or_default().push(cents);
    }
    for lines in days.values_mut() {
        lines.sort_unstable();
    }
    days
}

fn file(lines: &Lines, policy: OnOverlap) -> File {
    let texts: Vec<_> = lines
        .iter()
        .map(|&(on, order, cents)| (on, format!("o{order}"), format!("{cents}e").replace('e', "")))
        .collect();
    let lines: Vec<_> = texts.iter().map(|(on, order, total)| (*on, &**order, &**total)).collect();
    File::new(&lines).on_overlap(policy)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Few orders, days and amounts, so that files meet in every way.
    let lines = || prop::collection::vec((1_i8..5, 0_u8..4, -1_i64..3), 0..8);
    let policy =
        || prop::sample::select(vec![OnOverlap::Fail, OnOverlap::Skip, OnOverlap::Replace]);
    let step = prop_oneof![
        6 => (lines(), policy()).prop_map(|(lines, policy)| Step::Load { lines, policy }),
        2 => (0_usize..8, lines(), policy())
            .prop_map(|(import, lines, policy)| Step::RunAgain { import, lines, policy }),
        2 => (0_usize..8).prop_map(|import| Step::Revert { import }),
        1 => Just(Step::Purge),
    ];
    prop::collection::vec(step, 1..10)
}

async fn take(test: &TestLedger, model: &mut Model, step: &Step) {
    let (file, lines, policy) = match step {
        Step::Load { lines, policy } => {
            let file = file(lines, *policy);
            model.imports.push((file.import_id(), 1));
            (file, lines, *policy)
        }
        Step::RunAgain { import, lines, policy } => {
            let Some((id, run)) = model.imports.get_mut(*import) else { return };
            *run += 1;
            (file(lines, *policy).run_of(*id, *run), lines, *policy)
        }
        Step::Revert { import } => {
            let Some((id, _)) = model.imports.get(*import).copied() else { return };
            // Refused where nothing was ever published: the figures tell either way.
            let _ = test.ledger.revert(id, "test", "").await;
            return model.take_out(id);
        }
        Step::Purge => {
            // What is no longer to be kept counts nowhere.
            test.ledger.maintain(&KEEP_NOTHING).await.unwrap();
            return;
        }
    };
    let outcome = test.load(&file).await;
    let read = lines.len() as u64;
    match model.publish(file.import_id(), lines, policy) {
        None => assert_eq!(outcome.result, RunResult::Refused, "{step:?}"),
        // Found as a whole, which the model finds line by line; an own former run then stays.
        Some(_) if outcome.result == RunResult::AlreadyLoaded => {
            assert_eq!((outcome.lines_imported, outcome.lines_skipped), (0, read));
        }
        Some(imported) => {
            assert_eq!(outcome.result, RunResult::Published, "{step:?} {}", outcome.message);
            assert_eq!(outcome.lines_imported, imported, "{step:?}");
            assert_eq!(outcome.lines_skipped, read - imported, "{step:?}");
        }
    }
}

async fn compare(test: &TestLedger, model: &Model) {
    let live = model.live(None);
    for (from, to) in [(1, 31), (1, 1), (1, 2), (2, 3), (3, 4), (2, 4)] {
        let days: Vec<_> = live.iter().filter(|((_, on), _)| (from..=to).contains(on)).collect();
        let cents: i64 = days.iter().flat_map(|(_, lines)| lines.iter()).sum();
        let lines = days.iter().map(|(_, lines)| lines.len() as u64).sum();
        let orders: BTreeSet<_> = days.iter().map(|((order, _), _)| order).collect();
        let expected = (cents.to_string(), lines, orders.len() as u64);
        assert_eq!(test.figures(from, to).await, expected, "days {from} to {to}");
    }
    let published = test.ledger.daily(&"default".parse().unwrap(), day(1), day(31)).await.unwrap();
    let published: Vec<_> =
        published.iter().map(|d| format!("{} {} {}", d.date, d.line_count, d.revenue)).collect();
    let recomputed = test.sql(
        "SELECT sale_date || ' ' || count(*) || ' ' || trim_scale(sum(line_total))
         FROM takings.live_sale GROUP BY sale_date ORDER BY sale_date",
    );
    assert_eq!(published.join("\n"), recomputed, "daily figures against the lines themselves");
}

#[test]
fn any_history_of_imports_gives_the_figures_of_the_model() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let test = runtime.block_on(TestLedger::new());
    let mut runner =
        TestRunner::new(Config { cases: 30, failure_persistence: None, ..Config::default() });
    let result = runner.run(&steps(), |steps| {
        runtime.block_on(async {
            test.sql("TRUNCATE takings.imported_file, takings.load, takings.sale, takings.load_chunk, takings.order_block, takings.superseded, takings.load_overlap, takings.daily_revenue, takings.order_day_pair, takings.reject CASCADE");
            let mut model = Model::default();
            for step in &steps {
                take(&test, &mut model, step).await;
                compare(&test, &model).await;
            }
            let verified = test.ledger.verify().await.unwrap();
            assert!(verified.iter().all(|one| one.violations == 0), "{verified:#?}");
        });
        Ok(())
    });
    result.unwrap();
}
