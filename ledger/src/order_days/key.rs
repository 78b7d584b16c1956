//! The order in which order ids are kept: shorter before longer, then byte by byte.
//!
//! Numbers so stand in their numeric order, and the ids of neighbouring files in neighbouring
//! ranges. Equal keys are equal ids, to the byte.

use super::BlockError;

/// Bytes of an id that lie in the head.
const HEAD_BYTES: usize = 15;
/// Bytes behind them that bounds have. Ids that only differ farther behind are in no range of
/// their own: all blocks of them are in memory at once when they are compared.
const BOUND_TAIL_BYTES: usize = 48;

/// An order id as it is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    pub fn bound(&self) -> Bound {
        let tail = self.bound_tail();
        Bound(Self { head: self.head, tail: (!tail.is_empty()).then(|| tail.into()) })
    }

    /// Whether its bound is less than another one.
    #[must_use]
    pub fn is_before(&self, Bound(bound): &Bound) -> bool {
        (self.head, self.bound_tail()) < (bound.head, bound.bound_tail())
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

    fn bound_tail(&self) -> &[u8] {
        let tail = self.tail.as_deref().unwrap_or_default();
        tail.get(..BOUND_TAIL_BYTES).unwrap_or(tail)
    }
}

/// The length and the beginning of an id.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bound(OrderKey);

impl Bound {
    /// What is greater than the bytes of any.
    pub const BYTES_END: [u8; 2] = [u8::MAX; 2];

    /// As bytes, in the same order.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        [&self.0.head.to_be_bytes(), self.0.bound_tail()].concat()
    }

    /// From such bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BlockError> {
        let (head, tail) = bytes.split_first_chunk().ok_or(BlockError)?;
        let tail = (!tail.is_empty()).then(|| tail.into());
        Ok(Self(OrderKey { head: u128::from_be_bytes(*head), tail }))
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

    fn id() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-c]{0,300}",
            "The same to the 15th[a-c]{1,3}",
            "The same beginning, to the sixty-third byte, which is behind h[a-c]{1,3}",
        ]
    }

    #[test]
    fn ids_with_a_long_beginning_in_common_have_bounds_of_their_own() {
        let bound = |id: &str| OrderKey::new(id.as_bytes()).bound();
        assert!(bound("SHOP-SINGAPORE-2024-0000017") < bound("SHOP-SINGAPORE-2024-0000018"));
        let long = "https://shop.example/".repeat(3);
        assert_eq!(bound(&format!("{long}1")), bound(&format!("{long}2")));
    }

    #[test]
    fn numbers_stand_in_their_numeric_order() {
        let ids = ["7", "99", "100", "7101", "10000", "200000017", "200000023"];
        let keys: Vec<_> = ids.iter().map(|id| OrderKey::new(id.as_bytes())).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        assert_ne!(OrderKey::new(b"007"), OrderKey::new(b"7"));
    }

    proptest! {
        #[test]
        fn keys_are_equal_where_ids_are_and_bounds_never_go_back(
            one in id(), other in id(),
        ) {
            let (a, b) = (OrderKey::new(one.as_bytes()), OrderKey::new(other.as_bytes()));
            prop_assert_eq!(a == b, one == other);
            prop_assert!(a >= b || a.bound() <= b.bound());
            prop_assert_eq!(a.is_before(&b.bound()), a.bound() < b.bound());
            prop_assert_eq!(a.id(), one.into_bytes());
        }

        #[test]
        fn bounds_are_bytes_in_the_same_order(one in id(), other in id()) {
            let bound = |id: &str| OrderKey::new(id.as_bytes()).bound();
            let (a, b) = (bound(&one), bound(&other));
            prop_assert_eq!(a.cmp(&b), a.bytes().cmp(&b.bytes()));
            prop_assert!(a.bytes()[..] < Bound::BYTES_END[..]);
            prop_assert_eq!(Bound::from_bytes(&a.bytes()), Ok(a));
        }
    }
}
