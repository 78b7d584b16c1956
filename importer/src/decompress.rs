//! Bytes as they lie at the source in, the bytes of the file out.
//!
//! gzip is known by its first bytes, never by a name; several members one after the other are
//! one file. A small file that would unpack to a huge one is refused while it is unpacked.

use std::io::{self, BufReader, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use crate::error::LoadError;

/// Where unpacking ends.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes that a compressed file may unpack to.
    pub unpacked_bytes: u64,
    /// Most bytes that one compressed byte may unpack to, on average over the file.
    pub ratio: u64,
}

/// The average counts from here on: the first bytes of a small file may be very repetitive.
const RATIO_COUNTS_FROM: u64 = 64 * 1024 * 1024;
const BUFFER_BYTES: usize = 64 * 1024;

/// A file that can't be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecompressError {
    /// A kind of file that is no CSV and not gzip.
    #[error("The file is {0}, not CSV: export it as CSV (plain, or compressed with gzip).")]
    NotCsv(&'static str),
    /// gzip data that is damaged or cut off.
    #[error("The gzip file is damaged or cut off ({0}): make or transfer it again.")]
    Damaged(String),
    /// More than [`Limits`] allow.
    #[error(
        "The gzip file unpacks to more than {0}: it looks like a bomb. Unpack it yourself and \
         load the plain file, or allow more by --max-unpacked-bytes or --max-compression-ratio."
    )]
    TooLarge(String),
}

/// First bytes of what users take for CSV.
const FOREIGN: [(&[u8], &str); 9] = [
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF document"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format", "an SQLite database"),
];

impl Default for Limits {
    fn default() -> Self {
        Self { unpacked_bytes: 256 << 30, ratio: 200 }
    }
}

/// Whether a file that begins so is compressed.
pub(crate) fn is_compressed(first: &[u8]) -> bool {
    first.starts_with(b"\x1f\x8b")
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
    let is_gzip = is_compressed(&first);
    let reader = Cursor::new(first).chain(reader);
    if !is_gzip {
        return Ok(Box::new(reader));
    }
    let packed = Counting { reader, bytes: 0 };
    let decoder = MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, packed));
    Ok(Box::new(Unpacking { decoder, limits, bytes: 0 }))
}

struct Unpacking<R: Read> {
    decoder: MultiGzDecoder<BufReader<Counting<R>>>,
    limits: Limits,
    bytes: u64,
}

struct Counting<R> {
    reader: R,
    bytes: u64,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}

impl<R: Read> Unpacking<R> {
    fn check(&self) -> Result<(), DecompressError> {
        let packed = self.decoder.get_ref().get_ref().bytes;
        if self.bytes > self.limits.unpacked_bytes {
            let most = format!("{} bytes", self.limits.unpacked_bytes);
            return Err(DecompressError::TooLarge(most));
        }
        let allowed = packed.saturating_mul(self.limits.ratio).max(RATIO_COUNTS_FROM);
        if self.bytes > allowed {
            let most = format!("{} times its size", self.limits.ratio);
            return Err(DecompressError::TooLarge(most));
        }
        Ok(())
    }
}

impl<R: Read> Read for Unpacking<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.decoder.read(buffer).map_err(|error| {
            // What the source says passes through; the rest is said by the decoder.
            if error.raw_os_error().is_some() || error.get_ref().is_some_and(is_ours) {
                error
            } else {
                io::Error::other(LoadError::from(DecompressError::Damaged(error.to_string())))
            }
        })?;
        self.bytes += count as u64;
        self.check().map_err(|error| io::Error::other(LoadError::from(error)))?;
        Ok(count)
    }
}

pub(crate) fn is_ours(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    error.is::<LoadError>()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn unpack(bytes: Vec<u8>, limits: Limits) -> Result<Vec<u8>, LoadError> {
        let mut unpacked = Vec::new();
        decompress(Cursor::new(bytes), limits)?.read_to_end(&mut unpacked)?;
        Ok(unpacked)
    }

    fn error(bytes: Vec<u8>, limits: Limits) -> DecompressError {
        match unpack(bytes, limits) {
            Err(LoadError::Decompress(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn plain_bytes_pass_as_they_are() {
        for bytes in [&b""[..], b"a", b"\x1f", b"Sale Date,Sale ID\n1,2\n"] {
            assert_eq!(unpack(bytes.to_vec(), Limits::default()).unwrap(), bytes);
        }
    }

    #[test]
    fn gzip_is_unpacked_with_all_its_members() {
        let packed = [gzip(b"a,b\n"), gzip(b""), gzip(b"1,2\n")].concat();
        assert_eq!(unpack(packed, Limits::default()).unwrap(), b"a,b\n1,2\n");
    }

    #[test]
    fn gzip_that_is_cut_off_or_damaged_is_an_error_wherever_it_breaks() {
        let packed = gzip(b"Sale Date,Sale ID,Item Total\n3/1/2025,7,1.5\n");
        for length in 2..packed.len() {
            let error = error(packed[..length].to_vec(), Limits::default());
            assert!(matches!(error, DecompressError::Damaged(_)), "{length}: {error}");
        }
        let mut flipped = packed.clone();
        flipped[packed.len() - 5] ^= 1;
        assert!(matches!(error(flipped, Limits::default()), DecompressError::Damaged(_)));
        let tail = [packed, b"tail".to_vec()].concat();
        assert!(matches!(error(tail, Limits::default()), DecompressError::Damaged(_)));
    }

    #[test]
    fn a_bomb_is_refused_while_it_unpacks() {
        let bomb = gzip(&vec![b'\n'; 80 << 20]);
        assert!(bomb.len() < 200_000);
        assert!(matches!(error(bomb.clone(), Limits::default()), DecompressError::TooLarge(_)));
        let generous = Limits { ratio: 2_000, ..Limits::default() };
        assert_eq!(unpack(bomb.clone(), generous).unwrap().len(), 80 << 20);
        let small = Limits { unpacked_bytes: 1 << 20, ..generous };
        assert!(matches!(error(bomb, small), DecompressError::TooLarge(_)));
    }

    #[test]
    fn what_is_no_csv_is_named() {
        let workbook = error(b"PK\x03\x04\x14\0".to_vec(), Limits::default());
        assert!(workbook.to_string().contains("Excel"), "{workbook}");
    }
}
