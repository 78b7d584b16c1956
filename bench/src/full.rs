//! Row 3: the load of a file into a dataset that holds others already ÷ into an empty one.

use anyhow::Result;
use harness::{postgres::Database, progress};

use crate::{
    figures::{Rounds, SECONDS, Table, rounds},
    files::{SalesFile, Sum},
    rig::Rig,
    sales::Shape,
};

/// Room for the ids of all other files between those of one.
const STEP: u64 = 128;
const EMPTY: &str = "into an empty dataset";
const FULL: &str = "into a full dataset";

/// Measures and prints.
pub(crate) fn run(rig: &Rig, table: &mut Table, lines: u64, count: usize) -> Result<()> {
    let file = rig.files.generate("file", &Shape { order_step: STEP, ..Shape::of(lines) })?;
    for (others, other_lines) in [(10, lines), (100, lines / 100)] {
        let what = format!("Load {others} files of {other_lines} lines");
        let full = progress::during(&what, || full(rig, others, other_lines))?;
        let measured = measure(rig, &file, &full, count)?;
        let what = format!(
            "load of {lines} lines where {others} files of {other_lines} are there ÷ where none is"
        );
        table.ratio(("3", &what), &measured, (FULL, EMPTY), SECONDS)?;
    }
    Ok(())
}

fn measure(
    rig: &Rig,
    file: &SalesFile,
    (full, held): &(Database, Sum),
    count: usize,
) -> Result<Rounds> {
    let mut expected = *held;
    expected += file.sum;
    rounds(count, |round| {
        round.note(EMPTY, rig.load(&rig.ledger()?, file, &[], file.sum)?.seconds);
        let copy = rig.server.copy_database(full)?;
        round.note(FULL, rig.load(&copy, file, &[], expected)?.seconds);
        Ok(())
    })
}

/// A ledger with so many other files in it, and what they add up to.
fn full(rig: &Rig, files: u64, lines: u64) -> Result<(Database, Sum)> {
    let ledger = rig.ledger()?;
    let mut held = Sum::default();
    for number in 1..=files {
        let file = rig.files.generate("other", &other(number, lines))?;
        held += file.sum;
        rig.load(&ledger, &file, &[], held)?;
    }
    // The copies are to be of a database at rest.
    rig.server.sql(&ledger.name, "VACUUM ANALYZE")?;
    Ok((ledger, held))
}

/// Other orders than those of any other file. Of every four, two have ids of their own range, one
/// has ids between those of the measured file, one has ids of text.
fn other(number: u64, lines: u64) -> Shape {
    let shape = Shape { seed: 1 + number, ..Shape::of(lines) };
    let between = Shape { first_order: shape.first_order + number, order_step: STEP, ..shape };
    match number % 4 {
        0 => between,
        1 => Shape { text_ids: true, ..between },
        _ => Shape { first_order: number * 10_000_000_000, ..shape },
    }
}
