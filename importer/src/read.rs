//! The stages from bytes to sales, one after the other on a thread of their own:
//! decompress → digest → open (decode) → parse → validate. In comes a reader, out go chunks into a bounded
//! channel; who stops receiving stops the reading.

use std::io::Read;

use ledger::Digest;
use tokio::sync::mpsc::Sender;

use crate::{
    decompress::{Limits, decompress},
    digest::Digesting,
    error::LoadError,
    format::Format,
    header::{Columns, HeaderError},
    opening::{open, records},
    tally::Chunk,
    validate::validate,
};

/// A chunk is full at so many lines, or at so many bytes of text, whichever comes first.
const CHUNK_LINES: usize = 8_000;
const CHUNK_BYTES: usize = 2 * 1024 * 1024;

/// What is known at the end of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// SHA-256 of the decompressed bytes.
    pub(crate) digest: Digest,
    /// How many they are.
    pub(crate) bytes: u64,
}

/// Reads a file to its end. Blocks; what was read before an error is sent before it is returned.
pub(crate) fn read<R: Read + Send + 'static>(
    reader: R,
    format: &Format,
    limits: Limits,
    chunks: &Sender<Chunk>,
) -> Result<End, LoadError> {
    let bytes = Digesting::new(decompress(reader, limits)?);
    let (text, format) = open(bytes, format)?;
    let mut records = records(text, &format)?;
    let header = records.next_record()?.ok_or(HeaderError::Empty)?;
    let columns = Columns::find(&header, &format)?;
    let mut filling = Filling::default();
    let read = loop {
        match records.next_record() {
            Ok(Some(record)) => {
                filling.add(record.bytes(), validate(&record, &columns, format.date_order));
            }
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
        if filling.is_full() {
            filling.send(records.reader().get_ref().count(), chunks)?;
        }
    };
    filling.send(records.reader().get_ref().count(), chunks)?;
    read.map(|()| End {
        digest: records.reader().get_ref().digest(),
        bytes: records.reader().get_ref().count(),
    })
}

#[derive(Default)]
struct Filling {
    chunk: Chunk,
    bytes: usize,
}

impl Filling {
    fn add(&mut self, bytes: usize, line: Result<ledger::Sale, ledger::Reject>) {
        self.bytes += bytes;
        match line {
            Ok(sale) => self.chunk.sales.push(sale),
            Err(reject) => self.chunk.rejects.push(reject),
        }
    }

    fn is_full(&self) -> bool {
        self.chunk.sales.len() + self.chunk.rejects.len() >= CHUNK_LINES
            || self.bytes >= CHUNK_BYTES
    }

    fn send(&mut self, bytes: u64, chunks: &Sender<Chunk>) -> Result<(), LoadError> {
        let Self { mut chunk, .. } = std::mem::take(self);
        chunk.bytes = bytes;
        // Nobody receives any more: the other side has ended, and says why.
        chunks.blocking_send(chunk).map_err(|_| LoadError::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: String) -> (Vec<Chunk>, Result<End, LoadError>) {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let reading = std::thread::spawn(move || {
            let reader = std::io::Cursor::new(text);
            read(reader, &Format::default(), Limits::default(), &sender)
        });
        let chunks = std::iter::from_fn(|| receiver.blocking_recv()).collect();
        (chunks, reading.join().unwrap())
    }

    #[test]
    fn a_file_comes_in_chunks_and_ends_with_its_digest() {
        let text = format!("Sale Date,Sale ID,Item Total\n{}", "3/1/2025,7,1.5\n".repeat(20_000));
        let (chunks, end) = read_text(text.clone());
        let counts: Vec<_> = chunks.iter().map(|chunk| chunk.sales.len()).collect();
        assert_eq!(counts, [8_000, 8_000, 4_000]);
        assert_eq!(end.unwrap().digest, crate::digest::of(text.as_bytes()).unwrap().0);
        assert_eq!(chunks[2].sales[3_999].line, 20_001);
    }

    #[test]
    fn chunks_of_long_texts_have_fewer_lines() {
        let line = format!("3/1/2025,7,1.5,{}\n", "x".repeat(4_000));
        let text = format!("Sale Date,Sale ID,Item Total,Location\n{}", line.repeat(2_000));
        let (chunks, _) = read_text(text);
        assert!(chunks.iter().all(|chunk| chunk.sales.len() < 1_000));
        assert_eq!(chunks.iter().map(|chunk| chunk.sales.len()).sum::<usize>(), 2_000);
    }

    #[test]
    fn what_was_read_before_an_error_comes_before_it() {
        let text = "Sale Date,Sale ID,Item Total\n3/1/2025,7,1.5\nx,y,z\n\"";
        let (chunks, end) = read_text(text.into());
        assert_eq!((chunks[0].sales.len(), chunks[0].rejects.len()), (1, 1));
        assert!(matches!(end, Err(LoadError::Parse(_))));
    }

    #[test]
    fn a_header_alone_is_a_file_without_lines_and_nothing_is_none() {
        assert!(read_text("Sale Date,Sale ID,Item Total".into()).1.is_ok());
        let (_, end) = read_text("\u{feff}\n\n".into());
        assert!(matches!(end, Err(LoadError::Header(HeaderError::Empty))));
    }
}
