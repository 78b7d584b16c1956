//! The order-days of one chunk of a file: lines in, sorted blocks and their figures out.

use std::cmp::Ordering;

use super::{Block, Figures, Fingerprint, OrderDay, block::BlockWriter, key};
use crate::Decimal;

/// Gathers a chunk's lines by order-day.
#[derive(Debug, Default)]
pub struct ChunkOrders {
    ids: Vec<u8>,
    entries: Vec<Entry>,
}

/// Lines of one order on one day that stood side by side.
#[derive(Clone, Copy, Debug)]
struct Entry {
    head: u128,
    fingerprint: Fingerprint,
    order_day: OrderDay,
    start: usize,
    end: usize,
}

impl ChunkOrders {
    /// Adds one line.
    pub fn add(&mut self, order_id: &str, day: i32, total: Decimal, fingerprint: Fingerprint) {
        let id = order_id.as_bytes();
        let head = key::head(id);
        if let Some(last) = self.entries.last_mut()
            && last.head == head
            && last.order_day.day == day
            && self.ids[last.start..last.end] == *id
        {
            last.merge(&OrderDay { day, lines: 1, revenue: total }, fingerprint);
            return;
        }
        let start = self.ids.len();
        self.ids.extend_from_slice(id);
        self.entries.push(Entry {
            head,
            fingerprint,
            order_day: OrderDay { day, lines: 1, revenue: total },
            start,
            end: self.ids.len(),
        });
    }

    /// The blocks, and what they add up to.
    #[must_use]
    pub fn finish(mut self) -> (Vec<Block>, Figures) {
        let ids = std::mem::take(&mut self.ids);
        let id = |entry: &Entry| &ids[entry.start..entry.end];
        let place = |entry: &Entry| (entry.head, id(entry), entry.order_day.day);
        self.entries = sorted(self.entries, |a, b| place(a).cmp(&place(b)));
        self.entries.dedup_by(|later, kept| {
            let same = place(later) == place(kept);
            if same {
                kept.merge(&later.order_day, later.fingerprint);
            }
            same
        });
        let (mut writer, mut figures) = (BlockWriter::default(), Figures::default());
        for order in self.entries.chunk_by(|a, b| a.head == b.head && id(a) == id(b)) {
            figures.add(order.iter().map(|entry| &entry.order_day));
            let days = order.iter().map(|entry| (entry.order_day, entry.fingerprint));
            writer.add(id(&order[0]), days);
        }
        (writer.finish(), figures)
    }
}

/// Sorts what is nearly sorted, as files are: only what goes back is sorted, and then put between
/// the others.
fn sorted<T>(items: Vec<T>, order: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    if items.is_sorted_by(|a, b| order(a, b).is_le()) {
        return items;
    }
    let (count, mut strays) = (items.len(), Vec::new());
    let mut ascending = Vec::with_capacity(count);
    for item in items {
        match ascending.last() {
            Some(last) if order(&item, last).is_lt() => strays.push(item),
            _ => ascending.push(item),
        }
    }
    strays.sort_unstable_by(&order);
    let mut sorted = Vec::with_capacity(count);
    let mut ascending = ascending.into_iter().peekable();
    for stray in strays {
        sorted.extend(std::iter::from_fn(|| ascending.next_if(|item| order(item, &stray).is_lt())));
        sorted.push(stray);
    }
    sorted.extend(ascending);
    sorted
}

impl Entry {
    fn merge(&mut self, other: &OrderDay, fingerprint: Fingerprint) {
        self.order_day.lines += other.lines;
        self.order_day.revenue = self.order_day.revenue + other.revenue;
        self.fingerprint = self.fingerprint.and(fingerprint);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_order_becomes_the_one_order(items: Vec<u8>, run in 0_u8..200) {
            let items: Vec<_> = (0..run).chain(items).chain(run..200).collect();
            let mut expected = items.clone();
            expected.sort_unstable();
            prop_assert_eq!(sorted(items, Ord::cmp), expected);
        }
    }
}
