//! One block of a comparison, and what was read of it.

use super::read_blocks::{BlockName, ReadOrderDays};
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
    /// What it is read by, where it stands at such a place.
    pub(super) fn name(&self, place: usize) -> BlockName {
        BlockName { place, load_id: self.load_id, chunk: self.chunk, block: self.block }
    }

    /// Takes what was read.
    pub(super) fn learn(&mut self, read: ReadOrderDays) {
        self.order_days = Some(read.order_days);
        self.fingerprints = read.fingerprints;
        self.skipped = read.skipped;
    }

    /// Forgets what was read.
    pub(super) fn forget(&mut self) {
        self.keys = Vec::new();
        self.order_days = None;
        self.fingerprints = Vec::new();
        self.skipped = Vec::new();
    }
}
