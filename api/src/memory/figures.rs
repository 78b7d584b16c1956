//! All figures of a dataset, to be asked for any range of days. Pure; the answers are those of the
//! ledger's own queries.

use jiff::civil::Date;
use ledger::{
    Currency, Decimal,
    postgres::{DailyRevenue, DatasetFigures, OrderDayPair},
};
use uuid::Uuid;

use crate::params::DateRange;

/// The figures of a dataset, or of none.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    token: Uuid,
    currency: Option<Currency>,
    days: Vec<DailyRevenue>,
    /// For each day the sums of all days before it, and at the end those of all.
    before: Vec<Sums>,
    pairs: Vec<OrderDayPair>,
}

/// Sums over days. An order on several of them counts on each.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    revenue: Decimal,
    line_count: u64,
    order_days: u64,
}

/// The figures of a range of days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Total {
    /// Sum of the line totals.
    pub(crate) revenue: Decimal,
    /// Lines that count.
    pub(crate) line_count: u64,
    /// Distinct orders.
    pub(crate) order_count: u64,
}

impl Figures {
    /// From what the ledger holds.
    pub(crate) fn new(DatasetFigures { state, days, pairs }: DatasetFigures) -> Self {
        let mut sums = Sums::default();
        let mut before = Vec::with_capacity(days.len() + 1);
        before.push(sums);
        for day in &days {
            sums.revenue = sums.revenue + day.revenue;
            sums.line_count += day.line_count;
            sums.order_days += day.order_count;
            before.push(sums);
        }
        Self { token: state.token, currency: state.currency, days, before, pairs }
    }

    /// The state of the dataset.
    pub(crate) fn token(&self) -> Uuid {
        self.token
    }

    /// The dataset's currency; `None` where nothing is live in it.
    pub(crate) fn currency(&self) -> Option<&Currency> {
        self.currency.as_ref()
    }

    /// The days of a range that have sales, ascending.
    pub(crate) fn days(&self, range: DateRange) -> &[DailyRevenue] {
        let (begin, end) = self.places(range);
        self.days.get(begin..end).unwrap_or_default()
    }

    /// The figures of a range.
    pub(crate) fn total(&self, range: DateRange) -> Total {
        let (begin, end) = self.places(range);
        let at = |place: usize| self.before.get(place).copied().unwrap_or_default();
        let (begin, end) = (at(begin), at(end));
        // An order on n days of the range is counted n times, and has n - 1 pairs in it.
        let order_days = end.order_days.saturating_sub(begin.order_days);
        Total {
            revenue: end.revenue + -begin.revenue,
            line_count: end.line_count.saturating_sub(begin.line_count),
            order_count: order_days.saturating_sub(self.pairs_in(range)),
        }
    }

    /// What it takes in memory, in bytes.
    pub(crate) fn bytes(&self) -> u64 {
        let days = size_of_val(self.days.as_slice()) + size_of_val(self.before.as_slice());
        let all = size_of::<Self>() + days + size_of_val(self.pairs.as_slice());
        u64::try_from(all).unwrap_or(u64::MAX)
    }

    /// The places of the range's first day and of the first day behind it.
    fn places(&self, DateRange { first, last }: DateRange) -> (usize, usize) {
        let begin = self.days.partition_point(|day| day.date < first);
        let end = self.days.partition_point(|day| day.date <= last);
        (begin, end.max(begin))
    }

    fn pairs_in(&self, DateRange { first, last }: DateRange) -> u64 {
        let place = |date: Date| self.pairs.partition_point(|pair| pair.first < date);
        let from = self.pairs.get(place(first)..).unwrap_or_default();
        let begun = from.iter().take_while(|pair| pair.first <= last);
        begun.filter(|pair| pair.second <= last).map(|pair| pair.order_count).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use jiff::{ToSpan as _, civil::date};
    use ledger::postgres::DatasetState;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// A line: its day, its order, its total in units.
    type Line = (i64, u8, i64);

    fn day(day: i64) -> Date {
        date(2025, 3, 1).checked_add(day.days()).unwrap()
    }

    fn range(first: i64, last: i64) -> DateRange {
        DateRange { first: day(first), last: day(last) }
    }

    fn figures(lines: &[Line]) -> Figures {
        let mut by_day = BTreeMap::<i64, Vec<&Line>>::new();
        let mut by_order = BTreeMap::<u8, BTreeSet<i64>>::new();
        for line in lines {
            by_day.entry(line.0).or_default().push(line);
            by_order.entry(line.1).or_default().insert(line.0);
        }
        let days = by_day.iter().map(|(date, lines)| {
            let total = naive(&lines.iter().map(|line| **line).collect::<Vec<_>>());
            let Total { revenue, line_count, order_count } = total;
            DailyRevenue { date: day(*date), revenue, line_count, order_count }
        });
        let mut pairs = BTreeMap::<_, u64>::new();
        for days in by_order.values() {
            for (first, second) in days.iter().zip(days.iter().skip(1)) {
                *pairs.entry((*first, *second)).or_default() += 1;
            }
        }
        let pair = |((first, second), order_count)| OrderDayPair {
            first: day(first),
            second: day(second),
            order_count,
        };
        let state = DatasetState { token: Uuid::nil(), currency: None };
        let pairs = pairs.into_iter().map(pair).collect();
        Figures::new(DatasetFigures { state, days: days.collect(), pairs })
    }

    fn naive(lines: &[Line]) -> Total {
        let orders: BTreeSet<_> = lines.iter().map(|line| line.1).collect();
        let amounts = lines.iter().map(|line| line.2.to_string().parse::<Decimal>().unwrap());
        Total {
            revenue: amounts.sum(),
            line_count: lines.len() as u64,
            order_count: orders.len() as u64,
        }
    }

    proptest! {
        #[test]
        fn a_range_s_figures_are_those_of_its_lines(
            lines in vec((0_i64..12, 0_u8..6, -9_i64..9), 0..30),
            first in 0_i64..13,
            length in 0_i64..13,
        ) {
            let last = first + length;
            let figures = figures(&lines);
            let inside = lines.into_iter().filter(|line| (first..=last).contains(&line.0));
            let inside: Vec<_> = inside.collect();
            let days: BTreeSet<_> = inside.iter().map(|line| day(line.0)).collect();
            prop_assert_eq!(figures.total(range(first, last)), naive(&inside));
            let shown = figures.days(range(first, last)).iter().map(|day| day.date);
            prop_assert_eq!(shown.collect::<Vec<_>>(), days.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_dataset_that_is_not_there_has_no_figures() {
        let nothing = Figures::default();
        assert_eq!(nothing.total(range(0, 9)), Total::default());
        assert!(nothing.days(range(0, 9)).is_empty());
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_empty() {
        let figures = figures(&[(1, 1, 5), (2, 1, 5), (3, 1, 5)]);
        assert_eq!(figures.total(range(3, 1)), Total::default());
        assert!(figures.days(range(3, 1)).is_empty());
    }
}
