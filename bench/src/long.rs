//! Rows 7, 8 and 11: ten times the lines, in memory, in time, and in the questions asked then.

use anyhow::{Result, ensure};
use harness::postgres::Database;

use crate::{
    figures::{MEBIBYTES, MICROSECONDS_A_LINE, MILLISECONDS, Round, Rounds, Table, once, rounds},
    files::SalesFile,
    rig::{Loaded, Rig},
    sales::{self, Shape},
    small::FLOOR,
};

const SMALL: &str = "small";
const LARGE: &str = "large";
const SMALL_PEAK: &str = "small, peak";
const LARGE_PEAK: &str = "large, peak";
const TOTAL: &str = "total and orders";
const DAILY: &str = "daily figures";

/// Makes another file of the same size.
type Variant = fn(Shape) -> Shape;

/// What makes a file harder to hold in memory.
const VARIANTS: [(&str, Variant); 5] = [
    ("ids between those of other files", |shape| Shape { order_step: 128, ..shape }),
    ("ids of text", |shape| Shape { text_ids: true, ..shape }),
    ("1 % bad lines", |shape| Shape { bad_percent: 1, ..shape }),
    ("10 % bad lines", |shape| Shape { bad_percent: 10, ..shape }),
    // Last: it takes by far the longest, and the most room.
    ("every product name different", |shape| Shape { distinct_names: true, ..shape }),
];

/// Measures and prints.
pub(crate) fn run(rig: &Rig, table: &mut Table, lines: u64, count: usize) -> Result<()> {
    let measured = measure(rig, lines, count)?;
    for (peak, lines) in peaks(lines) {
        let what = format!("peak memory, {lines} lines");
        table.figure(("7", &what), &measured, (peak, None), MEBIBYTES)?;
    }
    for (name, what) in [(TOTAL, "a year's revenue and orders"), (DAILY, "a year's daily figures")]
    {
        let what = format!("{what} in SQL over {} lines", lines * 10);
        table.figure(("8", &what), &measured, (name, Some(FLOOR)), MILLISECONDS)?;
    }
    let what = format!("time a line, {} lines ÷ {lines} lines", lines * 10);
    table.ratio(("11", &what), &measured, (LARGE, SMALL), MICROSECONDS_A_LINE)?;
    for (name, variant) in VARIANTS {
        let measured = measure_variant(rig, lines, variant)?;
        for (peak, lines) in peaks(lines) {
            let what = format!("peak memory, {lines} lines, {name}");
            table.figure(("7", &what), &measured, (peak, None), MEBIBYTES)?;
        }
    }
    Ok(())
}

/// What is measured with how many lines.
fn peaks(lines: u64) -> [(&'static str, u64); 2] {
    [(SMALL_PEAK, lines), (LARGE_PEAK, lines * 10)]
}

fn measure(rig: &Rig, lines: u64, count: usize) -> Result<Rounds> {
    let small = rig.files.generate("small", &Shape::of(lines))?;
    let large = rig.files.generate("large", &Shape::of(lines * 10))?;
    rounds(count, |round| {
        note(round, (SMALL, SMALL_PEAK), &small, &load(rig, &small, &rig.ledger()?)?);
        let ledger = rig.ledger()?;
        note(round, (LARGE, LARGE_PEAK), &large, &load(rig, &large, &ledger)?);
        ask(rig, &ledger, &large, round)
    })
}

fn measure_variant(rig: &Rig, lines: u64, variant: Variant) -> Result<Rounds> {
    once(|round| {
        for (peak, lines) in peaks(lines) {
            let file = rig.files.generate("variant", &variant(Shape::of(lines)))?;
            round.note(peak, load(rig, &file, &rig.ledger()?)?.peak_mebibytes);
        }
        Ok(())
    })
}

fn load(rig: &Rig, file: &SalesFile, ledger: &Database) -> Result<Loaded> {
    rig.load(ledger, file, &["--max-rejected", "100%"], file.sum)
}

#[expect(clippy::cast_precision_loss, reason = "no file has 2^52 lines")]
fn note(round: &mut Round, (time, peak): (&str, &str), file: &SalesFile, loaded: &Loaded) {
    round.note(time, loaded.seconds * 1e6 / file.sum.lines as f64);
    round.note(peak, loaded.peak_mebibytes);
}

/// Asks what the API asks.
fn ask(rig: &Rig, ledger: &Database, file: &SalesFile, round: &mut Round) -> Result<()> {
    const REVENUE: &str = include_str!("../../ledger/src/postgres/read/revenue.sql");
    let year = "'default', '2024-01-01', '2024-12-31'";
    let revenue = format!("PREPARE asked(text, date, date) AS {REVENUE}; EXECUTE asked({year})");
    let daily = "SELECT sale_date, revenue, line_count, order_count
        FROM takings.daily_revenue JOIN takings.dataset USING (dataset_id)
        WHERE name = 'default' AND sale_date BETWEEN '2024-01-01' AND '2024-12-31'
        ORDER BY sale_date";
    round.note(FLOOR, rig.psql(ledger, "select 1")?.0 * 1e3);
    let (seconds, answer) = rig.psql(ledger, &revenue)?;
    let expected =
        format!("SGD|{}|{}|{}|", sales::amount(file.sum.mills), file.sum.lines, file.orders);
    ensure!(answer.starts_with(&expected), "{answer}, not {expected}: the run is void");
    round.note(TOTAL, seconds * 1e3);
    let (seconds, answer) = rig.psql(ledger, daily)?;
    ensure!(answer.lines().count() == 366, "{answer}: not every day has its figures");
    round.note(DAILY, seconds * 1e3);
    Ok(())
}
