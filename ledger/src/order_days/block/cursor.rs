//! Reads blocks order by order: a block's bytes in, one id or the order-days of one order out.
//! Memory holds the bytes as they are stored, several times less than what they tell.

use std::ops::Range;

use super::{BlockError, OrderDay};
use crate::{
    Decimal,
    order_days::{OrderKey, varint},
};

/// The ids of a block, ascending. Nothing is to be read behind an error.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ids {
    rest: Rest,
    id: Vec<u8>,
}

/// The order-days of a block, at one of its orders.
#[derive(Debug)]
pub struct OrderDays {
    rest: Rest,
    /// How many orders were read.
    orders: usize,
    /// Those of the last one.
    days: Vec<OrderDay>,
    /// Where they end, among all order-days of the block.
    end: usize,
}

/// Bytes of which the first are read.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rest {
    bytes: Vec<u8>,
    read: usize,
}

impl Ids {
    /// Of a block's ids.
    #[must_use]
    pub fn new(ids: Vec<u8>) -> Self {
        Self { rest: Rest::new(ids), id: Vec::new() }
    }
}

impl Iterator for Ids {
    type Item = Result<OrderKey, BlockError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Self { rest, id } = self;
        let read = |input: &mut &[u8]| {
            let (&shared, rest) = input.split_first().ok_or(BlockError)?;
            *input = rest;
            let length = take(input)?;
            let (suffix, rest) = input.split_at_checked(length).ok_or(BlockError)?;
            *input = rest;
            if usize::from(shared) > id.len() {
                return Err(BlockError);
            }
            id.truncate(shared.into());
            id.extend_from_slice(suffix);
            Ok(OrderKey::new(id))
        };
        (!rest.left().is_empty()).then(|| rest.read(read))
    }
}

impl OrderDays {
    /// Of a block's order-days.
    #[must_use]
    pub fn new(order_days: Vec<u8>) -> Self {
        Self { rest: Rest::new(order_days), orders: 0, days: Vec::new(), end: 0 }
    }

    /// Goes on to an order by its place in the block, not before the one it is at.
    pub fn seek(&mut self, order: usize) -> Result<(), BlockError> {
        while self.orders <= order {
            let Self { rest, days, .. } = self;
            rest.read(|input| read_order(input, days))?;
            self.orders += 1;
            self.end += self.days.len();
        }
        Ok(())
    }

    /// Those of the order, ascending.
    #[must_use]
    pub fn days(&self) -> &[OrderDay] {
        &self.days
    }

    /// Where they lie in the block.
    #[must_use]
    pub fn range(&self) -> Range<usize> {
        self.end - self.days.len()..self.end
    }
}

impl Rest {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, read: 0 }
    }

    fn left(&self) -> &[u8] {
        self.bytes.get(self.read..).unwrap_or_default()
    }

    fn read<T>(
        &mut self,
        read: impl FnOnce(&mut &[u8]) -> Result<T, BlockError>,
    ) -> Result<T, BlockError> {
        let mut left = self.left();
        let value = read(&mut left)?;
        self.read = self.bytes.len() - left.len();
        Ok(value)
    }
}

/// Reads an order's days in the place of those of the order before, from whose first they count.
fn read_order(input: &mut &[u8], days: &mut Vec<OrderDay>) -> Result<(), BlockError> {
    let mut day = days.first().map_or(0, |first| first.day);
    days.clear();
    for _ in 0..take::<u32>(input)? {
        let step = varint::take_signed(input).ok_or(BlockError)?;
        day = i128::from(day)
            .checked_add(step)
            .and_then(|day| day.try_into().ok())
            .ok_or(BlockError)?;
        let lines = take(input)?;
        let revenue = take_decimal(input)?;
        days.push(OrderDay { day, lines, revenue });
    }
    if days.is_empty() { Err(BlockError) } else { Ok(()) }
}

fn take_decimal(input: &mut &[u8]) -> Result<Decimal, BlockError> {
    let (&scale, rest) = input.split_first().ok_or(BlockError)?;
    *input = rest;
    let digits = varint::take_signed(input).ok_or(BlockError)?;
    Decimal::from_digits(digits, scale).ok_or(BlockError)
}

fn take<N: TryFrom<u128>>(input: &mut &[u8]) -> Result<N, BlockError> {
    varint::take(input).and_then(|value| value.try_into().ok()).ok_or(BlockError)
}
