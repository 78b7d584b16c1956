//! From bytes to sales. One thread reads the file: decompress → digest → open (decode, find what
//! the format leaves open) → cut into pieces of whole records, into a bounded channel; who stops
//! receiving stops the reading. Pieces are then split and validated side by side, by whoever takes
//! them.

use std::{io::Read, sync::Arc};

use ledger::{Digest, Reject, Sale};
use tokio::sync::mpsc::Sender;

use crate::{
    cut::{Cutter, Piece},
    date::Dates,
    decompress::{Limits, decompress},
    digest::Digesting,
    error::LoadError,
    format::Format,
    header::{Columns, HeaderError},
    opening::open,
    parse::{ParseError, Records},
    validate::validate,
};

/// What is known at the end of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    /// SHA-256 of the decompressed bytes.
    pub(crate) digest: Digest,
    /// How many they are.
    pub(crate) bytes: u64,
    /// How many pieces it has.
    pub(crate) pieces: u32,
}

/// How the lines of a file are to be read.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The effective format.
    pub(crate) format: Format,
    /// Where our fields are.
    pub(crate) columns: Columns,
}

/// A piece, and how it is to be read.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) piece: Piece,
    layout: Arc<Layout>,
    /// Where the lines begin: behind the header.
    start: (usize, u32),
}

/// A file that is being read.
pub(crate) struct Reading {
    cutter: Cutter<Box<dyn Read + Send>>,
    layout: Arc<Layout>,
    found_header: bool,
    pieces: u32,
}

/// Reads a file to its end. Blocks; what was read before an error is sent before it is returned.
pub(crate) fn read<R: Read + Send + 'static>(
    reader: R,
    format: &Format,
    limits: Limits,
    piece_bytes: usize,
    work: &Sender<Work>,
) -> Result<End, LoadError> {
    let mut reading = Reading::start(reader, format, limits, piece_bytes)?;
    while let Some(next) = reading.next_work()? {
        // Nobody receives any more: the other side has ended, and says why.
        work.blocking_send(next).map_err(|_| LoadError::Stopped)?;
    }
    reading.end()
}

impl Reading {
    pub(crate) fn start<R: Read + Send + 'static>(
        reader: R,
        format: &Format,
        limits: Limits,
        piece_bytes: usize,
    ) -> Result<Self, LoadError> {
        let opening = open(Digesting::new(decompress(reader, limits)?), format)?;
        let layout = Layout { format: opening.format.clone(), columns: Columns::default() };
        let cutter = Cutter::new(opening, piece_bytes);
        Ok(Self { cutter, layout: Arc::new(layout), found_header: false, pieces: 0 })
    }

    /// The next piece; `None` at the end of the file.
    pub(crate) fn next_work(&mut self) -> Result<Option<Work>, LoadError> {
        let Some(piece) = self.cutter.next_piece()? else { return Ok(None) };
        self.pieces += 1;
        let mut start = (0, piece.line);
        // Pieces before the header have no lines. They are given out too, so that the numbers of
        // pieces have no gap.
        if !self.found_header {
            let format = self.layout.format.clone();
            let mut records = Records::new(&piece.bytes, piece.line, &format);
            if let Some(header) = records.next_record()? {
                let columns = Columns::find(&header, &format)?;
                self.layout = Arc::new(Layout { format, columns });
                self.found_header = true;
            }
            start = records.position();
        }
        Ok(Some(Work { piece, layout: self.layout.clone(), start }))
    }

    /// What is known when there is no further piece.
    pub(crate) fn end(&self) -> Result<End, LoadError> {
        if !self.found_header {
            return Err(HeaderError::Empty.into());
        }
        let (digest, bytes) = self.cutter.end();
        Ok(End { digest, bytes, pieces: self.pieces })
    }
}

impl Work {
    /// How the lines are to be read.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The lines of the piece, without the header.
    pub(crate) fn records(&self) -> Records<'_> {
        let (start, line) = self.start;
        let text = self.piece.bytes.get(start..).unwrap_or_default();
        Records::new(text, line, &self.layout.format)
    }

    /// Splits and validates the lines of the piece, one after the other.
    pub(crate) fn lines(
        &self,
        mut each: impl FnMut(Result<Sale<'_>, Reject>),
    ) -> Result<(), ParseError> {
        let Layout { format, columns } = &*self.layout;
        let (mut records, mut dates) = (self.records(), Dates::new(format.date_order));
        while let Some(record) = records.next_record()? {
            each(validate(&record, columns, &mut dates));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The lines of a file, and how its reading ended.
    pub(crate) struct Lines {
        pub(crate) sales: Vec<Sale<'static>>,
        pub(crate) rejects: Vec<Reject>,
        pub(crate) end: Result<End, LoadError>,
    }

    pub(crate) fn read_lines(bytes: &[u8], format: &Format, piece_bytes: usize) -> Lines {
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let (reader, reads) = (std::io::Cursor::new(bytes.to_vec()), format.clone());
        let reading = std::thread::spawn(move || {
            read(reader, &reads, Limits::default(), piece_bytes, &sender)
        });
        let (mut sales, mut rejects, mut parsed) = (Vec::new(), Vec::new(), Ok(()));
        while let Some(work) = receiver.blocking_recv() {
            let text = |text: &str| -> &'static str { text.to_owned().leak() };
            let result = work.lines(|line| match line {
                Ok(sale) => sales.push(Sale {
                    order_id: text(sale.order_id),
                    product: sale.product.map(text),
                    location: sale.location.map(text),
                    payment_method: sale.payment_method.map(text),
                    client: sale.client.map(text),
                    ..sale
                }),
                Err(reject) => rejects.push(reject),
            });
            parsed = parsed.and(result);
        }
        let end = reading.join().unwrap();
        Lines { sales, rejects, end: end.and_then(|end| parsed.map(|()| end).map_err(Into::into)) }
    }

    fn read_text(text: &str) -> Lines {
        read_lines(text.as_bytes(), &Format::default(), 100_000)
    }

    #[test]
    fn a_file_comes_in_pieces_and_ends_with_its_digest() {
        let text = format!("Sale Date,Sale ID,Item Total\n{}", "3/1/2025,7,1.5\n".repeat(20_000));
        let Lines { sales, end, .. } = read_text(&text);
        let end = end.unwrap();
        assert_eq!((end.pieces, end.bytes), (4, text.len() as u64));
        assert_eq!(end.digest, crate::digest::of(text.as_bytes()).unwrap().0);
        let lines: Vec<_> = sales.iter().map(|sale| sale.line).collect();
        assert_eq!(lines, (2..=20_001).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_read_before_an_error_comes_before_it() {
        let lines = read_text("Sale Date,Sale ID,Item Total\n3/1/2025,7,1.5\nx,y,z\n\"");
        assert_eq!((lines.sales.len(), lines.rejects.len()), (1, 1));
        assert!(matches!(lines.end, Err(LoadError::Parse(_))));
    }

    #[test]
    fn a_header_alone_is_a_file_without_lines_and_nothing_is_none() {
        assert!(read_text("Sale Date,Sale ID,Item Total").end.is_ok());
        let Lines { end, .. } = read_text("\u{feff}\n\n");
        assert!(matches!(end, Err(LoadError::Header(HeaderError::Empty))));
    }
}
