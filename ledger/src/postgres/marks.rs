//! What a comparison notes in the database on its way, all in one transaction: order-days that
//! the load does not hold, and those of other loads that it takes the place of. Nobody heeds it
//! before the load is live.

use std::collections::BTreeMap;

use sqlx::{Postgres, Transaction};
use uuid::Uuid;

use super::{
    LedgerError,
    block_set::BlockSet,
    compare::ComparedLoad,
    copy::Rows,
    load::{Load, copy},
};
use crate::order_days::{Figures, Meeting, Place};

/// How many order-days stand in a row: one by one they would cost a good part of their load.
const ORDER_DAYS_A_ROW: usize = 1_000;
/// How many bytes are sent at once, about.
const BYTES_AT_ONCE: usize = 1024 * 1024;

/// The notes of one comparison.
#[derive(Debug)]
pub(super) struct Marks<'a> {
    /// None where no load arrives: then there is nothing to note.
    load: Option<&'a Load>,
    transaction: Option<Transaction<'static, Postgres>>,
    rows: Rows,
    /// What is to come into rows, by load.
    superseded: BTreeMap<i32, Superseded>,
    /// By chunk and block, a bit for each order-day, the lowest first.
    skipped: BTreeMap<(i32, i32), Vec<u8>>,
}

/// Order-days of one load.
#[derive(Debug, Default)]
struct Superseded {
    days: Vec<i32>,
    orders: Vec<Vec<u8>>,
}

impl Superseded {
    /// As a row, after which there are none; none is no row.
    fn write(&mut self, rows: &mut Rows, loads: [i32; 2]) {
        if !self.days.is_empty() {
            rows.row(4, loads);
            rows.dates(&std::mem::take(&mut self.days));
            rows.texts(&std::mem::take(&mut self.orders));
        }
    }
}

impl<'a> Marks<'a> {
    /// Of an arriving load, if there is one.
    pub(super) fn new(load: Option<&'a Load>) -> Self {
        Self {
            load,
            transaction: None,
            rows: Rows::default(),
            superseded: BTreeMap::new(),
            skipped: BTreeMap::new(),
        }
    }

    /// Takes what came out of a range.
    pub(super) async fn take(
        &mut self,
        meeting: &mut Meeting,
        blocks: &BlockSet,
        loads: &[ComparedLoad],
    ) -> Result<(), LedgerError> {
        let Some(load) = self.load else {
            meeting.skipped.clear();
            meeting.superseded.clear();
            return Ok(());
        };
        for Place { block, order_day } in meeting.skipped.drain(..) {
            if let Some(block) = blocks.block(block) {
                let bits = self.skipped.entry((block.chunk, block.block)).or_default();
                bits.resize(bits.len().max(order_day / 8 + 1), 0);
                bits[order_day / 8] |= 1 << (order_day % 8);
            }
        }
        for superseded in meeting.superseded.drain(..) {
            let Some(of) = loads.get(superseded.load) else { continue };
            let open = self.superseded.entry(of.load_id).or_default();
            open.days.push(superseded.day);
            open.orders.push(superseded.order.id());
            if open.days.len() == ORDER_DAYS_A_ROW {
                open.write(&mut self.rows, [of.load_id, load.id]);
            }
        }
        if self.rows.position() >= BYTES_AT_ONCE { self.send(load).await } else { Ok(()) }
    }

    /// Writes all that is left, with the figures that correct the sum of the load's chunks.
    /// Returns what the notes are known by, if there are any: publish heeds these, and nobody
    /// else's.
    pub(super) async fn finish(mut self, meeting: &Meeting) -> Result<Option<Uuid>, LedgerError> {
        let Some(load) = self.load else { return Ok(None) };
        for (of, mut open) in std::mem::take(&mut self.superseded) {
            open.write(&mut self.rows, [of, load.id]);
        }
        self.send(load).await?;
        let own = meeting.own.clone().trimmed();
        let skipped = std::mem::take(&mut self.skipped);
        if self.transaction.is_none() && skipped.is_empty() && own == Figures::default() {
            return Ok(None);
        }
        let comparison = Uuid::new_v4();
        let transaction = self.transaction(load).await?;
        if !skipped.is_empty() {
            load.mark_skipped(transaction, &skipped).await?;
        }
        load.correct(transaction, comparison, &own).await?;
        if let Some(transaction) = self.transaction {
            transaction.commit().await?;
        }
        Ok(Some(comparison))
    }

    async fn send(&mut self, load: &Load) -> Result<(), LedgerError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows).finish();
        let statement = format!(
            "COPY takings.superseded_{} (load_id, by_load_id, sale_dates, order_ids) \
             FROM STDIN (FORMAT binary)",
            load.run.dataset_id
        );
        copy(self.transaction(load).await?, &statement, rows).await.map(drop)
    }

    async fn transaction(
        &mut self,
        load: &Load,
    ) -> Result<&mut Transaction<'static, Postgres>, LedgerError> {
        match &mut self.transaction {
            Some(transaction) => Ok(transaction),
            none => Ok(none.insert(load.ledger.pool.begin().await?)),
        }
    }
}
