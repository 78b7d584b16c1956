//! Row 5: the real-size file, as a person waits for it.

use anyhow::Result;

use crate::{
    figures::{MILLISECONDS, Table, rounds},
    files::REAL_LINES,
    rig::Rig,
    sales::Shape,
};

const LOAD: &str = "load";
/// What the machine takes for a program that asks PostgreSQL one thing.
pub(crate) const FLOOR: &str = "`select 1`";

/// Measures and prints.
pub(crate) fn run(rig: &Rig, table: &mut Table, count: usize) -> Result<()> {
    let file = rig.files.generate("real", &Shape::of(REAL_LINES))?;
    let measured = rounds(count, |round| {
        let ledger = rig.ledger()?;
        round.note(FLOOR, rig.psql(&ledger, "select 1")?.0 * 1e3);
        round.note(LOAD, rig.load(&ledger, &file, &[], file.sum)?.seconds * 1e3);
        Ok(())
    })?;
    let what = format!("load of {REAL_LINES} lines, process start to exit");
    table.figure(("5", &what), &measured, (LOAD, Some(FLOOR)), MILLISECONDS)
}
