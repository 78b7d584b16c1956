//! Rounds in, rows of a markdown table out: median and worst of each figure, and of its ratio to
//! the peer of the same round. Never: a round that failed.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use anyhow::{Context, Result};
use harness::progress::say;

/// What one round measured, by name.
#[derive(Debug, Default)]
pub(crate) struct Round(BTreeMap<String, f64>);

/// The rounds that count.
#[derive(Debug)]
pub(crate) struct Rounds(Vec<Round>);

/// What a figure is counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit {
    name: &'static str,
    is_better_when_high: bool,
}

/// Seconds.
pub(crate) const SECONDS: Unit = Unit { name: "s", is_better_when_high: false };
/// Milliseconds.
pub(crate) const MILLISECONDS: Unit = Unit { name: "ms", is_better_when_high: false };
/// Microseconds a line.
pub(crate) const MICROSECONDS_A_LINE: Unit = Unit { name: "µs/line", is_better_when_high: false };
/// Mebibytes.
pub(crate) const MEBIBYTES: Unit = Unit { name: "MiB", is_better_when_high: false };
/// Requests a second.
pub(crate) const REQUESTS: Unit = Unit { name: "requests/s", is_better_when_high: true };
/// Imports that ended in a minute.
pub(crate) const IMPORTS_A_MINUTE: Unit = Unit { name: "imports/min", is_better_when_high: true };
/// Calls to the API server.
pub(crate) const CALLS: Unit = Unit { name: "calls", is_better_when_high: false };

/// A table that is printed row by row, since each takes its time.
#[derive(Debug)]
pub(crate) struct Table(io::Stdout);

/// Measures so many times, after one round that warms the caches and does not count.
pub(crate) fn rounds(
    count: usize,
    mut measure: impl FnMut(&mut Round) -> Result<()>,
) -> Result<Rounds> {
    let mut all = Vec::new();
    for number in 0..=count {
        let mut round = Round::default();
        measure(&mut round)?;
        let shown: Vec<_> =
            round.0.iter().map(|(name, value)| format!("{name} {value:.3}")).collect();
        say(&format!("round {number} of {count}: {}", shown.join(", ")));
        all.push(round);
    }
    Ok(Rounds(all.split_off(1)))
}

/// Measures once, for what does not depend on caches.
pub(crate) fn once(measure: impl FnOnce(&mut Round) -> Result<()>) -> Result<Rounds> {
    let mut round = Round::default();
    measure(&mut round)?;
    Ok(single(round))
}

/// What was measured once.
pub(crate) fn single(round: Round) -> Rounds {
    Rounds(vec![round])
}

impl Round {
    /// Notes a figure.
    pub(crate) fn note(&mut self, name: impl Into<String>, value: f64) {
        self.0.insert(name.into(), value);
    }
}

impl Rounds {
    fn values(&self, name: &str) -> Result<Vec<f64>> {
        let values = self.0.iter().map(|round| round.0.get(name).copied());
        values.collect::<Option<_>>().with_context(|| format!("nobody has measured {name}"))
    }

    fn ratios(&self, ours: &str, peer: &str) -> Result<Vec<f64>> {
        let (ours, peer) = (self.values(ours)?, self.values(peer)?);
        Ok(ours.iter().zip(peer).map(|(ours, peer)| ours / peer).collect())
    }
}

impl Table {
    /// An empty table.
    pub(crate) fn begin() -> Result<Self> {
        let mut out = io::stdout();
        writeln!(out, "| row | what | median | worst | floor or peer | rounds |")?;
        writeln!(out, "| --- | --- | --- | --- | --- | --- |")?;
        Ok(Self(out))
    }

    /// A row whose figure is the ratio of one side to the other.
    pub(crate) fn ratio(
        &mut self,
        (row, what): (&str, &str),
        rounds: &Rounds,
        (ours, peer): (&str, &str),
        unit: Unit,
    ) -> Result<()> {
        let ratios = rounds.ratios(ours, peer)?;
        let [ours, peer] = [ours, peer].map(|side| rounds.values(side).map(|all| median(&all)));
        let sides = format!("{} ÷ {} {}", number(ours?), number(peer?), unit.name);
        let figures = [median(&ratios), worst(&ratios, unit)].map(|ratio| format!("{ratio:.2}"));
        self.row([row, what, &figures[0], &figures[1], &sides], ratios.len())
    }

    /// A row whose figure is what was measured, beside the least that anything takes here.
    pub(crate) fn figure(
        &mut self,
        (row, what): (&str, &str),
        rounds: &Rounds,
        (ours, floor): (&str, Option<&str>),
        unit: Unit,
    ) -> Result<()> {
        let values = rounds.values(ours)?;
        let figures = [median(&values), worst(&values, unit)];
        let figures = figures.map(|value| format!("{} {}", number(value), unit.name));
        let floor = match floor {
            None => String::new(),
            Some(floor) => format!(
                "{:.2} × {floor} ({} {})",
                median(&rounds.ratios(ours, floor)?),
                number(median(&rounds.values(floor)?)),
                unit.name
            ),
        };
        self.row([row, what, &figures[0], &figures[1], &floor], values.len())
    }

    /// A row that could not be measured, and why.
    pub(crate) fn missing(&mut self, row: &str, what: &str, why: &str) -> Result<()> {
        self.row([row, what, "none", "none", &why.replace(['|', '\n'], " ")], 0)
    }

    fn row(&mut self, cells: [&str; 5], rounds: usize) -> Result<()> {
        writeln!(self.0, "| {} | {rounds} |", cells.join(" | "))?;
        Ok(self.0.flush()?)
    }
}

/// The middle one; of an even number the higher of the two in the middle.
fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

fn worst(values: &[f64], unit: Unit) -> f64 {
    let worse = if unit.is_better_when_high { f64::min } else { f64::max };
    values.iter().copied().fold(f64::NAN, worse)
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[(f64, f64)]) -> Rounds {
        let round = |(ours, peer): &(f64, f64)| {
            let mut round = Round::default();
            round.note("ours", *ours);
            round.note("peer", *peer);
            round
        };
        Rounds(values.iter().map(round).collect())
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let rounds = of(&[(1.0, 2.0), (3.0, 1.0), (4.0, 4.0)]);
        assert_eq!(rounds.ratios("ours", "peer").unwrap(), [0.5, 3.0, 1.0]);
        assert!(rounds.ratios("ours", "nobody").is_err());
    }

    #[test]
    fn the_worst_is_the_slowest() {
        let values = [2.0, 5.0, 3.0];
        let figures = [median(&values), worst(&values, SECONDS), worst(&values, REQUESTS)];
        assert_eq!(figures.map(number), ["3.00", "5.00", "2.00"]);
    }

    #[test]
    fn the_first_round_does_not_count() {
        let mut next = 0.0;
        let measured = rounds(2, |round| {
            next += 1.0;
            round.note("ours", next);
            Ok(())
        });
        assert_eq!(measured.unwrap().values("ours").unwrap(), [2.0, 3.0]);
    }
}
