//! Where in a text the next of a few bytes stands.
//!
//! Fields are short: asking for each of them anew costs more than looking. So the bytes of 64
//! places are looked at together, and what was found there is kept.

use wide::u8x16;

const BLOCK: usize = 64;

/// Looks for any of three bytes, none of them zero, in one text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Finder {
    wanted: [u8; 3],
    /// Where the block begins that was looked at last.
    block: usize,
    /// A bit for each of its places, the lowest first.
    found: u64,
}

impl Finder {
    pub(crate) fn new(wanted: [u8; 3]) -> Self {
        Self { wanted, block: usize::MAX, found: 0 }
    }

    /// The first place at or behind `from`; the text's length where there is none.
    pub(crate) fn find(&mut self, text: &[u8], from: usize) -> usize {
        self.from(text, from).next().unwrap_or(text.len())
    }

    /// All places at or behind `from`, and then the text's length.
    #[inline]
    pub(crate) fn from<'a>(
        &'a mut self,
        text: &'a [u8],
        from: usize,
    ) -> impl Iterator<Item = usize> + 'a {
        let mut block = from - from % BLOCK;
        if block != self.block {
            self.look(text, block);
        }
        let mut found = self.found & (u64::MAX << (from % BLOCK));
        std::iter::from_fn(move || {
            while found == 0 {
                block += BLOCK;
                if block >= text.len() {
                    return Some(text.len());
                }
                self.look(text, block);
                found = self.found;
            }
            let place = block + found.trailing_zeros() as usize;
            found &= found - 1;
            Some(place)
        })
    }

    fn look(&mut self, text: &[u8], block: usize) {
        let mut rest = [0; BLOCK];
        let bytes = text.get(block..).unwrap_or_default();
        let bytes = bytes.first_chunk::<BLOCK>().unwrap_or_else(|| {
            rest[..bytes.len()].copy_from_slice(bytes);
            &rest
        });
        let wanted = self.wanted.map(u8x16::splat);
        self.block = block;
        self.found = 0;
        for (index, bytes) in bytes.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::new(*bytes);
            let found = wanted.map(|wanted| bytes.simd_eq(wanted));
            let found = (found[0] | found[1] | found[2]).to_bitmask();
            self.found |= u64::from(found) << (16 * index);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_next_place_is_found_from_wherever_one_looks(
            text in "[a-f,\n\r]{0,200}", sought in prop::collection::vec(0_usize..220, 0..20),
        ) {
            let text = text.as_bytes();
            let mut finder = Finder::new(*b",\n\r");
            for from in sought {
                let rest = text.get(from..).unwrap_or_default();
                let places = memchr::memchr3_iter(b',', b'\n', b'\r', rest).map(|at| from + at);
                let places: Vec<_> = places.chain([text.len()]).collect();
                prop_assert_eq!(finder.find(text, from), places[0]);
                let found: Vec<_> = finder.from(text, from).take(places.len()).collect();
                prop_assert_eq!(found, places);
            }
        }
    }
}
