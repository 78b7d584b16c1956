//! How far a load is: counters that its stages add to, and that whoever shows it reads.
//!
//! Each is an atomic of its own, so that nobody waits for anybody. The stages add to them with
//! each piece and each read, never with a line.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
};

use serde::Serialize;

/// How far a load is. A clone is the same.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    stage: AtomicU8,
    bytes: AtomicU64,
    bytes_read: AtomicU64,
    lines_read: AtomicU64,
    lines_rejected: AtomicU64,
}

/// How far a load was at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reached {
    /// What is being done.
    pub stage: Stage,
    /// How many bytes the file has as it lies at its source, where that is known.
    pub bytes: Option<u64>,
    /// How many of them this stage has read, or the last one that did read.
    pub bytes_read: u64,
    /// Records read.
    pub lines_read: u64,
    /// Of these, how many can't be sales.
    pub lines_rejected: u64,
}

/// What a load is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The run is looked up and the source opened.
    Starting,
    /// Another import is loading the same content: its end is waited for.
    Waiting,
    /// The file is read before it is loaded: for its digest, or the order of its dates.
    Reading,
    /// The file is read and its lines written.
    Loading,
    /// Its order-days are compared with those in the ledger.
    Comparing,
    /// It becomes part of the ledger.
    Publishing,
    /// It has ended.
    Ended,
}

/// A reader whose bytes are counted.
pub(crate) struct Counted<R> {
    reader: R,
    progress: Progress,
}

impl Progress {
    /// How far it is now. The counters are read one after the other.
    #[must_use]
    pub fn reached(&self) -> Reached {
        let counters = &*self.0;
        Reached {
            stage: Stage::ALL[usize::from(counters.stage.load(Relaxed))],
            bytes: Some(counters.bytes.load(Relaxed)).filter(|bytes| *bytes > 0),
            bytes_read: counters.bytes_read.load(Relaxed),
            lines_read: counters.lines_read.load(Relaxed),
            lines_rejected: counters.lines_rejected.load(Relaxed),
        }
    }

    /// A stage begins.
    pub(crate) fn enter(&self, stage: Stage) {
        self.0.stage.store(stage as u8, Relaxed);
    }

    /// A stage begins to read a file of so many bytes, if that is known.
    pub(crate) fn read<R>(&self, stage: Stage, bytes: Option<u64>, reader: R) -> Counted<R> {
        self.enter(stage);
        self.0.bytes.store(bytes.unwrap_or_default(), Relaxed);
        self.0.bytes_read.store(0, Relaxed);
        Counted { reader, progress: self.clone() }
    }

    /// So many lines more were read.
    pub(crate) fn add_lines(&self, read: u64, rejected: u64) {
        self.0.lines_read.fetch_add(read, Relaxed);
        self.0.lines_rejected.fetch_add(rejected, Relaxed);
    }
}

impl Stage {
    /// All, in their order.
    pub const ALL: [Self; 7] = [
        Self::Starting,
        Self::Waiting,
        Self::Reading,
        Self::Loading,
        Self::Comparing,
        Self::Publishing,
        Self::Ended,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Waiting => "waiting",
            Self::Reading => "reading",
            Self::Loading => "loading",
            Self::Comparing => "comparing",
            Self::Publishing => "publishing",
            Self::Ended => "ended",
        }
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.progress.0.bytes_read.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reading_of_a_file_counts_from_its_first_byte() {
        let progress = Progress::default();
        assert_eq!(progress.reached().stage, Stage::Starting);
        for stage in [Stage::Reading, Stage::Loading] {
            let mut reader = progress.read(stage, Some(5), &b"12345"[..]);
            reader.read_exact(&mut [0; 3]).unwrap();
            let Reached { bytes, bytes_read, .. } = progress.reached();
            assert_eq!((progress.reached().stage, bytes, bytes_read), (stage, Some(5), 3));
        }
        progress.read(Stage::Loading, None, io::empty());
        assert_eq!(progress.reached().bytes, None);
    }

    #[test]
    fn stages_are_numbered_in_their_order() {
        for (number, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, number);
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.as_str());
        }
    }
}
