//! The order in which order ids are kept: shorter before longer, then byte by byte.
//!
//! Numbers so stand in their numeric order, and the ids of neighbouring files in neighbouring
//! ranges. Equal keys are equal ids, to the byte.

/// Bytes of an id that lie in the head.
const HEAD_BYTES: usize = 15;

/// An order id as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    /// The length, at most 255, and the first 15 bytes.
    head: u128,
    /// The bytes behind them.
    tail: Option<Box<[u8]>>,
}

impl OrderKey {
    /// Of an order id.
    #[must_use]
    pub fn new(id: &[u8]) -> Self {
        Self { head: head(id), tail: tail(id) }
    }

    /// What ranges of ids are compared by: never greater for a smaller key.
    #[must_use]
    pub fn head(&self) -> u128 {
        self.head
    }

    /// The id itself.
    #[must_use]
    pub fn id(&self) -> Vec<u8> {
        let bytes = self.head.to_be_bytes();
        let (length, first) = (usize::from(bytes[0]), &bytes[1..]);
        match &self.tail {
            Some(tail) => [first, tail].concat(),
            None => first[..length.min(HEAD_BYTES)].to_vec(),
        }
    }
}

/// The length, at most 255, and the first 15 bytes of an id as one number.
pub(super) fn head(id: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    bytes[0] = u8::try_from(id.len()).unwrap_or(u8::MAX);
    let first = id.len().min(HEAD_BYTES);
    bytes[1..=first].copy_from_slice(&id[..first]);
    u128::from_be_bytes(bytes)
}

fn tail(id: &[u8]) -> Option<Box<[u8]>> {
    id.get(HEAD_BYTES..).filter(|tail| !tail.is_empty()).map(Box::from)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_stand_in_their_numeric_order() {
        let ids = ["7", "99", "100", "7101", "10000", "200000017", "200000023"];
        let keys: Vec<_> = ids.iter().map(|id| OrderKey::new(id.as_bytes())).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        assert_ne!(OrderKey::new(b"007"), OrderKey::new(b"7"));
    }

    proptest! {
        #[test]
        fn keys_are_equal_where_ids_are_and_heads_never_go_back(
            one in "[a-c]{0,300}", other in "[a-c]{0,300}",
        ) {
            let (a, b) = (OrderKey::new(one.as_bytes()), OrderKey::new(other.as_bytes()));
            prop_assert_eq!(a == b, one == other);
            prop_assert!(a >= b || a.head() <= b.head());
            prop_assert_eq!(a.id(), one.into_bytes());
        }
    }
}
