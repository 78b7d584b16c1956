//! SHA-256 of what passes by.

use std::io::{self, Read};

use ledger::Digest;
use sha2::{Digest as _, Sha256};

const BUFFER_BYTES: usize = 256 * 1024;

/// A reader that knows the digest and the count of the bytes it gave.
#[derive(Debug)]
pub(crate) struct Digesting<R> {
    reader: R,
    hash: Sha256,
    bytes: u64,
}

impl<R: Read> Digesting<R> {
    /// Starts at the first byte.
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, hash: Sha256::new(), bytes: 0 }
    }

    /// How many bytes passed so far.
    pub(crate) fn count(&self) -> u64 {
        self.bytes
    }

    /// Tells apart what passed so far together with what is known of a part of it.
    pub(crate) fn mark(&self, part: &[u8]) -> [u8; 32] {
        self.hash.clone().chain_update(part).finalize().into()
    }

    /// The digest of what passed so far.
    pub(crate) fn digest(&self) -> Digest {
        Digest(self.hash.clone().finalize().into())
    }
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.hash.update(&buffer[..count]);
        self.bytes += count as u64;
        Ok(count)
    }
}

/// The digest and the count of all bytes that a reader has to give.
pub(crate) fn of(reader: impl Read) -> io::Result<(Digest, u64)> {
    let mut digesting = Digesting::new(reader);
    let mut buffer = vec![0; BUFFER_BYTES];
    while digesting.read(&mut buffer)? > 0 {}
    Ok((digesting.digest(), digesting.count()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_all_bytes_however_they_come() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        for (digest, bytes) in
            [of(&b"abc"[..]), of((&b"a"[..]).chain(&b"bc"[..]))].map(Result::unwrap)
        {
            assert_eq!((digest.to_string().as_str(), bytes), (expected, 3));
        }
    }
}
