//! SHA-256 of a whole file, without keeping it.

use std::io::{self, Read};

use ledger::Digest;
use sha2::{Digest as _, Sha256};

const BUFFER_BYTES: usize = 256 * 1024;

/// The digest and the count of all bytes that a reader has to give.
pub(crate) fn of(mut reader: impl Read) -> io::Result<(Digest, u64)> {
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; BUFFER_BYTES]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((Digest(hash.finalize().into()), bytes)),
            Ok(count) => {
                hash.update(&buffer[..count]);
                bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
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
