//! What order-days add up to: figures a day, and how many orders have two days in succession.

use std::collections::BTreeMap;

use super::OrderDay;
use crate::Decimal;

/// Figures by day, and pairs of successive days of one order. Signed: a correction is one too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// By day, counted from 2000-01-01.
    pub days: BTreeMap<i32, DayFigures>,
    /// How many orders have these two as successive days.
    pub pairs: BTreeMap<(i32, i32), i64>,
}

/// The figures of one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DayFigures {
    /// The sum of the line totals.
    pub revenue: Decimal,
    /// Lines.
    pub lines: i64,
    /// Orders.
    pub orders: i64,
}

impl Figures {
    /// Adds one order that has these days, ascending, each once.
    pub fn add<'a>(&mut self, days: impl IntoIterator<Item = &'a OrderDay>) {
        self.shift(days, 1);
    }

    /// Takes one order out that has these days, ascending, each once.
    pub fn subtract<'a>(&mut self, days: impl IntoIterator<Item = &'a OrderDay>) {
        self.shift(days, -1);
    }

    /// Adds other figures.
    pub fn merge(&mut self, other: &Self) {
        for (day, other) in &other.days {
            let figures = self.days.entry(*day).or_default();
            figures.revenue = figures.revenue + other.revenue;
            figures.lines += other.lines;
            figures.orders += other.orders;
        }
        for (pair, count) in &other.pairs {
            *self.pairs.entry(*pair).or_default() += count;
        }
    }

    /// How many order-days, how many orders and what revenue, where these are all the figures.
    #[must_use]
    pub fn sum(&self) -> (i64, i64, Decimal) {
        let order_days = self.days.values().map(|day| day.orders).sum();
        let pairs: i64 = self.pairs.values().sum();
        let revenue = self.days.values().fold(Decimal::ZERO, |sum, day| sum + day.revenue);
        (order_days, order_days - pairs, revenue)
    }

    fn shift<'a>(&mut self, days: impl IntoIterator<Item = &'a OrderDay>, sign: i64) {
        let mut before = None;
        for order_day in days {
            let figures = self.days.entry(order_day.day).or_default();
            figures.revenue = match sign {
                1 => figures.revenue + order_day.revenue,
                _ => figures.revenue + -order_day.revenue,
            };
            figures.lines += sign * i64::from(order_day.lines);
            figures.orders += sign;
            if let Some(before) = before.replace(order_day.day) {
                *self.pairs.entry((before, order_day.day)).or_default() += sign;
            }
        }
    }

    /// Leaves out what is nothing.
    #[must_use]
    pub fn trimmed(mut self) -> Self {
        self.days.retain(|_, figures| *figures != DayFigures::default());
        self.pairs.retain(|_, count| *count != 0);
        self
    }
}
