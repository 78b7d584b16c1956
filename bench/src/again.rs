//! Row 9: a file that comes again with other lines, or grown.

use anyhow::{Result, ensure};

use crate::{
    figures::{Rounds, SECONDS, Table, rounds},
    files::SalesFile,
    rig::Rig,
    sales::Shape,
};

const FIRST: &str = "first load";
const REPLACED: &str = "replaced";
const GROWN: &str = "grown";

struct Exports {
    first: SalesFile,
    /// The same orders at other prices.
    revised: SalesFile,
    /// The first nine tenths of the year.
    earlier: SalesFile,
}

/// Measures and prints.
pub(crate) fn run(rig: &Rig, table: &mut Table, lines: u64, count: usize) -> Result<()> {
    let shape = Shape::of(lines);
    let exports = Exports {
        first: rig.files.generate("first", &shape)?,
        revised: rig.files.generate("revised", &Shape { revision: 1, ..shape })?,
        earlier: rig.files.generate("earlier", &Shape { days_written: 329, ..shape })?,
    };
    let measured = measure(rig, &exports, count)?;
    let what = format!("{lines} lines that replace all that is there ÷ their first load");
    table.ratio(("9", &what), &measured, (REPLACED, FIRST), SECONDS)?;
    let what = format!("{lines} lines, 90 % there already ÷ their first load");
    table.ratio(("9", &what), &measured, (GROWN, FIRST), SECONDS)
}

fn measure(rig: &Rig, exports: &Exports, count: usize) -> Result<Rounds> {
    let Exports { first, revised, earlier } = exports;
    rounds(count, |round| {
        let ledger = rig.ledger()?;
        round.note(FIRST, rig.load(&ledger, first, &[], first.sum)?.seconds);
        let replaced = rig.load(&ledger, revised, &["--on-overlap", "replace"], revised.sum)?;
        ensure!(replaced.outcome["linesSkipped"] == 0, "{}", replaced.outcome);
        round.note(REPLACED, replaced.seconds);
        let ledger = rig.ledger()?;
        rig.load(&ledger, earlier, &[], earlier.sum)?;
        let grown = rig.load(&ledger, first, &[], first.sum)?;
        ensure!(grown.outcome["linesSkipped"] == earlier.sum.lines, "{}", grown.outcome);
        round.note(GROWN, grown.seconds);
        Ok(())
    })
}
