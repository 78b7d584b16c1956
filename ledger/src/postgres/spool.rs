//! A dry run's order-days: blocks in, the same blocks out when they are compared.
//!
//! They lie in a temporary file without a name, which is gone with the program however it ends;
//! memory holds some hundred bytes for each block, that is for more than a thousand orders.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
};

use uuid::Uuid;

use super::{read_blocks::BlockParts, set_block::SetBlock};
use crate::order_days::{Block, Bound};

/// The key of a load that is not in the database.
pub(super) const SPOOLED: i32 = 0;

/// Blocks in a file, which is made with the first of them.
#[derive(Debug, Default)]
pub(super) struct Spool {
    file: Option<File>,
    end: u64,
    blocks: Vec<SpooledBlock>,
}

#[derive(Clone, Debug)]
struct SpooledBlock {
    orders: u32,
    range: (Bound, Bound),
    start: u64,
    /// Of the ids, the order-days and the fingerprints.
    lengths: [usize; 3],
}

impl Spool {
    /// Writes one more.
    pub(super) fn add(&mut self, block: &Block) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(temporary_file()?),
        };
        let parts = [&block.ids, &block.order_days, &block.fingerprints].map(Vec::as_slice);
        let bytes = parts.concat();
        file.write_all_at(&bytes, self.end)?;
        self.blocks.push(SpooledBlock {
            orders: block.orders,
            range: (block.first.clone(), block.last.clone()),
            start: self.end,
            lengths: parts.map(<[u8]>::len),
        });
        self.end += bytes.len() as u64;
        Ok(())
    }

    /// All of them, as blocks of the load at such a place among those that are compared.
    pub(super) fn blocks(&self, load: usize) -> impl Iterator<Item = SetBlock> {
        self.blocks.iter().zip(0..).map(move |(spooled, block)| {
            let SpooledBlock { orders, range: (first, last), .. } = spooled.clone();
            let (load_id, chunk, changes) = (SPOOLED, 0, true);
            SetBlock { load, load_id, chunk, block, orders, first, last, changes }
        })
    }

    /// Reads one of them back, by its place.
    pub(super) fn read(&self, place: i32) -> io::Result<BlockParts> {
        let block = usize::try_from(place).ok().and_then(|place| self.blocks.get(place));
        let (file, block) = self.file.as_ref().zip(block).ok_or(io::ErrorKind::NotFound)?;
        let SpooledBlock { start, lengths, .. } = block;
        let mut ids = vec![0; lengths.iter().sum()];
        file.read_exact_at(&mut ids, *start)?;
        let mut order_days = ids.split_off(lengths[0]);
        let fingerprints = order_days.split_off(lengths[1]);
        Ok(BlockParts { ids, order_days, fingerprints, skipped: Vec::new() })
    }
}

fn temporary_file() -> io::Result<File> {
    let path = std::env::temp_dir().join(format!("takings-{}", Uuid::new_v4()));
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
