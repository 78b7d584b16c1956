//! Numbers in as few bytes as they need: seven bits a byte, the last byte below 128 (LEB128).

/// Appends a number.
pub(super) fn put(out: &mut Vec<u8>, value: u128) {
    // 64 bits are enough for nearly all, and several times faster.
    let Ok(mut short) = u64::try_from(value) else { return put_long(out, value) };
    while short >= 0x80 {
        out.push(short.to_le_bytes()[0] | 0x80);
        short >>= 7;
    }
    out.push(short.to_le_bytes()[0]);
}

fn put_long(out: &mut Vec<u8>, mut value: u128) {
    loop {
        let low = value.to_le_bytes()[0];
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

/// Appends a number with a sign: small ones of either sign stay short.
pub(super) fn put_signed(out: &mut Vec<u8>, value: i128) {
    put(out, ((value << 1) ^ (value >> 127)).cast_unsigned());
}

/// Takes a number off the front; `None` where there is none.
pub(super) fn take(input: &mut &[u8]) -> Option<u128> {
    let mut value = 0;
    for shift in (0..128).step_by(7) {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        value |= u128::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Takes a number with a sign off the front.
pub(super) fn take_signed(input: &mut &[u8]) -> Option<i128> {
    let value = take(input)?;
    Some((value >> 1).cast_signed() ^ -((value & 1).cast_signed()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_put_is_taken(values: Vec<i128>, small in -70_i128..70) {
            let mut bytes = Vec::new();
            for &value in values.iter().chain([&small]) {
                put_signed(&mut bytes, value);
            }
            let mut rest = &bytes[..];
            for value in values.into_iter().chain([small]) {
                prop_assert_eq!(take_signed(&mut rest), Some(value));
            }
            prop_assert_eq!(take(&mut rest), None);
        }

        #[test]
        fn any_bytes_are_a_number_or_none(bytes: Vec<u8>) {
            let _ = take_signed(&mut &bytes[..]);
        }
    }
}
