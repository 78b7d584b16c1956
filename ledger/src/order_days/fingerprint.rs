//! Fingerprints: whether two order-days have the same lines.
//!
//! A line's fingerprint is a keyed 128-bit hash (SipHash-1-3) of what makes lines equal; that of
//! an order-day is the sum of its lines', so that neither their order nor where a chunk ends
//! matters and two equal lines are not one. The key is the dataset's own and secret, so that no
//! file can be made whose lines seem to be others.

use std::hash::Hasher as _;

use siphasher::sip128::{Hasher128, SipHasher13};

use crate::Decimal;

/// What a dataset's fingerprints are keyed with.
#[derive(Clone, Copy)]
pub struct FingerprintKey(SipHasher13);

/// Equal where the lines are equal, as a multiset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub(super) u128);

impl FingerprintKey {
    /// Of 16 secret bytes.
    #[must_use]
    pub fn new(key: &[u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(key))
    }

    /// Of one line: its product, location, payment method, client, quantity and total. (Date and
    /// order id are those of the order-day.) The scratch is anything: hashing one stretch of
    /// memory is quicker than hashing a dozen.
    #[must_use]
    pub fn line(
        &self,
        texts: [Option<&str>; 4],
        quantity: Option<Decimal>,
        total: Decimal,
        scratch: &mut Vec<u8>,
    ) -> Fingerprint {
        scratch.clear();
        for text in texts {
            // A text is never empty: what is missing has a length of its own.
            let bytes = text.unwrap_or_default().as_bytes();
            let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            scratch.extend_from_slice(&length.to_le_bytes());
            scratch.extend_from_slice(bytes);
        }
        scratch.push(u8::from(quantity.is_some()));
        scratch.extend_from_slice(&quantity.unwrap_or_default().units().to_le_bytes());
        scratch.extend_from_slice(&total.units().to_le_bytes());
        Fingerprint(self.bytes(scratch))
    }

    /// Of any bytes, such as those of a chunk.
    #[must_use]
    pub fn bytes(&self, bytes: &[u8]) -> u128 {
        let mut hasher = self.0;
        hasher.write(bytes);
        hasher.finish128().as_u128()
    }
}

impl Fingerprint {
    /// That of both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0.wrapping_add(other.0))
    }
}

/// The key is a secret.
impl std::fmt::Debug for FingerprintKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("FingerprintKey(…)")
    }
}
