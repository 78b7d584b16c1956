//! What real files do to their readers: each trap is a file, and what must become of it in the
//! ledger. Amounts are powers of two where the sum is to say which lines were loaded.

mod amounts;
mod bytes;
mod dates;
mod identity;
mod lines;
mod packed;
mod quoting;
mod shape;

use std::path::{Path, PathBuf};

use importer::{Format, LoadRequest, Source};
use ledger::{
    Dataset, Outcome, RejectReason,
    outcome::{Reason, RunResult},
    postgres::{ImportFilter, Page},
};

use crate::support::*;

const SOURCES: [&str; 8] = [
    include_str!("traps/amounts.rs"),
    include_str!("traps/bytes.rs"),
    include_str!("traps/dates.rs"),
    include_str!("traps/identity.rs"),
    include_str!("traps/lines.rs"),
    include_str!("traps/packed.rs"),
    include_str!("traps/quoting.rs"),
    include_str!("traps/shape.rs"),
];

/// A file, how it is read, and what must become of it.
pub struct Trap {
    name: String,
    source: Box<dyn Fn() -> Source>,
    format: Format,
    expected: Expected,
}

enum Expected {
    Nothing,
    Published { lines: u64, revenue: &'static str, rejects: Vec<Rejected>, orders: Option<u64> },
    Refused { reason: Reason, says: String },
}

/// Line, column and reason.
pub type Rejected = (u32, &'static str, RejectReason);

/// A file of the fixtures.
pub fn trap(name: &'static str) -> Trap {
    let path = folder().join(name);
    assert!(path.exists(), "{name}");
    built(name, move || file(&path))
}

/// A file that is built when it is read.
pub fn built(name: &str, source: impl Fn() -> Source + 'static) -> Trap {
    let (format, expected) = (Format::default(), Expected::Nothing);
    Trap { name: name.into(), source: Box::new(source), format, expected }
}

impl Trap {
    pub fn read_as(mut self, change: impl FnOnce(&mut Format)) -> Self {
        change(&mut self.format);
        self
    }

    /// So many lines are loaded, with that sum.
    pub fn loads(mut self, lines: u64, revenue: &'static str) -> Self {
        self.expected = Expected::Published { lines, revenue, rejects: Vec::new(), orders: None };
        self
    }

    /// And these are rejected.
    pub fn rejects(mut self, all: &[Rejected]) -> Self {
        if let Expected::Published { rejects, .. } = &mut self.expected {
            *rejects = all.to_vec();
        }
        self
    }

    /// And those that are loaded are so many orders.
    pub fn orders(mut self, count: u64) -> Self {
        if let Expected::Published { orders, .. } = &mut self.expected {
            *orders = Some(count);
        }
        self
    }

    /// The whole file is refused, with these words.
    pub fn refuses(mut self, reason: Reason, says: &str) -> Self {
        self.expected = Expected::Refused { reason, says: says.into() };
        self
    }

    async fn check(&self, shop: &Shop, dataset: Dataset) {
        let name = &self.name;
        let request = LoadRequest {
            dataset: dataset.clone(),
            format: self.format.clone(),
            ..tolerating("100%")
        };
        let outcome = shop.load(request, (self.source)()).await;
        match &self.expected {
            Expected::Nothing => panic!("{name}: nothing is expected of it"),
            Expected::Refused { reason, says } => {
                assert_eq!(outcome.reason, *reason, "{name}: {outcome:?}");
                assert_ended(&outcome, RunResult::Refused, *reason);
                assert!(outcome.message.contains(says), "{name}: {}", outcome.message);
            }
            Expected::Published { lines, revenue, rejects, orders } => {
                assert_eq!(outcome.result, RunResult::Published, "{name}: {outcome:?}");
                assert_published(&outcome, *lines, 0);
                assert_eq!(outcome.revenue.unwrap_or_default().to_string(), *revenue, "{name}");
                assert_eq!(rejects_of(shop, &dataset).await, owned(rejects), "{name}");
                let figures = shop.ledger.revenue(&dataset, FIRST_DAY, LAST_DAY).await.unwrap();
                assert_eq!(figures.revenue.to_string(), *revenue, "{name}");
                assert_eq!(figures.line_count, *lines, "{name}");
                assert!(orders.is_none_or(|orders| orders == figures.order_count), "{name}");
            }
        }
    }
}

/// Each into a dataset of its own.
pub async fn check(traps: impl IntoIterator<Item = Trap>) -> Shop {
    let shop = Shop::open().await;
    for (number, trap) in traps.into_iter().enumerate() {
        trap.check(&shop, format!("trap-{number}").parse().unwrap()).await;
    }
    shop
}

pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/traps")
}

async fn rejects_of(shop: &Shop, dataset: &Dataset) -> Vec<(u32, String, String)> {
    let filter = ImportFilter { dataset: Some(dataset.clone()), ..ImportFilter::default() };
    let files = shop.ledger.imports(&filter, Page { limit: 1, before: None }).await.unwrap();
    let rejects = shop.ledger.rejects(files[0].id, 1_000, None).await.unwrap();
    rejects.into_iter().map(|reject| (reject.line, reject.column, reject.reason)).collect()
}

fn owned(rejects: &[Rejected]) -> Vec<(u32, String, String)> {
    let owned =
        |(line, column, reason): &Rejected| (*line, (*column).into(), reason.as_str().into());
    rejects.iter().map(owned).collect()
}

/// An outcome for what is loaded more than once.
pub async fn load(shop: &Shop, source: Source) -> Outcome {
    shop.load(request(), source).await
}

#[test]
fn every_fixture_is_expected_somewhere() {
    for entry in std::fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let quoted = format!("\"{name}\"");
        assert!(SOURCES.iter().any(|source| source.contains(&quoted)), "{name}");
    }
}
