//! What is known of the packed bytes while a decoder holds their reader: how many were read, and
//! what the source said when it failed. Decoders wrap that, or put words of their own in its place.

use std::{
    io::{self, Read},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Shared between a [`Counting`] reader and who unpacks what it reads.
#[derive(Clone, Debug, Default)]
pub(super) struct Packed(Arc<State>);

#[derive(Debug, Default)]
struct State {
    bytes: AtomicU64,
    failure: Mutex<Option<io::Error>>,
}

impl Packed {
    /// How many bytes were read.
    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes.load(Relaxed)
    }

    /// Why the source failed, if it did. Told once.
    pub(super) fn take_failure(&self) -> Option<io::Error> {
        self.0.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A reader that tells what it knows.
#[derive(Debug)]
pub(super) struct Counting<R> {
    reader: R,
    packed: Packed,
}

impl<R> Counting<R> {
    pub(super) fn new(reader: R, packed: Packed) -> Self {
        Self { reader, packed }
    }
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Ok(count) => {
                self.packed.0.bytes.fetch_add(count as u64, Relaxed);
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let kind = error.kind();
                let mut failure =
                    self.packed.0.failure.lock().unwrap_or_else(PoisonError::into_inner);
                *failure = Some(error);
                Err(kind.into())
            }
        }
    }
}
