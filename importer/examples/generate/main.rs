//! Prints a sales file of the real shape: `generate LINES > sales.csv`. What its totals are goes
//! to standard error.

mod sales;

use std::io::{self, BufWriter, Write};

use clap::Parser;

use sales::Shape;

/// Prints a sales file of the real shape; its totals go to standard error.
#[derive(Parser)]
struct Generate {
    /// How many lines, the header apart
    lines: u64,
    /// Other seeds give other sales
    #[arg(default_value_t = 1)]
    seed: u64,
    /// The first order's id; files that share no order start far apart, or interleave
    #[arg(long, default_value_t = 7_000)]
    first_order: u64,
    /// By how much ids go up: more than 1 leaves room for those of other files in between
    #[arg(long, default_value_t = 1)]
    order_step: u64,
    /// Ids are text, in no order
    #[arg(long)]
    text_ids: bool,
    /// No product is sold twice
    #[arg(long)]
    distinct_names: bool,
    /// So many lines of a hundred can't be sales
    #[arg(long, default_value_t = 0)]
    bad_percent: u64,
    /// Of the year's 366 days only so many are written: an earlier export of the same sales
    #[arg(long, default_value_t = 366)]
    days_written: u64,
    /// Another revision sells the same orders at other prices
    #[arg(long, default_value_t = 0)]
    revision: u32,
}

impl Generate {
    fn shape(&self) -> Shape {
        Shape {
            seed: self.seed,
            first_order: self.first_order,
            order_step: self.order_step,
            text_ids: self.text_ids,
            distinct_names: self.distinct_names,
            bad_percent: self.bad_percent,
            days_written: self.days_written,
            revision: self.revision,
            ..Shape::of(self.lines)
        }
    }
}

fn main() -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let expected = sales::write(&mut out, &Generate::parse().shape())?;
    out.flush()?;
    writeln!(
        io::stderr(),
        "{} lines and {} bad ones, {} orders, {} days, revenue {}",
        expected.lines,
        expected.rejected,
        expected.orders,
        expected.days.len(),
        sales::amount(expected.mills()),
    )?;
    Ok(())
}
