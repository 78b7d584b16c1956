//! Where in a text fields end.
//!
//! Fields are short: looking for the end of each anew costs more than looking. So the bytes of 64
//! places are looked at together, and what was found there is kept.

use wide::u8x16;

const BLOCK: usize = 64;

/// Looks for delimiters and line ends in one text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldEnds {
    delimiter: u8,
    /// Where the block begins that was looked at last.
    block: usize,
    /// A bit for each of its places, the lowest first: a field ends there.
    ends: u64,
    /// As well, and what comes is a quote or another record.
    stops: u64,
}

impl FieldEnds {
    pub(crate) fn new(delimiter: u8) -> Self {
        Self { delimiter, block: usize::MAX, ends: 0, stops: 0 }
    }

    /// The first end at or behind `from`; the text's length where there is none.
    pub(crate) fn first(&mut self, text: &[u8], from: usize) -> usize {
        let mut block = from - from % BLOCK;
        let mut here = u64::MAX << (from % BLOCK);
        while block < text.len() {
            self.look(text, block);
            if self.ends & here != 0 {
                return block + (self.ends & here).trailing_zeros() as usize;
            }
            (block, here) = (block + BLOCK, u64::MAX);
        }
        text.len()
    }

    /// Each end at or behind `from`, up to the end of the record or to a delimiter with a quote
    /// behind it, which is returned.
    #[inline]
    pub(crate) fn plain(&mut self, text: &[u8], from: usize, mut each: impl FnMut(usize)) -> usize {
        let mut block = from - from % BLOCK;
        let mut here = u64::MAX << (from % BLOCK);
        while block < text.len() {
            self.look(text, block);
            let stops = self.stops & here;
            // Up to the first stop and with it.
            let mut ends = self.ends & here & (stops ^ stops.wrapping_sub(1));
            while ends != 0 {
                each(block + ends.trailing_zeros() as usize);
                ends &= ends - 1;
            }
            if stops != 0 {
                return block + stops.trailing_zeros() as usize;
            }
            (block, here) = (block + BLOCK, u64::MAX);
        }
        each(text.len());
        text.len()
    }

    #[inline]
    fn look(&mut self, text: &[u8], block: usize) {
        if block == self.block {
            return;
        }
        let mut rest = [0; BLOCK];
        let bytes = text.get(block..).unwrap_or_default();
        let bytes = bytes.first_chunk::<BLOCK>().unwrap_or_else(|| {
            rest[..bytes.len()].copy_from_slice(bytes);
            &rest
        });
        let [mut delimiters, mut line_ends, mut quotes] = [0; 3];
        for (index, bytes) in bytes.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::new(*bytes);
            let is = |byte| bytes.simd_eq(u8x16::splat(byte));
            let at = |found: u8x16| u64::from(found.to_bitmask()) << (16 * index);
            delimiters |= at(is(self.delimiter));
            line_ends |= at(is(b'\n') | is(b'\r'));
            quotes |= at(is(b'"'));
        }
        let quote_behind = u64::from(text.get(block + BLOCK) == Some(&b'"')) << (BLOCK - 1);
        self.block = block;
        self.ends = delimiters | line_ends;
        self.stops = line_ends | delimiters & (quotes >> 1 | quote_behind);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ends_are_found_from_wherever_one_looks(
            text in "[a-f,\"\n\r]{0,200}", sought in prop::collection::vec(0_usize..220, 0..20),
        ) {
            let text = text.as_bytes();
            let mut field_ends = FieldEnds::new(b',');
            for from in sought {
                let rest = text.get(from..).unwrap_or_default();
                let ends = memchr::memchr3_iter(b',', b'\n', b'\r', rest).map(|at| from + at);
                let ends: Vec<_> = ends.chain([text.len()]).collect();
                prop_assert_eq!(field_ends.first(text, from), ends[0]);
                let goes_on = |end: usize| text.get(end) == Some(&b',') && text.get(end + 1) != Some(&b'"');
                let stop = ends.iter().position(|&end| !goes_on(end)).unwrap();
                let mut plain = Vec::new();
                prop_assert_eq!(field_ends.plain(text, from, |end| plain.push(end)), ends[stop]);
                prop_assert_eq!(&plain, &ends[..=stop]);
            }
        }
    }
}
