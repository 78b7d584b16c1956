//! The blocks of order-days that a comparison is about, read range by range.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use sqlx::Row;
use tokio::task::JoinSet;

use super::{
    Ledger, LedgerError,
    compare::ComparedLoad,
    read_blocks::{BlockName, BlockReader},
    set_block::SetBlock,
    spool::Spool,
};
use crate::order_days::{BlockError, Change, OrderKey, Part, Place, Role};

/// About how many orders a range has, of all loads: a small file may meet a ledger of any size.
const RANGE_ORDERS: u64 = 50_000;
/// An order, and where it lies: the blocks by their place in the set, then its place in each.
pub(super) type Met = (OrderKey, Vec<(usize, usize)>);

/// The ids of blocks by their place.
type Ids = Result<Vec<(usize, Vec<OrderKey>)>, LedgerError>;

/// All of them, in the order of their first ids.
#[derive(Debug)]
pub(super) struct BlockSet {
    reader: BlockReader,
    blocks: Vec<SetBlock>,
    /// Those whose ids are in memory.
    open: Vec<usize>,
    /// The next one to be opened.
    next: usize,
    /// Reads the ids of the next range while this one is looked at.
    ahead: JoinSet<Ids>,
}

impl BlockSet {
    /// Finds the blocks of loads that change and those that they may meet.
    pub(super) async fn find(
        ledger: &Ledger,
        dataset_id: i32,
        loads: &[ComparedLoad],
        spool: Option<&Arc<Spool>>,
    ) -> Result<Self, LedgerError> {
        let (changing, staying): (Vec<_>, Vec<_>) =
            loads.iter().enumerate().partition(|(_, load)| load.role != Role::Stays);
        let mut blocks = ranges(ledger, dataset_id, &changing, (0, u128::MAX)).await?;
        if let Some((spool, place)) = spool.zip(loads.len().checked_sub(1)) {
            blocks.extend(spool.blocks(place));
        }
        let first = blocks.iter().map(|block| block.first).min();
        let last = blocks.iter().map(|block| block.last).max();
        if let Some(span) = first.zip(last)
            && !staying.is_empty()
        {
            blocks.extend(ranges(ledger, dataset_id, &staying, span).await?);
        }
        blocks.sort_by_key(|block| block.first);
        let reader = BlockReader { ledger: ledger.clone(), dataset_id, spool: spool.cloned() };
        // What a load that leaves holds several times, its own figures tell.
        let alone = matches!(changing[..], [(_, load)] if load.role == Role::Leaves);
        let (blocks, ahead) = (touching(blocks, !alone), JoinSet::new());
        let mut set = Self { reader, blocks, open: Vec::new(), next: 0, ahead };
        set.read_ahead();
        Ok(set)
    }

    /// Goes on to the next range; false at the end.
    pub(super) async fn advance(&mut self) -> Result<bool, LedgerError> {
        self.close();
        if self.open.is_empty() && self.next == self.blocks.len() {
            return Ok(false);
        }
        let opened = self.next_range();
        if let Some(read) = self.ahead.join_next().await {
            for (index, keys) in
                read.map_err(std::io::Error::other).map_err(sqlx::Error::from)??
            {
                self.blocks[index].keys = keys;
            }
        }
        self.next = opened.end;
        self.open.extend(opened);
        self.read_ahead();
        let end = self.blocks.get(self.next).map(|block| block.first);
        for &index in &self.open {
            let block = &mut self.blocks[index];
            let start = block.range.end;
            let reached = end.map_or(block.keys.len(), |end| {
                start + block.keys[start..].partition_point(|key| key.head() < end)
            });
            block.range = start..reached;
        }
        Ok(true)
    }

    /// The orders of the range that lie in several blocks, one of them of a load that changes.
    pub(super) fn met(&self) -> Vec<Met> {
        let mut changing = Vec::new();
        for &index in self.open.iter().filter(|&&index| self.blocks[index].changes) {
            let block = &self.blocks[index];
            changing.extend(block.range.clone().map(|place| (&block.keys[place], index, place)));
        }
        // Runs that are sorted already: merged in linear time.
        changing.sort_by(|a, b| a.0.cmp(b.0));
        let mut hits = Vec::new();
        let mut start = 0;
        for orders in changing.chunk_by(|a, b| a.0 == b.0) {
            if orders.len() > 1 {
                hits.extend(orders.iter().map(|&(_, index, place)| (start, index, place)));
            }
            start += orders.len();
        }
        for &index in self.open.iter().filter(|&&index| !self.blocks[index].changes) {
            meet(&changing, &self.blocks[index], |start, place| hits.push((start, index, place)));
        }
        hits.sort_unstable();
        let group = |hits: &[(usize, usize, usize)]| {
            let (start, ..) = hits[0];
            let (order, index, place) = changing[start];
            let mut places: Vec<_> = hits.iter().map(|&(_, index, place)| (index, place)).collect();
            if !places.contains(&(index, place)) {
                places.push((index, place));
            }
            (order.clone(), places)
        };
        hits.chunk_by(|a, b| a.0 == b.0).map(group).collect()
    }

    /// Reads what is needed of the blocks in which orders have met.
    pub(super) async fn read_met(
        &mut self,
        met: &[Met],
        change: &Change,
    ) -> Result<(), LedgerError> {
        let (mut days, mut prints) = (Vec::new(), Vec::new());
        for (_, places) in met {
            let role = |index: usize| change.roles.get(self.blocks[index].load);
            let has = |wanted| places.iter().any(|&(index, _)| role(index) == Some(&wanted));
            // Only there can lines be the same or others.
            let compared = has(Role::Arrives) && has(Role::Stays);
            let wanted = if compared { &mut prints } else { &mut days };
            wanted.extend(places.iter().map(|&(index, _)| index));
        }
        for indices in [&mut days, &mut prints] {
            indices.sort_unstable();
            indices.dedup();
        }
        days.retain(|index| {
            self.blocks[*index].order_days.is_none() && prints.binary_search(index).is_err()
        });
        prints.retain(|index| self.blocks[*index].fingerprints.is_empty());
        for (indices, fingerprints) in [(days, false), (prints, true)] {
            let names = self.names(indices);
            for (index, read) in self.reader.order_days(&names, fingerprints).await? {
                self.blocks[index].learn(read);
            }
        }
        Ok(())
    }

    /// What each block holds of an order.
    pub(super) fn parts(&self, places: &[(usize, usize)]) -> Vec<Part<'_>> {
        let part = |&(index, place): &(usize, usize)| {
            let block = &self.blocks[index];
            let order_days = block.order_days.as_ref()?;
            let range = order_days.range(place);
            Some(Part {
                load: block.load,
                place: Place { block: index, order_day: range.start },
                days: order_days.of(place),
                fingerprints: block.fingerprints.get(range.clone()).unwrap_or_default(),
                skipped: block.skipped.get(range).unwrap_or_default(),
            })
        };
        places.iter().filter_map(part).collect()
    }

    /// A block by its place.
    pub(super) fn block(&self, index: usize) -> Option<&SetBlock> {
        self.blocks.get(index)
    }

    /// Forgets blocks that were read to their end.
    fn close(&mut self) {
        let blocks = &mut self.blocks;
        self.open.retain(|&index| {
            let block = &mut blocks[index];
            let goes_on = block.range.end < block.keys.len();
            if !goes_on {
                block.forget();
            }
            goes_on
        });
    }

    /// What is opened next.
    fn next_range(&self) -> Range<usize> {
        let orders = self.blocks[self.next..].iter().scan(0, |orders, block| {
            let before = *orders;
            *orders += u64::from(block.orders);
            Some(before)
        });
        self.next..self.next + orders.take_while(|before| *before < RANGE_ORDERS).count()
    }

    fn read_ahead(&mut self) {
        let names = self.names(self.next_range());
        if !names.is_empty() {
            let reader = self.reader.clone();
            self.ahead.spawn(async move { reader.ids(&names).await });
        }
    }

    fn names(&self, indices: impl IntoIterator<Item = usize>) -> Vec<BlockName> {
        indices.into_iter().map(|index| self.blocks[index].name(index)).collect()
    }
}

/// Calls with each order that a block shares with those of the changing loads: the first of its
/// run there, and its place in the block.
fn meet(
    changing: &[(&OrderKey, usize, usize)],
    block: &SetBlock,
    mut found: impl FnMut(usize, usize),
) {
    let Some(first) = block.keys.get(block.range.start) else { return };
    let mut at = changing.partition_point(|entry| entry.0 < first);
    for place in block.range.clone() {
        let key = &block.keys[place];
        while changing.get(at).is_some_and(|entry| entry.0 < key) {
            at += 1;
        }
        match changing.get(at) {
            Some(entry) if entry.0 == key => found(at, place),
            Some(_) => {}
            None => return,
        }
    }
}

/// Only blocks whose range touches that of another one, where one of the two changes; and where
/// both do, only if they matter to each other.
fn touching(blocks: Vec<SetBlock>, each_other: bool) -> Vec<SetBlock> {
    let mut keep = vec![false; blocks.len()];
    // Of the blocks before, what reaches farthest: of those that matter to blocks that change, and
    // of those that change.
    let counts = |block: &SetBlock| [each_other || !block.changes, block.changes];
    let mut farthest = [None; 2];
    for (index, block) in blocks.iter().enumerate() {
        let before = farthest[usize::from(!block.changes)];
        keep[index] = before.is_some_and(|before| before >= block.first);
        for (farthest, counts) in farthest.iter_mut().zip(counts(block)) {
            if counts {
                *farthest = (*farthest).max(Some(block.last));
            }
        }
    }
    // And the same from behind, for those that are reached into by a later one.
    let mut nearest = [u128::MAX; 2];
    for (index, block) in blocks.iter().enumerate().rev() {
        keep[index] |= nearest[usize::from(!block.changes)] <= block.last;
        for (nearest, counts) in nearest.iter_mut().zip(counts(block)) {
            if counts {
                *nearest = (*nearest).min(block.first);
            }
        }
    }
    let mut keep = keep.into_iter();
    blocks.into_iter().filter(|_| keep.next().unwrap_or_default()).collect()
}

/// What the table says of the blocks of some loads that reach into a range.
async fn ranges(
    ledger: &Ledger,
    dataset_id: i32,
    loads: &[(usize, &ComparedLoad)],
    (first, last): (u128, u128),
) -> Result<Vec<SetBlock>, LedgerError> {
    let places: BTreeMap<i32, usize> =
        loads.iter().map(|(place, load)| (load.load_id, *place)).collect();
    let changes = loads.iter().any(|(_, load)| load.role != Role::Stays);
    let rows = sqlx::query("SELECT * FROM takings.order_ranges($1, $2, $3, $4)")
        .bind(dataset_id)
        .bind(places.keys().copied().collect::<Vec<_>>())
        .bind(first.to_be_bytes().to_vec())
        .bind(last.to_be_bytes().to_vec())
        .fetch_all(&ledger.pool)
        .await?;
    rows.iter()
        .map(|row| {
            let load_id: i32 = row.try_get("load_id")?;
            let head = |column| -> Result<u128, LedgerError> {
                let bytes: &[u8] = row.try_get(column)?;
                Ok(u128::from_be_bytes(bytes.try_into().map_err(|_| BlockError)?))
            };
            let orders = row.try_get::<i32, _>("order_count")?.cast_unsigned();
            Ok(SetBlock::new(
                (places.get(&load_id).copied().ok_or(BlockError)?, load_id),
                (row.try_get("chunk")?, row.try_get("block")?, orders),
                (head("first_order")?, head("last_order")?),
                changes,
            ))
        })
        .collect()
}
