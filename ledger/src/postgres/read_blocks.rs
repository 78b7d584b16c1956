//! Reads blocks of order-days, from the database or from a dry run's spool: their names in, what
//! was asked for of each out.

use std::sync::Arc;

use sqlx::{Row, postgres::PgRow};

use super::{
    Ledger, LedgerError,
    spool::{SPOOLED, Spool},
};
use crate::order_days::{Block, BlockError, Fingerprint, OrderDays};

/// How many blocks are asked for in one statement.
const BLOCKS_AT_ONCE: usize = 256;

/// What a block is found by, and its place among those that are compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct BlockName {
    pub(super) place: usize,
    pub(super) load_id: i32,
    pub(super) chunk: i32,
    pub(super) block: i32,
}

/// The order-days of a block.
#[derive(Debug)]
pub(super) struct ReadOrderDays {
    pub(super) order_days: OrderDays,
    /// Empty where they were not asked for.
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) skipped: Vec<bool>,
}

/// What is stored of a block: only what was asked for.
#[derive(Debug, Default)]
pub(super) struct BlockParts {
    pub(super) ids: Vec<u8>,
    pub(super) order_days: Vec<u8>,
    pub(super) fingerprints: Vec<u8>,
    pub(super) skipped: Vec<u8>,
}

/// Where the blocks of a dataset are.
#[derive(Clone, Debug)]
pub(super) struct BlockReader {
    pub(super) ledger: Ledger,
    pub(super) dataset_id: i32,
    pub(super) spool: Option<Arc<Spool>>,
}

impl BlockReader {
    /// The ids of each by its place, ascending, as they are stored.
    pub(super) async fn ids(
        &self,
        names: &[BlockName],
    ) -> Result<Vec<(usize, Vec<u8>)>, LedgerError> {
        let mut read = Vec::with_capacity(names.len());
        for names in names.chunks(BLOCKS_AT_ONCE) {
            let parts = self.parts(names, true, false).await?;
            read.extend(parts.into_iter().map(|(place, parts)| (place, parts.ids)));
        }
        read.sort_unstable_by_key(|(place, _)| *place);
        Ok(read)
    }

    /// The order-days of each, by its place.
    pub(super) async fn order_days(
        &self,
        names: &[BlockName],
        fingerprints: bool,
    ) -> Result<Vec<(usize, ReadOrderDays)>, LedgerError> {
        let mut read = Vec::with_capacity(names.len());
        for names in names.chunks(BLOCKS_AT_ONCE) {
            for (place, parts) in self.parts(names, false, fingerprints).await? {
                let order_days = ReadOrderDays {
                    order_days: OrderDays::new(parts.order_days),
                    fingerprints: Block::read_fingerprints(&parts.fingerprints)?,
                    skipped: bits(&parts.skipped),
                };
                read.push((place, order_days));
            }
        }
        Ok(read)
    }

    async fn parts(
        &self,
        names: &[BlockName],
        ids: bool,
        fingerprints: bool,
    ) -> Result<Vec<(usize, BlockParts)>, LedgerError> {
        let (spooled, stored): (Vec<_>, Vec<_>) =
            names.iter().copied().partition(|name| name.load_id == SPOOLED);
        let mut parts = self.stored(&stored, ids, fingerprints).await?;
        if let Some(spool) = &self.spool {
            for name in spooled {
                let read = spool.read(name.block).map_err(LedgerError::Spool)?;
                parts.push((name.place, read));
            }
        }
        Ok(parts)
    }

    async fn stored(
        &self,
        names: &[BlockName],
        ids: bool,
        fingerprints: bool,
    ) -> Result<Vec<(usize, BlockParts)>, LedgerError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let all = |part: fn(&BlockName) -> i32| names.iter().map(part).collect::<Vec<_>>();
        let rows = sqlx::query("SELECT * FROM takings.read_order_blocks($1, $2, $3, $4, $5, $6)")
            .bind(self.dataset_id)
            .bind(all(|name| name.load_id))
            .bind(all(|name| name.chunk))
            .bind(all(|name| name.block))
            .bind(ids)
            .bind(fingerprints)
            .fetch_all(&self.ledger.pool)
            .await?;
        if rows.len() != names.len() {
            return Err(LedgerError::LoadsChanged);
        }
        let place = |row: &PgRow| -> Result<usize, LedgerError> {
            let number: i64 = row.try_get("place")?;
            let name = usize::try_from(number - 1).ok().and_then(|number| names.get(number));
            name.map(|name| name.place).ok_or(BlockError.into())
        };
        rows.iter().map(|row| Ok((place(row)?, BlockParts::of(row)?))).collect()
    }
}

impl BlockParts {
    fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        let part = |name| row.try_get::<Option<Vec<u8>>, _>(name).map(Option::unwrap_or_default);
        Ok(Self {
            ids: part("ids")?,
            order_days: part("order_days")?,
            fingerprints: part("fingerprints")?,
            skipped: part("skipped")?,
        })
    }
}

/// A bit for each order-day, the lowest first.
fn bits(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1)).collect()
}
