//! Prints a sales file of the real shape: `generate LINES [SEED] > sales.csv`. What its totals
//! are goes to standard error.

mod sales;

use std::io::{self, BufWriter, Write};

use anyhow::Context;

fn main() -> anyhow::Result<()> {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let lines = numbers.next().context("usage: generate LINES [SEED] > sales.csv")??;
    let seed = numbers.next().transpose()?.unwrap_or(1);
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let expected = sales::write(&mut out, &sales::Shape { seed, ..sales::Shape::of(lines) })?;
    out.flush()?;
    writeln!(
        io::stderr(),
        "{} lines, {} orders, {} days, revenue {}",
        expected.lines,
        expected.orders,
        expected.days.len(),
        sales::amount(expected.mills()),
    )?;
    Ok(())
}
