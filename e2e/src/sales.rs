//! Made up sales files, with their sums counted apart from everything that is tested.

use std::fmt::Write as _;

/// A file and what must come out of it.
#[derive(Clone, Debug)]
pub struct Sales {
    /// The file.
    pub csv: String,
    /// Its lines, the header left out.
    pub lines: u64,
    /// Its orders, each of one day.
    pub orders: u64,
    /// The sum of its line totals, exact, as the API writes it.
    pub revenue: String,
}

/// A file of so many lines over some days of January 2025: three lines an order, amounts of 0 to
/// 3 decimals, every seventh a refund. `seed` tells the orders of two files apart.
#[must_use]
pub fn generate(seed: u32, lines: u32) -> Sales {
    let mut csv = String::from("Sale Date,Sale ID,Item name,Location,Quantity,Item Total\n");
    let mut mills: i64 = 0;
    for line in 0..lines {
        let order = line / 3;
        let amount = amount(line);
        mills += amount;
        let (day, quantity) = (1 + order % 28, amount.signum());
        let total = decimal(amount);
        let _ = writeln!(
            csv,
            "1/{day}/2025,{seed}-{order},\"Bay hire, 60 min\",Harbour,{quantity},{total}"
        );
    }
    Sales { csv, lines: lines.into(), orders: lines.div_ceil(3).into(), revenue: decimal(mills) }
}

/// In thousandths, so that sums of any length are exact.
fn amount(line: u32) -> i64 {
    let size = 1 + i64::from(line.wrapping_mul(2_654_435_761) % 99_999);
    if line % 7 == 6 { -size } else { size }
}

/// Thousandths as a decimal without trailing zeros.
fn decimal(mills: i64) -> String {
    let sign = if mills < 0 { "-" } else { "" };
    let (whole, rest) = (mills.abs() / 1000, mills.abs() % 1000);
    let fraction = format!("{rest:03}");
    let text = format!("{sign}{whole}.{}", fraction.trim_end_matches('0'));
    text.trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_are_written_without_trailing_zeros() {
        for (mills, text) in [(0, "0"), (-436, "-0.436"), (23_980, "23.98"), (5_000, "5")] {
            assert_eq!(decimal(mills), text);
        }
    }
}
