//! Pieces in, chunks in the database out: some at a time, each split, validated and encoded on a
//! thread that may block, then written in a transaction of its own.
//!
//! What an earlier try has loaded of the same content is counted, not written again.

use std::{
    collections::BTreeMap,
    iter,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use ledger::{
    MaxRejected,
    postgres::{Chunk, LoadedChunk, Names},
};
use telemetry::logs::SPANS;
use tokio::{
    sync::mpsc::Receiver,
    task::{JoinSet, spawn_blocking},
};
use tracing::Instrument as _;

use crate::{
    error::LoadError,
    failpoint::hit,
    parse::ParseError,
    pipeline::{LoadRequest, joined},
    read::Work,
    sink::Sink,
    tally::{Counts, Tally},
};

/// What all writers share.
struct Shared {
    sink: Sink,
    loaded: Arc<BTreeMap<u32, LoadedChunk>>,
    max_rejected: MaxRejected,
    work: tokio::sync::Mutex<Receiver<Work>>,
    tally: Arc<Mutex<Tally>>,
}

/// Writes all pieces that come, but for those that are loaded.
pub(crate) async fn write_all(
    sink: Sink,
    loaded: &Arc<BTreeMap<u32, LoadedChunk>>,
    request: &LoadRequest,
    work: Receiver<Work>,
    tally: &Arc<Mutex<Tally>>,
) -> Result<(), LoadError> {
    let shared = Arc::new(Shared {
        sink,
        loaded: loaded.clone(),
        max_rejected: request.max_rejected,
        work: tokio::sync::Mutex::new(work),
        tally: tally.clone(),
    });
    let mut writers = JoinSet::new();
    for _ in 0..request.connections.max(1) {
        writers.spawn(shared.clone().write().in_current_span());
    }
    let mut ended = Ok(());
    while let Some(writer) = writers.join_next().await {
        let writer = writer.unwrap_or_else(|error| Err(LoadError::Internal(error.to_string())));
        if let Err(error) = writer {
            // The others end what they have begun; nothing new is given out.
            shared.work.lock().await.close();
            ended = Err(match ended {
                Ok(()) => error,
                Err(other) => foremost(other, error),
            });
        }
    }
    ended
}

impl Shared {
    /// One writer: takes a piece after the other until there is none.
    async fn write(self: Arc<Self>) -> Result<(), LoadError> {
        let mut names = Names::default();
        loop {
            let Some(work) = self.work.lock().await.recv().await else { return Ok(()) };
            let number = work.piece.number;
            if let Some(loaded) = self.loaded.get(&number) {
                // What an earlier try loaded must be what the file holds now.
                if work.piece.content[..] != loaded.content[..] {
                    return Err(LoadError::SourceChanged);
                }
                lock(&self.tally).add(number, loaded.into(), iter::empty());
                continue;
            }
            let (encoding, mut known) = (self.clone(), std::mem::take(&mut names));
            let (encoded, known) = joined(spawn_blocking(move || {
                let encoded = encoding.encode(&work, &mut known);
                Ok((encoded, known))
            }))
            .await?;
            names = known;
            let chunk = self.count(number, encoded)?;
            if lock(&self.tally).is_hopeless(self.max_rejected) {
                // The rest of the file is only counted.
                names = Names::default();
                continue;
            }
            let span = tracing::info_span!(target: SPANS, "chunk", number);
            names = self.sink.write(chunk, names).instrument(span).await?;
            hit("after-chunk").await;
        }
    }

    fn encode(&self, work: &Work, names: &mut Names) -> (Chunk, Counts, Result<(), ParseError>) {
        let mut chunk = self.sink.chunk(work.piece.number, work.piece.bytes.len());
        chunk.bytes_read = work.piece.bytes_read;
        chunk.content = work.piece.content;
        let mut counts = Counts { bytes_read: work.piece.bytes_read, ..Counts::default() };
        let read = work.lines(|line| match line {
            Ok(sale) => {
                counts.sale(sale.sale_date);
                chunk.add(&sale, names);
            }
            Err(reject) => {
                counts.reject(reject.reason);
                chunk.rejects.push(&reject);
            }
        });
        (chunk, counts, read)
    }

    fn count(
        &self,
        number: u32,
        (chunk, counts, read): (Chunk, Counts, Result<(), ParseError>),
    ) -> Result<Chunk, LoadError> {
        let mut tally = lock(&self.tally);
        tally.add(number, counts, chunk.rejects.iter());
        if let Err(error) = read {
            tally.break_at(number, error.line());
            return Err(error.into());
        }
        Ok(chunk)
    }
}

/// Which of two errors ends the load: a fault, since then not all of the file is known; else where
/// the file breaks first.
fn foremost(one: LoadError, other: LoadError) -> LoadError {
    match (&one, &other) {
        (LoadError::Parse(first), LoadError::Parse(second)) if first.line() <= second.line() => one,
        (LoadError::Parse(_), _) => other,
        _ => one,
    }
}

/// The tally, also where a writer has panicked: its counts are whole at any moment.
pub(crate) fn lock(tally: &Mutex<Tally>) -> MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_ends_a_load_before_a_broken_file_does_and_the_first_place_before_others() {
        let broken = |line| LoadError::Parse(ParseError::UnclosedQuote { line });
        let line = |error: LoadError| match error {
            LoadError::Parse(error) => Some(error.line()),
            _ => None,
        };
        assert_eq!(line(foremost(broken(7), broken(9))), Some(7));
        assert_eq!(line(foremost(broken(9), broken(7))), Some(7));
        assert_eq!(line(foremost(broken(9), LoadError::Stopped)), None);
        assert_eq!(line(foremost(LoadError::Stopped, broken(9))), None);
    }
}
