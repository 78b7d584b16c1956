//! Bytes as they lie at the source in, the bytes of the file out.
//!
//! gzip, zstd, bzip2 and xz are known by their first bytes, never by a name; several members one
//! after the other are one file. A small file that would unpack to a huge one, or that needs much
//! memory to be unpacked, is refused while it is unpacked.

mod packed;
mod zstd;

use std::{
    fmt,
    io::{self, BufReader, Cursor, Read},
};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

use crate::error::LoadError;
use packed::{Counting, Packed};

/// Where unpacking ends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes that a compressed file may unpack to.
    pub unpacked_bytes: u64,
    /// Most bytes that one compressed byte may unpack to, on average over the file.
    pub ratio: u64,
}

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Compression {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

/// The average counts from here on: the first bytes of a small file may be very repetitive.
const RATIO_COUNTS_FROM: u64 = 64 * 1024 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;
/// Most memory that a file may ask for as its window, whatever it was packed with: what
/// `zstd --ultra -20` and `xz -8` use. The others need less than 8 MiB.
const MAX_WINDOW_BYTES: u32 = 32 * 1024 * 1024;

/// A file that can't be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// A kind of file that is no CSV and not compressed in a way that we know.
    #[error(
        "The file is {0}, not CSV: export it as CSV (plain, or compressed with gzip, zstd, bzip2 \
         or xz)."
    )]
    NotCsv(&'static str),
    /// Compressed data that is damaged or cut off.
    #[error("The {0} file is damaged or cut off ({1}): make or transfer it again.")]
    Damaged(Compression, String),
    /// More memory than [`MAX_WINDOW_BYTES`].
    #[error(
        "Unpacking the {0} file takes more than 32 MiB of memory: compress it again with a lower \
         level (zstd up to --ultra -20 and without --long, xz up to -8)."
    )]
    TooMuchMemory(Compression),
    /// More than [`Limits`] allow.
    #[error(
        "The {0} file unpacks to more than {1}: it looks like a bomb. Unpack it yourself and \
         load the plain file, or allow more by --max-unpacked-bytes or --max-compression-ratio."
    )]
    TooLarge(Compression, String),
}

/// First bytes of what users take for CSV.
const FOREIGN: [(&[u8], &str); 8] = [
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"\x04\x22\x4d\x18", "compressed with lz4"),
    (b"\x1f\x9d", "compressed with compress"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format", "an SQLite database"),
];

impl Default for Limits {
    fn default() -> Self {
        Self { unpacked_bytes: 256 << 30, ratio: 200 }
    }
}

impl Compression {
    /// By the first bytes of a file.
    #[must_use]
    pub fn of(first: &[u8]) -> Option<Self> {
        match first {
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // A frame, or a frame that is to be skipped, with which some programs begin.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31 | 0x17, ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            _ => None,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        })
    }
}

/// A reader of the file's own bytes.
pub fn decompress<R: Read + Send + 'static>(
    mut reader: R,
    limits: Limits,
) -> Result<Box<dyn Read + Send>, LoadError> {
    let mut first = Vec::new();
    reader.by_ref().take(16).read_to_end(&mut first)?;
    if let Some((_, kind)) = FOREIGN.iter().find(|(magic, _)| first.starts_with(magic)) {
        return Err(DecompressError::NotCsv(kind).into());
    }
    let compression = Compression::of(&first);
    let reader = Cursor::new(first).chain(reader);
    let Some(compression) = compression else { return Ok(Box::new(reader)) };
    let packed = Packed::default();
    let reader = BufReader::with_capacity(BUFFER_BYTES, Counting::new(reader, packed.clone()));
    let decoder = decoder(reader, compression);
    Ok(Box::new(Unpacking { decoder, compression, packed, limits, bytes: 0 }))
}

fn decoder<R: io::BufRead + Send + 'static>(
    reader: R,
    compression: Compression,
) -> Box<dyn Read + Send> {
    match compression {
        Compression::Gzip => Box::new(MultiGzDecoder::new(reader)),
        Compression::Zstd => Box::new(zstd::Frames::new(reader, MAX_WINDOW_BYTES.into())),
        Compression::Bzip2 => Box::new(MultiBzDecoder::new(reader)),
        Compression::Xz => {
            // Beside the window a decoder needs some room of its own.
            let kibibytes = MAX_WINDOW_BYTES / 1024 + 1024;
            Box::new(XzReader::new_mem_limit(reader, true, kibibytes))
        }
    }
}

struct Unpacking {
    decoder: Box<dyn Read + Send>,
    compression: Compression,
    packed: Packed,
    limits: Limits,
    bytes: u64,
}

impl Unpacking {
    fn check(&self) -> Result<(), DecompressError> {
        if self.bytes > self.limits.unpacked_bytes {
            let most = format!("{} bytes", self.limits.unpacked_bytes);
            return Err(DecompressError::TooLarge(self.compression, most));
        }
        let allowed = self.packed.bytes().saturating_mul(self.limits.ratio);
        if self.bytes > allowed.max(RATIO_COUNTS_FROM) {
            let most = format!("{} times its size", self.limits.ratio);
            return Err(DecompressError::TooLarge(self.compression, most));
        }
        Ok(())
    }

    /// What the source said passes through; the rest is said by the decoder.
    fn failed(&self, error: &io::Error) -> io::Error {
        self.packed.take_failure().unwrap_or_else(|| {
            io::Error::other(LoadError::from(match error.kind() {
                io::ErrorKind::OutOfMemory => DecompressError::TooMuchMemory(self.compression),
                _ => DecompressError::Damaged(self.compression, error.to_string()),
            }))
        })
    }
}

impl Read for Unpacking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer).map_err(|error| self.failed(&error))?;
        self.bytes += count as u64;
        self.check().map_err(|error| io::Error::other(LoadError::from(error)))?;
        Ok(count)
    }
}

pub(crate) fn is_ours(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error.is::<LoadError>()
}

#[cfg(test)]
mod tests;
