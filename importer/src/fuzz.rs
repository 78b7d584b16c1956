//! One text, three ways to read it: the `csv` crate's, ours, and ours in pieces. All find the same
//! records, or ours says why it doubts.
//!
//! Some thousand texts with each run of the tests, as many as one likes with `make fuzz`.

#[path = "../examples/generate/random.rs"]
mod random;

use random::Random;

use crate::{
    cut::Cutter,
    digest::Digesting,
    encoding::{Decoded, Encoding},
    error::LoadError,
    format::Format,
    opening::{Opening, Text},
    parse::{ParseError, Records},
};

/// What texts are made of: what may be read in two ways, and last what leaves doubts most often.
const TOKENS: [&str; 21] = [
    "a",
    "b",
    " ",
    ",",
    ",",
    ",",
    "\r",
    "\n",
    "\n",
    "\r\n",
    "a,b\n",
    "0123456789abcdef",
    ",\"a,b\",",
    ",\"a\nb\",",
    "\n\"a\"\"b\"\n",
    ",\"\"\"\"",
    "\"\"",
    "a\"b",
    "\",",
    ",\"",
    "\"",
];
const TEXTS: u64 = 20_000;

type Record = Vec<Vec<u8>>;

fn any_text(random: &mut Random) -> Vec<u8> {
    // Half of all texts leave no doubt.
    let tokens = &TOKENS[..TOKENS.len() - 4 * random.index(2)];
    (0..random.index(60)).flat_map(|_| tokens[random.index(tokens.len())].bytes()).collect()
}

fn is_blank(record: &Record) -> bool {
    record.len() == 1 && record[0].trim_ascii().is_empty()
}

fn by_the_csv_crate(text: &[u8]) -> Vec<Record> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    let records = reader.byte_records().map(|record| record.unwrap());
    let records = records.map(|record| record.iter().map(<[u8]>::to_vec).collect());
    records.filter(|record| !is_blank(record)).collect()
}

fn by_us(text: &[u8], line: u32, found: &mut Vec<(u32, Record)>) -> Result<(), ParseError> {
    let format = Format::default();
    let mut records = Records::new(text, line, &format);
    while let Some(record) = records.next_record()? {
        let fields = (0..record.width()).map(|index| record.field(index).to_vec()).collect();
        found.push((record.line(), fields));
    }
    Ok(())
}

fn in_pieces(text: &[u8], piece_bytes: usize) -> Result<Vec<(u32, Record)>, LoadError> {
    let text = Text::new(Vec::new(), Decoded::new(Digesting::new(text), Encoding::Utf8)?);
    let mut cutter = Cutter::new(Opening { text, line: 1, format: Format::default() }, piece_bytes);
    let mut found = Vec::new();
    while let Some(piece) = cutter.next_piece()? {
        by_us(&piece.bytes, piece.line, &mut found)?;
    }
    Ok(found)
}

#[test]
fn every_way_of_reading_finds_the_same_records() {
    let texts = std::env::var("TAKINGS_FUZZ_TEXTS").map_or(TEXTS, |texts| texts.parse().unwrap());
    let first = std::env::var("TAKINGS_FUZZ_FIRST").map_or(0, |first| first.parse().unwrap());
    let mut doubts = 0;
    for seed in first..first + texts {
        let mut random = Random(seed);
        let (text, piece_bytes) = (any_text(&mut random), 4 + random.index(100));
        let shown = format!("text {seed}: {:?}", text.escape_ascii().to_string());
        let mut found = Vec::new();
        let read = by_us(&text, 1, &mut found);
        match in_pieces(&text, piece_bytes) {
            Ok(pieces) => assert_eq!((Ok(()), &found), (read, &pieces), "{shown}"),
            Err(LoadError::Parse(error)) => assert_eq!(Err(error), read, "{shown}"),
            Err(error) => panic!("{error} for {shown}"),
        }
        match read {
            Ok(()) => {
                let records: Vec<_> = found.into_iter().map(|(_, record)| record).collect();
                assert_eq!(records, by_the_csv_crate(&text), "{shown}");
            }
            Err(ParseError::UnclosedQuote { .. } | ParseError::DoubtfulQuote { .. }) => doubts += 1,
            Err(error) => panic!("{error} for {shown}"),
        }
    }
    assert!(doubts < texts / 2, "{doubts} of {texts} texts were not compared");
    println!("{texts} texts, {doubts} of them doubtful");
}
