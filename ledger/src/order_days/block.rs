//! Blocks: some thousand orders, sorted, in as few bytes as they need.
//!
//! Three parts, so that who compares reads only what it needs: the order ids (front-coded: what
//! is shared with the one before is left out), their order-days, and their fingerprints. The
//! format is this module's alone; the database keeps bytes.

mod cursor;

pub use cursor::{Ids, OrderDays};

use super::{Bound, Fingerprint, OrderKey, varint};
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
    /// The bound of the first id.
    pub first: Bound,
    /// The bound of the last id.
    pub last: Bound,
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

impl Block {
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
        if block.orders == 0 {
            block.first = OrderKey::new(id).bound();
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
        self.open.last = OrderKey::new(&self.id).bound();
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
                let keys = Ids::new(block.ids.clone()).collect::<Result<Vec<_>, _>>().unwrap();
                prop_assert_eq!(keys.len(), block.orders as usize);
                prop_assert_eq!(keys.first().map(OrderKey::bound), Some(block.first));
                prop_assert_eq!(keys.last().map(OrderKey::bound), Some(block.last));
                prop_assert!(block.ids.len() < ID_BYTES + 710);
                let mut prints =
                    Block::read_fingerprints(&block.fingerprints).unwrap().into_iter();
                let mut days = OrderDays::new(block.order_days);
                for (order, key) in keys.into_iter().enumerate() {
                    days.seek(order).unwrap();
                    let days = days.days().iter().map(|day| (*day, prints.next().unwrap()));
                    read.push((key, days.collect()));
                }
                prop_assert!(prints.next().is_none());
            }
            prop_assert_eq!(read, orders);
        }

        #[test]
        fn some_orders_are_read_as_all_are(orders in orders(), wanted: Vec<bool>) {
            let mut writer = BlockWriter::default();
            for (key, days) in orders.iter().take(wanted.len()) {
                writer.add(&key.id(), days.iter().copied());
            }
            let mut orders = orders.iter().zip(wanted);
            for block in writer.finish() {
                let (mut days, mut before) = (OrderDays::new(block.order_days), 0);
                for (place, ((_, written), wanted)) in orders.by_ref().take(block.orders as usize).enumerate() {
                    if wanted {
                        days.seek(place).unwrap();
                        prop_assert_eq!(days.range(), before..before + written.len());
                        prop_assert!(days.days().iter().eq(written.iter().map(|(day, _)| day)));
                    }
                    before += written.len();
                }
            }
        }

        #[test]
        fn bytes_that_are_no_block_are_an_error_or_some_block(bytes: Vec<u8>) {
            let _ = Block::read_fingerprints(&bytes);
            let _ = OrderDays::new(bytes.clone()).seek(bytes.len());
            let _ = Ids::new(bytes).find(Result::is_err);
        }
    }
}
