//! Several blocks gone through side by side: their ids in, each order once out, with all places
//! where it lies. Memory holds ids as they are stored, and decoded one of each block.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
};

use super::{BlockError, Ids, OrderKey};

/// Blocks that are gone through side by side, each forgotten at its end.
#[derive(Debug, Default)]
pub struct Merge(BinaryHeap<Reverse<Open>>);

/// A block, at one of its orders. What comes first is compared first: the id, then the block.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    key: OrderKey,
    block: usize,
    order: usize,
    rest: Box<Ids>,
}

impl Merge {
    /// Adds a block, by the caller's number and its ids. No order behind its first one may have
    /// been passed.
    pub fn add(&mut self, block: usize, ids: Vec<u8>) -> Result<(), BlockError> {
        let mut rest = Box::new(Ids::new(ids));
        if let Some(key) = rest.next().transpose()? {
            self.0.push(Reverse(Open { key, block, order: 0, rest }));
        }
        Ok(())
    }

    /// The order that is passed next.
    #[must_use]
    pub fn least(&self) -> Option<&OrderKey> {
        self.0.peek().map(|Reverse(least)| &least.key)
    }

    /// Passes an order, and tells where it lies: the blocks, ascending, and its place in each.
    pub fn pass(
        &mut self,
        places: &mut Vec<(usize, usize)>,
    ) -> Result<Option<OrderKey>, BlockError> {
        places.clear();
        let mut passed = None;
        while let Some(mut open) = self.0.peek_mut()
            && passed.as_ref().is_none_or(|passed| *passed == open.0.key)
        {
            places.push((open.0.block, open.0.order));
            let key = match open.0.rest.next().transpose()? {
                Some(next) => {
                    open.0.order += 1;
                    std::mem::replace(&mut open.0.key, next)
                }
                None => PeekMut::pop(open).0.key,
            };
            passed.get_or_insert(key);
        }
        Ok(passed)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::{
        collection::{btree_set, vec},
        prelude::*,
    };

    use super::*;
    use crate::order_days::{Block, Fingerprint, OrderDay, block::BlockWriter};

    fn block(orders: &BTreeSet<OrderKey>) -> Block {
        let mut writer = BlockWriter::default();
        let day = OrderDay { day: 0, lines: 1, revenue: crate::Decimal::ZERO };
        for order in orders {
            writer.add(&order.id(), [(day, Fingerprint::default())].into_iter());
        }
        writer.finish().remove(0)
    }

    fn orders() -> impl Strategy<Value = BTreeSet<OrderKey>> {
        let id = prop_oneof!["[0-9]{1,2}", "the same beginning [a-c]{1,2}", "[ab]{62,64}c?"];
        btree_set(id.prop_map(|id| OrderKey::new(id.as_bytes())), 1..20)
    }

    proptest! {
        #[test]
        fn each_order_is_passed_once_with_all_its_places(blocks in vec(orders(), 0..9)) {
            let mut blocks = blocks;
            blocks.sort();
            let mut expected = BTreeMap::<_, Vec<_>>::new();
            for (block, orders) in blocks.iter().enumerate() {
                for (place, order) in orders.iter().enumerate() {
                    expected.entry(order.clone()).or_default().push((block, place));
                }
            }
            let mut left = blocks.iter().map(block).enumerate().peekable();
            let (mut merge, mut passed, mut places) = (Merge::default(), vec![], vec![]);
            loop {
                // As late as can be.
                while let Some((number, block)) = left.next_if(|(_, block)| {
                    !merge.least().is_some_and(|least| least.is_before(&block.first))
                }) {
                    merge.add(number, block.ids).unwrap();
                }
                let Some(order) = merge.pass(&mut places).unwrap() else { break };
                passed.push((order, places.clone()));
            }
            prop_assert_eq!(passed, expected.into_iter().collect::<Vec<_>>());
        }
    }
}
