//! The bytes of a file in, its text as UTF-8 out, without the byte order mark.
//!
//! A byte order mark decides; without one the declared encoding holds, which is UTF-8 unless the
//! settings say otherwise. Nothing is guessed, and nothing is replaced: what is no text in the
//! file's encoding comes out as a byte that is no UTF-8 either, so that the line it stands on is
//! rejected by the rules of all files. Memory is bounded; UTF-8 passes untouched.

use std::{
    fmt,
    io::{self, Chain, Cursor, Read},
    ops::Range,
    str::FromStr,
};

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::{error::LoadError, format::FormatError};

const BUFFER_BYTES: usize = 64 * 1024;
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
/// Never part of UTF-8.
const NO_TEXT: u8 = 0xff;

/// How a file's characters are encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Encoding {
    #[default]
    Utf8,
    Utf16Le,
    Utf16Be,
    Windows1252,
}

/// A file that is not encoded as it was declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// A byte order mark that is not of the declared encoding.
    #[error(
        "The file is declared as {declared}, but begins with the byte order mark of {marked}: \
         declare {marked} (format.encoding, --encoding), or nothing, since a mark is enough."
    )]
    Contradicted {
        /// By the settings.
        declared: Encoding,
        /// By the file.
        marked: Encoding,
    },
    /// Every other byte is zero, and nothing says why.
    #[error(
        "The file looks like {looks}, without the byte order mark that would prove it, and is \
         read as {declared}: declare {looks} (format.encoding, --encoding), or export the file \
         again as UTF-8."
    )]
    Unmarked {
        /// What the first bytes look like.
        looks: Encoding,
        /// By the settings.
        declared: Encoding,
    },
    /// UTF-32, by its mark.
    #[error("The file is encoded as UTF-32, which is not read: export it again as UTF-8.")]
    Utf32,
}

impl Encoding {
    const ALL: [Self; 4] = [Self::Utf8, Self::Utf16Le, Self::Utf16Be, Self::Windows1252];

    /// The word of the settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Windows1252 => "windows-1252",
        }
    }

    /// The encoding of a file by its first four bytes, and the length of its mark.
    fn of(first: &[u8], declared: Self) -> Result<(Self, usize), EncodingError> {
        let (marked, length) = match first {
            [0xff, 0xfe, 0, 0] | [0, 0, 0xfe, 0xff] => return Err(EncodingError::Utf32),
            [0xff, 0xfe, ..] => (Self::Utf16Le, 2),
            [0xfe, 0xff, ..] => (Self::Utf16Be, 2),
            [0xef, 0xbb, 0xbf, ..] => (Self::Utf8, 3),
            _ => return Self::unmarked(first, declared),
        };
        match declared {
            // What is declared by default is no contradiction.
            Self::Utf8 => Ok((marked, length)),
            _ if declared == marked => Ok((marked, length)),
            _ => Err(EncodingError::Contradicted { declared, marked }),
        }
    }

    fn unmarked(first: &[u8], declared: Self) -> Result<(Self, usize), EncodingError> {
        let looks = match first {
            [1..=255, 0, 1..=255, 0] => Self::Utf16Le,
            [0, 1..=255, 0, 1..=255] => Self::Utf16Be,
            _ => declared,
        };
        if looks == declared {
            Ok((declared, 0))
        } else {
            Err(EncodingError::Unmarked { looks, declared })
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Encoding {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        let is_it = |encoding: &Self| encoding.as_str().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(is_it).ok_or_else(|| FormatError::Encoding(text.into()))
    }
}

/// A reader of a file's text, as UTF-8.
pub(crate) struct Decoded<R> {
    reader: Chain<Cursor<Vec<u8>>, R>,
    encoding: Encoding,
    decoding: Option<Decoding>,
}

impl<R: Read> Decoded<R> {
    /// Reads as far as a byte order mark goes.
    pub(crate) fn new(mut reader: R, declared: Encoding) -> Result<Self, LoadError> {
        let mut first = Vec::new();
        reader.by_ref().take(6).read_to_end(&mut first)?;
        let (encoding, length) = Encoding::of(&first[..first.len().min(4)], declared)?;
        first.drain(..length);
        // Twice, as programs leave it that put a mark before whatever they are given.
        if encoding == Encoding::Utf8 && length > 0 && first.starts_with(UTF8_MARK) {
            first.drain(..UTF8_MARK.len());
        }
        let decoding = match encoding {
            Encoding::Utf8 => None,
            Encoding::Utf16Le => Some(UTF_16LE),
            Encoding::Utf16Be => Some(UTF_16BE),
            Encoding::Windows1252 => Some(WINDOWS_1252),
        };
        let decoding = decoding.map(|encoding| Decoding {
            decoder: encoding.new_decoder_without_bom_handling(),
            bytes: vec![0; BUFFER_BYTES].into(),
            unread: 0..0,
            text: vec![0; BUFFER_BYTES].into(),
            ready: 0..0,
            ended: false,
        });
        Ok(Self { reader: Cursor::new(first).chain(reader), encoding, decoding })
    }

    /// The encoding that the file has.
    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// What is read from.
    pub(crate) fn get_ref(&self) -> &R {
        self.reader.get_ref().1
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.decoding {
            None => self.reader.read(buffer),
            Some(decoding) => decoding.read(&mut self.reader, buffer),
        }
    }
}

struct Decoding {
    decoder: Decoder,
    bytes: Box<[u8]>,
    unread: Range<usize>,
    text: Box<[u8]>,
    ready: Range<usize>,
    ended: bool,
}

impl Decoding {
    fn read(&mut self, reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() && !self.ended {
            self.decode(reader)?;
        }
        let count = self.ready.len().min(buffer.len());
        let end = self.ready.start + count;
        buffer[..count].copy_from_slice(&self.text[self.ready.start..end]);
        self.ready.start = end;
        Ok(count)
    }

    fn decode(&mut self, reader: &mut impl Read) -> io::Result<()> {
        if self.unread.is_empty() {
            self.unread = 0..fill(reader, &mut self.bytes)?;
        }
        let at_end = self.unread.is_empty();
        // One byte is left for what is no text.
        let room = self.text.len() - 1;
        let (result, read, written) = self.decoder.decode_to_utf8_without_replacement(
            &self.bytes[self.unread.clone()],
            &mut self.text[..room],
            at_end,
        );
        self.unread.start += read;
        self.ready = 0..written;
        match result {
            DecoderResult::InputEmpty => self.ended = at_end,
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(..) => {
                self.text[written] = NO_TEXT;
                self.ready.end += 1;
            }
        }
        Ok(())
    }
}

/// Reads until the buffer is full, or to the end: how the bytes come makes no difference then to
/// how many of them were read for a piece of the text.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(bytes: &[u8], declared: Encoding) -> Result<Vec<u8>, LoadError> {
        let mut text = Vec::new();
        Decoded::new(bytes, declared)?.read_to_end(&mut text)?;
        Ok(text)
    }

    fn error(bytes: &[u8], declared: Encoding) -> EncodingError {
        match decode(bytes, declared) {
            Err(LoadError::Encoding(error)) => error,
            other => panic!("{other:?}"),
        }
    }

    fn utf16(text: &str, encoding: Encoding) -> Vec<u8> {
        let bytes = match encoding {
            Encoding::Utf16Le => u16::to_le_bytes,
            _ => u16::to_be_bytes,
        };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn a_byte_order_mark_decides_and_is_no_part_of_the_text() {
        for encoding in [Encoding::Utf16Le, Encoding::Utf16Be] {
            let bytes = utf16("\u{feff}Café 👍\r\n", encoding);
            for declared in [Encoding::Utf8, encoding] {
                assert_eq!(decode(&bytes, declared).unwrap(), "Café 👍\r\n".as_bytes());
            }
            assert_eq!(decode(&bytes[2..], encoding).unwrap(), "Café 👍\r\n".as_bytes());
        }
        assert_eq!(
            decode("\u{feff}é\u{feff}".as_bytes(), Encoding::Utf8).unwrap(),
            "é\u{feff}".as_bytes()
        );
        assert_eq!(decode("\u{feff}".as_bytes(), Encoding::Utf8).unwrap(), b"");
        assert_eq!(decode("\u{feff}\u{feff}a".as_bytes(), Encoding::Utf8).unwrap(), b"a");
    }

    #[test]
    fn windows_1252_is_read_where_it_is_declared() {
        let bytes = b"Caf\xe9 \x80 5";
        assert_eq!(decode(bytes, Encoding::Windows1252).unwrap(), "Café € 5".as_bytes());
        assert_eq!(decode(bytes, Encoding::Utf8).unwrap(), bytes, "passes as it is");
    }

    #[test]
    fn what_contradicts_its_declaration_is_named() {
        use Encoding::{Utf8, Utf16Be, Utf16Le, Windows1252};
        let (declared, marked) = (Windows1252, Utf8);
        let found = error(b"\xef\xbb\xbfa,b", declared);
        assert_eq!(found, EncodingError::Contradicted { declared, marked });
        let (declared, marked) = (Utf16Be, Utf16Le);
        let found = error(b"\xff\xfea\0", declared);
        assert_eq!(found, EncodingError::Contradicted { declared, marked });
        for (bytes, looks) in [(b"S\0a\0", Utf16Le), (b"\0S\0a", Utf16Be)] {
            for declared in [Utf8, Windows1252] {
                assert_eq!(error(bytes, declared), EncodingError::Unmarked { looks, declared });
            }
            assert_eq!(decode(bytes, looks).unwrap(), b"Sa");
        }
        assert_eq!(error(b"\xff\xfe\0\0a\0\0\0", Utf8), EncodingError::Utf32);
        assert_eq!(error(b"\0\0\xfe\xff\0\0\0a", Utf16Be), EncodingError::Utf32);
    }

    #[test]
    fn what_is_no_text_stays_visible() {
        let lone = [b'a', 0, 0x00, 0xd8, b',', 0, b'b', 0];
        assert_eq!(decode(&lone, Encoding::Utf16Le).unwrap(), b"a\xff,b");
        assert_eq!(decode(b"a\0,\0b", Encoding::Utf16Le).unwrap(), b"a,\xff", "cut in two");
    }

    proptest! {
        #[test]
        fn a_text_is_the_same_however_its_bytes_come(text in "\\PC{0,40}", size in 1_usize..7) {
            // A letter first: two characters such as U+0100 would look like the other byte order.
            let text = format!("a{}", text.repeat(size * 1_000));
            let bytes = utf16(&text, Encoding::Utf16Be);
            let mut decoded = Decoded::new(&bytes[..], Encoding::Utf16Be).unwrap();
            let (mut read, mut buffer) = (Vec::new(), vec![0; size * 31]);
            while let count @ 1.. = decoded.read(&mut buffer).unwrap() {
                read.extend_from_slice(&buffer[..count]);
            }
            prop_assert!(read == text.as_bytes());
        }
    }
}
