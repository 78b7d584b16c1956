//! Files packed in each way: whole, in several members, cut off, damaged, and as bombs.

use std::io::Write;

use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::*;
use Compression::{Bzip2, Gzip, Xz, Zstd};

const ALL: [Compression; 4] = [Gzip, Zstd, Bzip2, Xz];

fn pack(compression: Compression, bytes: &[u8]) -> Vec<u8> {
    match compression {
        Gzip => {
            let best = flate2::Compression::best();
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), best);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Zstd => compress_to_vec(bytes, CompressionLevel::Fastest),
        Bzip2 => {
            let best = bzip2::Compression::best();
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), best);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }
        Xz => xz(bytes, 1),
    }
}

fn xz(bytes: &[u8], level: u32) -> Vec<u8> {
    let options = lzma_rust2::XzOptions::with_preset(level);
    let mut encoder = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
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
    for bytes in [&b""[..], b"a", b"\x1f", b"BZh9,Sale Date", b"Sale Date,Sale ID\n1,2\n"] {
        assert_eq!(unpack(bytes.to_vec(), Limits::default()).unwrap(), bytes);
    }
}

#[test]
fn a_packed_file_is_unpacked_with_all_its_members() {
    for compression in ALL {
        let members = [&b"a,b\n"[..], b"", b"1,2\n"].map(|bytes| pack(compression, bytes));
        let unpacked = unpack(members.concat(), Limits::default()).unwrap();
        assert_eq!(unpacked, b"a,b\n1,2\n", "{compression}");
    }
}

#[test]
fn zstd_frames_that_are_to_be_skipped_are_no_content() {
    let skipped = b"\x50\x2a\x4d\x18\x03\0\0\0abc".to_vec();
    let packed = [skipped.clone(), pack(Zstd, b"a,b\n"), skipped.clone()].concat();
    assert_eq!(unpack(packed, Limits::default()).unwrap(), b"a,b\n");
    let cut = skipped[..10].to_vec();
    assert!(matches!(error(cut, Limits::default()), DecompressError::Damaged(Zstd, _)));
}

#[test]
fn a_file_that_is_cut_off_is_an_error_wherever_it_breaks() {
    for compression in ALL {
        let packed = pack(compression, b"Sale Date,Sale ID,Item Total\n3/1/2025,7,1.5\n");
        for length in 6..packed.len() {
            let error = error(packed[..length].to_vec(), Limits::default());
            assert!(
                matches!(&error, DecompressError::Damaged(named, _) if *named == compression),
                "{compression} {length}: {error}"
            );
        }
        let tail = [packed, b"tail".to_vec()].concat();
        assert!(matches!(error(tail, Limits::default()), DecompressError::Damaged(..)));
    }
}

#[test]
fn a_bomb_is_refused_while_it_unpacks() {
    for compression in ALL {
        let bomb = pack(compression, &vec![b'\n'; 80 << 20]);
        assert!(bomb.len() < 200_000, "{compression}");
        let refused = error(bomb.clone(), Limits::default());
        assert!(matches!(refused, DecompressError::TooLarge(..)), "{refused}");
        let generous = Limits { ratio: 1 << 30, ..Limits::default() };
        assert_eq!(unpack(bomb.clone(), generous).unwrap().len(), 80 << 20);
        let small = Limits { unpacked_bytes: 1 << 20, ..generous };
        assert!(matches!(error(bomb, small), DecompressError::TooLarge(..)));
    }
}

#[test]
fn a_file_that_asks_for_much_memory_is_refused_before_it_gets_it() {
    let refused = error(xz(b"a,b\n", 9), Limits::default());
    assert_eq!(refused, DecompressError::TooMuchMemory(Xz));
    assert!(unpack(xz(b"a,b\n", 8), Limits::default()).is_ok());
    // A frame's header whose window is 2 GiB.
    let refused = error(b"\x28\xb5\x2f\xfd\x04\xa8\x01\0\0".to_vec(), Limits::default());
    assert_eq!(refused, DecompressError::TooMuchMemory(Zstd));
}

#[test]
fn what_is_no_csv_is_named() {
    let workbook = error(b"PK\x03\x04\x14\0".to_vec(), Limits::default());
    assert!(workbook.to_string().contains("Excel"), "{workbook}");
}

#[test]
fn a_source_that_breaks_off_is_not_taken_for_damage() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("connection lost"))
        }
    }
    for compression in ALL {
        let packed = pack(compression, b"a,b\n");
        let half = Cursor::new(packed[..packed.len() - 3].to_vec()).chain(Broken);
        let read = decompress(half, Limits::default())
            .and_then(|mut file| Ok(file.read_to_end(&mut Vec::new())?));
        assert!(matches!(read, Err(LoadError::Source(_))), "{compression}: {read:?}");
    }
}

proptest! {
    #[test]
    fn damage_anywhere_behind_the_first_bytes_is_an_error_and_never_a_panic(
        which in 0_usize..4,
        place in 0_usize..200,
        byte in 1_u8..,
    ) {
        let text = b"Sale Date,Sale ID,Item Total\n3/1/2025,7,1.5\n3/2/2025,8,2.5\n";
        let mut packed = pack(ALL[which], text);
        let place = 6 + place % (packed.len() - 6);
        packed[place] ^= byte;
        if let Ok(unpacked) = unpack(packed, Limits::default()) {
            // Bytes that only describe the file, such as its time, carry nothing of it.
            prop_assert_eq!(unpacked, text);
        }
    }
}
