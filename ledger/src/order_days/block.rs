//! Blocks: some thousand orders, sorted, in as few bytes as they need.
//!
//! Three parts, so that who compares reads only what it needs: the order ids (front-coded: what
//! is shared with the one before is left out), their order-days, and their fingerprints. The
//! format is this module's alone; the database keeps bytes.

use super::{Fingerprint, OrderKey, key, varint};
use crate::Decimal;

/// A block ends where its ids take this many bytes: a row of the table then fits a page.
const ID_BYTES: usize = 6 * 1024;
const FINGERPRINT_BYTES: usize = 16;

/// The lines of one order on one date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderDay {
    /// The date, counted from 2000-01-01.
    pub day: i32,
    /// How many lines.
    pub lines: u32,
    /// The sum of their totals.
    pub revenue: Decimal,
}

/// Sorted orders with their order-days, encoded.
#[derive(Clone, Debug, Default)]
pub struct Block {
    /// The head of the first id.
    pub first: u128,
    /// The head of the last id.
    pub last: u128,
    /// How many orders.
    pub orders: u32,
    /// Their ids.
    pub ids: Vec<u8>,
    /// Their order-days.
    pub order_days: Vec<u8>,
    /// A fingerprint for each order-day.
    pub fingerprints: Vec<u8>,
}

/// Bytes that are no block: the table was changed by someone else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("A block of order-days can't be read.")]
pub struct BlockError;

/// The order-days of a block's orders.
#[derive(Clone, Debug, Default)]
pub struct OrderDays {
    days: Vec<OrderDay>,
    ends: Vec<usize>,
}

impl OrderDays {
    /// Where those of an order, by its place in the block, lie in the block.
    #[must_use]
    pub fn range(&self, order: usize) -> std::ops::Range<usize> {
        let start = order.checked_sub(1).and_then(|before| self.ends.get(before));
        let end = self.ends.get(order).copied().unwrap_or_default();
        start.copied().unwrap_or_default()..end
    }

    /// Those of an order, ascending.
    #[must_use]
    pub fn of(&self, order: usize) -> &[OrderDay] {
        self.days.get(self.range(order)).unwrap_or_default()
    }
}

impl Block {
    /// The ids, ascending.
    pub fn read_ids(ids: &[u8]) -> Result<Vec<OrderKey>, BlockError> {
        let (mut rest, mut id, mut keys) = (ids, Vec::new(), Vec::new());
        while let Some((&shared, after)) = rest.split_first() {
            rest = after;
            let length = take(&mut rest)?;
            let (suffix, after) = rest.split_at_checked(length).ok_or(BlockError)?;
            rest = after;
            if usize::from(shared) > id.len() {
                return Err(BlockError);
            }
            id.truncate(shared.into());
            id.extend_from_slice(suffix);
            keys.push(OrderKey::new(&id));
        }
        Ok(keys)
    }

    /// The order-days of each order.
    pub fn read_order_days(order_days: &[u8]) -> Result<OrderDays, BlockError> {
        let (mut rest, mut read, mut base) = (order_days, OrderDays::default(), 0);
        while !rest.is_empty() {
            let count: u32 = take(&mut rest)?;
            let (mut day, start) = (base, read.days.len());
            for _ in 0..count {
                let step = varint::take_signed(&mut rest).ok_or(BlockError)?;
                day = i128::from(day)
                    .checked_add(step)
                    .and_then(|day| day.try_into().ok())
                    .ok_or(BlockError)?;
                let lines = take(&mut rest)?;
                let revenue = take_decimal(&mut rest)?;
                read.days.push(OrderDay { day, lines, revenue });
            }
            base = read.days.get(start).ok_or(BlockError)?.day;
            read.ends.push(read.days.len());
        }
        Ok(read)
    }

    /// The fingerprint of each order-day, in their order.
    pub fn read_fingerprints(fingerprints: &[u8]) -> Result<Vec<Fingerprint>, BlockError> {
        let (whole, rest) = fingerprints.as_chunks::<FINGERPRINT_BYTES>();
        if !rest.is_empty() {
            return Err(BlockError);
        }
        Ok(whole.iter().map(|bytes| Fingerprint(u128::from_le_bytes(*bytes))).collect())
    }
}

/// Writes blocks of orders that come in the order of their keys.
#[derive(Debug, Default)]
pub(super) struct BlockWriter {
    blocks: Vec<Block>,
    open: Block,
    id: Vec<u8>,
    base: i32,
}

impl BlockWriter {
    /// Adds one order: its days ascending, each with its fingerprint.
    pub(super) fn add(
        &mut self,
        id: &[u8],
        days: impl ExactSizeIterator<Item = (OrderDay, Fingerprint)>,
    ) {
        if self.open.ids.len() >= ID_BYTES {
            self.end();
        }
        let block = &mut self.open;
        let shared = self.id.iter().zip(id).take_while(|(a, b)| a == b).take(255).count();
        block.ids.push(u8::try_from(shared).unwrap_or(u8::MAX));
        varint::put(&mut block.ids, (id.len() - shared) as u128);
        block.ids.extend_from_slice(&id[shared..]);
        self.id.truncate(shared);
        self.id.extend_from_slice(&id[shared..]);
        block.last = key::head(id);
        if block.orders == 0 {
            block.first = block.last;
        }
        block.orders += 1;

        varint::put(&mut block.order_days, days.len() as u128);
        let (mut day, mut first) = (self.base, None);
        for (order_day, Fingerprint(fingerprint)) in days {
            varint::put_signed(&mut block.order_days, (order_day.day - day).into());
            varint::put(&mut block.order_days, order_day.lines.into());
            put_decimal(&mut block.order_days, order_day.revenue);
            block.fingerprints.extend_from_slice(&fingerprint.to_le_bytes());
            day = order_day.day;
            first.get_or_insert(day);
        }
        self.base = first.unwrap_or(self.base);
    }

    /// All blocks.
    pub(super) fn finish(mut self) -> Vec<Block> {
        if self.open.orders > 0 {
            self.end();
        }
        self.blocks
    }

    fn end(&mut self) {
        self.blocks.push(std::mem::take(&mut self.open));
        self.id.clear();
        self.base = 0;
    }
}

/// The scale, and the digits without trailing zeros.
fn put_decimal(out: &mut Vec<u8>, value: Decimal) {
    let (digits, scale) = value.digits();
    out.push(scale);
    varint::put_signed(out, digits);
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

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_map, prelude::*};

    use super::*;

    type Orders = Vec<(OrderKey, Vec<(OrderDay, Fingerprint)>)>;

    fn orders() -> impl Strategy<Value = Orders> {
        let days = btree_map(
            -800_000_i32..3_000_000,
            (1_u32..300, -10_i128.pow(24)..10_i128.pow(24), any::<u128>()),
            1..4,
        );
        let id = prop_oneof!["[0-9]{1,9}", "[a-z]{1,40}", Just("x".repeat(700))];
        btree_map(id.prop_map(|id| OrderKey::new(id.as_bytes())), days, 0..200).prop_map(|orders| {
            let order_day = |(day, (lines, units, print))| {
                let revenue = Decimal::from_units(units);
                (OrderDay { day, lines, revenue }, Fingerprint(print))
            };
            let orders = orders.into_iter();
            orders.map(|(key, days)| (key, days.into_iter().map(order_day).collect())).collect()
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(orders in orders()) {
            let mut writer = BlockWriter::default();
            for (key, days) in &orders {
                writer.add(&key.id(), days.iter().copied());
            }
            let mut read = Orders::new();
            for block in writer.finish() {
                let keys = Block::read_ids(&block.ids).unwrap();
                prop_assert_eq!(keys.len(), block.orders as usize);
                prop_assert_eq!(keys.first().map(OrderKey::head), Some(block.first));
                prop_assert_eq!(keys.last().map(OrderKey::head), Some(block.last));
                prop_assert!(block.ids.len() < ID_BYTES + 710);
                let mut prints =
                    Block::read_fingerprints(&block.fingerprints).unwrap().into_iter();
                let days = Block::read_order_days(&block.order_days).unwrap();
                for (order, key) in keys.into_iter().enumerate() {
                    let days = days.of(order).iter().map(|day| (*day, prints.next().unwrap()));
                    read.push((key, days.collect()));
                }
                prop_assert!(prints.next().is_none());
            }
            prop_assert_eq!(read, orders);
        }

        #[test]
        fn bytes_that_are_no_block_are_an_error_or_some_block(bytes: Vec<u8>) {
            let _ = Block::read_ids(&bytes);
            let _ = Block::read_order_days(&bytes);
            let _ = Block::read_fingerprints(&bytes);
        }
    }
}
