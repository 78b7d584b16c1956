//! One block of a comparison: where it is, and which ids it may hold.

use super::read_blocks::BlockName;
use crate::order_days::Bound;

/// What is known of each block from the beginning: a file of a hundred million lines has more
/// than a hundred thousand.
#[derive(Debug)]
pub(super) struct SetBlock {
    /// Its load, by the place among the compared ones.
    pub(super) load: usize,
    pub(super) load_id: i32,
    pub(super) chunk: i32,
    pub(super) block: i32,
    pub(super) orders: u32,
    pub(super) first: Bound,
    pub(super) last: Bound,
    pub(super) changes: bool,
}

impl SetBlock {
    /// What it is read by, where it stands at such a place.
    pub(super) fn name(&self, place: usize) -> BlockName {
        BlockName { place, load_id: self.load_id, chunk: self.chunk, block: self.block }
    }
}
