//! Order-days: the lines of one order on one date, the unit in which files are compared.
//!
//! In come the lines of a chunk of a file; out go sorted blocks of order-days and what the chunk
//! adds up to. Blocks of several chunks are then met order by order, which tells what a load
//! skips, replaces or conflicts with, and by how much that corrects the plain sums. Pure: nothing
//! here knows a database.

mod block;
mod chunk;
mod figures;
mod fingerprint;
mod key;
mod meeting;
mod merge;
mod varint;

pub use block::{Block, BlockError, Ids, OrderDay, OrderDays};
pub use chunk::ChunkOrders;
pub use figures::{DayFigures, Figures};
pub use fingerprint::{Fingerprint, FingerprintKey};
pub use key::{Bound, OrderKey};
pub use meeting::{Change, Meeting, Part, Place, Role, Superseded};
pub use merge::Merge;
