//! The blocks of order-days that a comparison is about, gone through some thousand orders at a time.

use std::{collections::BTreeMap, sync::Arc, vec};

use foldhash::{HashMap, HashMapExt};
use sqlx::{Row, postgres::PgRow};
use tokio::task::JoinSet;

use super::{
    Ledger, LedgerError,
    compare::ComparedLoad,
    read_blocks::{BlockName, BlockReader, ReadOrderDays},
    set_block::SetBlock,
    spool::Spool,
};
use crate::order_days::{BlockError, Bound, Change, Merge, OrderKey, Part, Place, Role};

/// About how many orders are gone through at a time, and are read ahead, of all loads: a small
/// file may meet a ledger of any size.
const ORDERS_AT_ONCE: usize = 50_000;
/// An order, and where it lies: the blocks by their place in the set, then its place in each.
pub(super) type Met = (OrderKey, Vec<(usize, usize)>);

/// The ids of blocks by their place, ascending.
type Ids = Vec<(usize, Vec<u8>)>;

/// All of them, in the order of their first ids.
#[derive(Debug)]
pub(super) struct BlockSet {
    reader: BlockReader,
    blocks: Vec<SetBlock>,
    /// Those that are open.
    merge: Merge,
    /// The next ones to be opened.
    next: vec::IntoIter<(usize, Vec<u8>)>,
    /// Reads those behind them meanwhile.
    ahead: JoinSet<Result<Ids, LedgerError>>,
    /// How many were read, or are.
    read: usize,
    /// What was read of open blocks in which orders have met.
    order_days: HashMap<usize, ReadOrderDays>,
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
        let mut blocks = ranges(ledger, dataset_id, &changing, (&[], &Bound::BYTES_END)).await?;
        if let Some((spool, place)) = spool.zip(loads.len().checked_sub(1)) {
            blocks.extend(spool.blocks(place));
        }
        let first = blocks.iter().map(|block| &block.first).min();
        let last = blocks.iter().map(|block| &block.last).max();
        if let Some((first, last)) = first.zip(last)
            && !staying.is_empty()
        {
            let span = (&first.bytes()[..], &last.bytes()[..]);
            blocks.extend(ranges(ledger, dataset_id, &staying, span).await?);
        }
        blocks.sort_unstable_by(|a, b| a.first.cmp(&b.first));
        let reader = BlockReader { ledger: ledger.clone(), dataset_id, spool: spool.cloned() };
        // What a load that leaves holds several times, its own figures tell.
        let alone = matches!(changing[..], [(_, load)] if load.role == Role::Leaves);
        let mut set = Self {
            reader,
            blocks: touching(blocks, !alone),
            merge: Merge::default(),
            next: Vec::new().into_iter(),
            ahead: JoinSet::new(),
            read: 0,
            order_days: HashMap::new(),
        };
        set.read_ahead();
        Ok(set)
    }

    /// Goes through the next orders, and tells which of them lie in several blocks, one of them of
    /// a load that changes; none at the end.
    pub(super) async fn next_met(&mut self) -> Result<Option<Vec<Met>>, LedgerError> {
        let (mut passed, mut met, mut places) = (0, Vec::new(), Vec::new());
        while passed < ORDERS_AT_ONCE {
            self.open().await?;
            let Some(order) = self.merge.pass(&mut places)? else { break };
            passed += places.len();
            if places.len() > 1 && places.iter().any(|&(index, _)| self.blocks[index].changes) {
                met.push((order, places.clone()));
            }
        }
        Ok((passed > 0).then_some(met))
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
        if let Some(reached) = met.first().map(|(order, _)| order.bound()) {
            self.order_days.retain(|&index, _| self.blocks[index].last >= reached);
        }
        let read = &self.order_days;
        days.retain(|index| !read.contains_key(index) && prints.binary_search(index).is_err());
        prints.retain(|index| read.get(index).is_none_or(|read| read.fingerprints.is_empty()));
        for (indices, fingerprints) in [(days, false), (prints, true)] {
            let names = self.names(indices);
            self.order_days.extend(self.reader.order_days(&names, fingerprints).await?);
        }
        Ok(())
    }

    /// What each block holds of an order. To be asked for in the order in which they have met.
    pub(super) fn parts(&mut self, places: &[(usize, usize)]) -> Result<Vec<Part<'_>>, BlockError> {
        for (index, place) in places {
            let read = self.order_days.get_mut(index).ok_or(BlockError)?;
            read.order_days.seek(*place)?;
        }
        let part = |&(index, _): &(usize, usize)| {
            let ReadOrderDays { order_days, fingerprints, skipped } = &self.order_days[&index];
            let range = order_days.range();
            Part {
                load: self.blocks[index].load,
                place: Place { block: index, order_day: range.start },
                days: order_days.days(),
                fingerprints: fingerprints.get(range.clone()).unwrap_or_default(),
                skipped: skipped.get(range).unwrap_or_default(),
            }
        };
        Ok(places.iter().map(part).collect())
    }

    /// A block by its place.
    pub(super) fn block(&self, index: usize) -> Option<&SetBlock> {
        self.blocks.get(index)
    }

    /// Opens all blocks that may hold the order that is passed next.
    async fn open(&mut self) -> Result<(), LedgerError> {
        loop {
            if self.next.as_slice().is_empty()
                && let Some(read) = self.ahead.join_next().await
            {
                self.next =
                    read.map_err(std::io::Error::other).map_err(sqlx::Error::from)??.into_iter();
                self.read_ahead();
            }
            let Some(&(index, _)) = self.next.as_slice().first() else { return Ok(()) };
            let first = &self.blocks[index].first;
            if self.merge.least().is_some_and(|least| least.is_before(first)) {
                return Ok(());
            }
            if let Some((index, ids)) = self.next.next() {
                self.merge.add(index, ids)?;
            }
        }
    }

    fn read_ahead(&mut self) {
        let start = self.read;
        let orders = self.blocks[start..].iter().scan(0, |orders, block| {
            let before = *orders;
            *orders += block.orders as usize;
            Some(before)
        });
        self.read += orders.take_while(|before| *before < ORDERS_AT_ONCE).count();
        let names = self.names(start..self.read);
        if !names.is_empty() {
            let reader = self.reader.clone();
            self.ahead.spawn(async move { reader.ids(&names).await });
        }
    }

    fn names(&self, indices: impl IntoIterator<Item = usize>) -> Vec<BlockName> {
        indices.into_iter().map(|index| self.blocks[index].name(index)).collect()
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
        keep[index] = before.is_some_and(|before| before >= &block.first);
        for (farthest, counts) in farthest.iter_mut().zip(counts(block)) {
            if counts {
                *farthest = (*farthest).max(Some(&block.last));
            }
        }
    }
    // And the same from behind, for those that are reached into by a later one.
    let mut nearest: [Option<&Bound>; 2] = [None; 2];
    for (index, block) in blocks.iter().enumerate().rev() {
        let behind = nearest[usize::from(!block.changes)];
        keep[index] |= behind.is_some_and(|behind| behind <= &block.last);
        for (nearest, counts) in nearest.iter_mut().zip(counts(block)) {
            if counts {
                *nearest = Some(&block.first);
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
    (first, last): (&[u8], &[u8]),
) -> Result<Vec<SetBlock>, LedgerError> {
    let places: BTreeMap<i32, usize> =
        loads.iter().map(|(place, load)| (load.load_id, *place)).collect();
    let changes = loads.iter().any(|(_, load)| load.role != Role::Stays);
    let unreadable = |error: BlockError| sqlx::Error::Decode(error.into());
    let bound = |row: &PgRow, column| Bound::from_bytes(row.try_get(column)?).map_err(unreadable);
    // Each row is forgotten at once: there may be a hundred thousand.
    let blocks = sqlx::query("SELECT * FROM takings.order_ranges($1, $2, $3, $4)")
        .bind(dataset_id)
        .bind(places.keys().copied().collect::<Vec<_>>())
        .bind(first)
        .bind(last)
        .try_map(|row: PgRow| {
            let load_id = row.try_get("load_id")?;
            Ok(SetBlock {
                load: *places.get(&load_id).ok_or(BlockError).map_err(unreadable)?,
                load_id,
                chunk: row.try_get("chunk")?,
                block: row.try_get("block")?,
                orders: row.try_get::<i32, _>("order_count")?.cast_unsigned(),
                first: bound(&row, "first_order")?,
                last: bound(&row, "last_order")?,
                changes,
            })
        })
        .fetch_all(&ledger.pool)
        .await?;
    Ok(blocks)
}
