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
use crate::order_days::{Meeting, Place};

/// How many rows are sent at once.
const ROWS_AT_ONCE: usize = 50_000;

/// The notes of one comparison.
#[derive(Debug)]
pub(super) struct Marks<'a> {
    /// None where no load arrives: then there is nothing to note.
    load: Option<&'a Load>,
    transaction: Option<Transaction<'static, Postgres>>,
    rows: Rows,
    row_count: usize,
    /// By chunk and block, a bit for each order-day, the lowest first.
    skipped: BTreeMap<(i32, i32), Vec<u8>>,
}

impl<'a> Marks<'a> {
    /// Of an arriving load, if there is one.
    pub(super) fn new(load: Option<&'a Load>) -> Self {
        Self {
            load,
            transaction: None,
            rows: Rows::default(),
            row_count: 0,
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
            let integers = [load.run.dataset_id, of.load_id, load.id, superseded.day];
            self.rows.row(5, integers);
            self.rows.bytes(&superseded.order.id());
            self.row_count += 1;
        }
        if self.row_count >= ROWS_AT_ONCE { self.send(load).await } else { Ok(()) }
    }

    /// Writes all that is left, with the figures that correct the sum of the load's chunks.
    /// Returns what the notes are known by: publish heeds these, and nobody else's.
    pub(super) async fn finish(mut self, meeting: &Meeting) -> Result<Uuid, LedgerError> {
        let comparison = Uuid::new_v4();
        let Some(load) = self.load else { return Ok(comparison) };
        self.send(load).await?;
        let skipped = std::mem::take(&mut self.skipped);
        let transaction = self.transaction(load).await?;
        if !skipped.is_empty() {
            load.mark_skipped(transaction, &skipped).await?;
        }
        load.correct(transaction, comparison, &meeting.own.clone().trimmed()).await?;
        if let Some(transaction) = self.transaction {
            transaction.commit().await?;
        }
        Ok(comparison)
    }

    async fn send(&mut self, load: &Load) -> Result<(), LedgerError> {
        if self.row_count == 0 {
            return Ok(());
        }
        self.row_count = 0;
        let rows = std::mem::take(&mut self.rows).finish();
        let statement = format!(
            "COPY takings.superseded_{} (dataset_id, load_id, by_load_id, sale_date, order_id) \
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
