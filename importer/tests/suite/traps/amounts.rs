//! Amounts: plain decimals, summed to the last digit, or rejected.

use ledger::{RejectReason, RejectReason::*};

use super::{Rejected, check, trap};

fn wrong(lines: std::ops::RangeInclusive<u32>, reason: RejectReason) -> Vec<Rejected> {
    lines.map(|line| (line, "Item Total", reason)).collect()
}

#[tokio::test]
async fn only_plain_decimals_are_amounts() {
    check([
        trap("currency-signs.csv").loads(1, "1").rejects(&wrong(2..=7, InvalidNumber)),
        trap("thousands.csv").loads(1, "1234.5").rejects(&wrong(2..=8, InvalidNumber)),
        trap("decimal-commas.csv").loads(1, "1.5").rejects(&wrong(2..=3, InvalidNumber)),
        trap("signs.csv").loads(3, "-191.2").rejects(&wrong(2..=6, InvalidNumber)),
        trap("parentheses.csv").loads(1, "12.5").rejects(&wrong(2..=3, InvalidNumber)),
        trap("exponents.csv").loads(1, "1").rejects(&wrong(2..=5, InvalidNumber)),
        trap("not-numbers.csv").loads(1, "1").rejects(&wrong(2..=6, InvalidNumber)),
        trap("spreadsheet-errors.csv").loads(1, "1").rejects(&wrong(2..=5, InvalidNumber)),
        trap("spare-characters.csv").loads(5, "15.5").rejects(
            &[wrong(7..=9, InvalidNumber), wrong(10..=10, Missing), wrong(11..=13, InvalidNumber)]
                .concat(),
        ),
        trap("words-for-nothing.csv").loads(1, "1").rejects(
            &[wrong(2..=2, Missing), wrong(3..=7, InvalidNumber), wrong(8..=9, Missing)].concat(),
        ),
        trap("quantities.csv")
            .loads(3, "11")
            .rejects(&[(4, "Quantity", InvalidNumber), (6, "Quantity", InvalidNumber)]),
    ])
    .await;
}

#[tokio::test]
async fn sums_are_exact_to_the_last_digit() {
    check([
        trap("refunds.csv").loads(3, "-100.5").orders(2),
        trap("sub-cents.csv").loads(5, "36.360000001"),
        trap("many-digits.csv")
            .loads(3, "7")
            .rejects(&[wrong(3..=4, TooLarge), wrong(5..=6, TooPrecise)].concat()),
    ])
    .await;
}
