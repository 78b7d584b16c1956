//! One block of a comparison, and what was read of it: from the database, or from a dry run's spool.

use sqlx::{Row, postgres::PgRow};

use crate::order_days::{Fingerprint, OrderDays, OrderKey};

/// A block that reaches into another, and what was read of it.
#[derive(Debug)]
pub(super) struct SetBlock {
    /// Its load, by the place among the compared ones.
    pub(super) load: usize,
    pub(super) load_id: i32,
    pub(super) chunk: i32,
    pub(super) block: i32,
    pub(super) orders: u32,
    pub(super) first: u128,
    pub(super) last: u128,
    pub(super) changes: bool,
    pub(super) keys: Vec<OrderKey>,
    /// The range that is looked at.
    pub(super) range: std::ops::Range<usize>,
    pub(super) order_days: Option<OrderDays>,
    pub(super) fingerprints: Vec<Fingerprint>,
    pub(super) skipped: Vec<bool>,
}

/// What was read of a block: only what was asked for.
#[derive(Debug, Default)]
pub(super) struct BlockParts {
    pub(super) ids: Vec<u8>,
    pub(super) order_days: Vec<u8>,
    pub(super) fingerprints: Vec<u8>,
    pub(super) skipped: Vec<u8>,
}

impl BlockParts {
    pub(super) fn of(row: &PgRow) -> Result<Self, sqlx::Error> {
        let part = |name| row.try_get::<Option<Vec<u8>>, _>(name).map(Option::unwrap_or_default);
        Ok(Self {
            ids: part("ids")?,
            order_days: part("order_days")?,
            fingerprints: part("fingerprints")?,
            skipped: part("skipped")?,
        })
    }
}

impl SetBlock {
    /// A block of which nothing is read yet.
    pub(super) fn new(
        (load, load_id): (usize, i32),
        (chunk, block, orders): (i32, i32, u32),
        (first, last): (u128, u128),
        changes: bool,
    ) -> Self {
        Self {
            load,
            load_id,
            chunk,
            block,
            orders,
            first,
            last,
            changes,
            keys: Vec::new(),
            range: 0..0,
            order_days: None,
            fingerprints: Vec::new(),
            skipped: Vec::new(),
        }
    }
}
