//! Exact decimals: what comes in is text, what goes out is text, and no float is in between.

use std::{
    fmt,
    iter::Sum,
    ops::{Add, Neg},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Digits after the point that are kept. A number with more is refused, never rounded.
pub const SCALE: usize = 9;
const UNIT: i128 = 1_000_000_000;
/// |x| < 10^15, so that 10^14 of the largest amounts still sum within 128 bits.
const LIMIT: i128 = 1_000_000_000_000_000 * UNIT;

/// An exact decimal with at most [`SCALE`] digits after the point, held as a count of 10⁻⁹.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal(i128);

/// Why a text is not an amount or a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Something else than an optional sign, digits and one point.
    #[error("is not a decimal number such as 12, -0.5 or 23.98")]
    NotANumber,
    /// More than [`SCALE`] digits after the point.
    #[error("has more than 9 decimals")]
    TooPrecise,
    /// 10¹⁵ or more in absolute value.
    #[error("is 10^15 or more")]
    TooLarge,
}

impl Decimal {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// Reads a number of a file: |x| < 10¹⁵, at most 9 decimals that are not trailing zeros.
    /// Signs, digits and one point only: no exponent, no thousands separator, no `NaN`.
    pub fn parse_amount(text: &str) -> Result<Self, DecimalError> {
        let value = text.parse::<Self>()?;
        if value.0.abs() >= LIMIT { Err(DecimalError::TooLarge) } else { Ok(value) }
    }

    /// The value as a count of 10⁻⁹.
    #[must_use]
    pub(crate) fn units(self) -> i128 {
        self.0
    }

    /// From a count of 10⁻⁹.
    #[cfg(test)]
    pub(crate) fn from_units(units: i128) -> Self {
        Self(units)
    }

    /// The digits without trailing zeros, and how many of them stand after the point.
    #[must_use]
    pub(crate) fn digits(self) -> (i128, u8) {
        // 64-bit division is several times faster, and is enough for all but huge amounts.
        if let Ok(units) = i64::try_from(self.0) {
            let (digits, scale) = without_zeros(units);
            return (digits.into(), scale);
        }
        let (mut digits, mut scale) = (self.0, 9);
        while scale > 0 && digits % 10 == 0 {
            digits /= 10;
            scale -= 1;
        }
        (digits, scale)
    }

    /// From digits of which so many stand after the point; `None` where that is too large.
    #[must_use]
    pub(crate) fn from_digits(digits: i128, scale: u8) -> Option<Self> {
        let zeros = 9_u32.checked_sub(scale.into())?;
        digits.checked_mul(10_i128.pow(zeros)).map(Self)
    }

    /// This sum divided by `count`, rounded half to even at `places` (0 to 9) decimals; `None`
    /// where the count is zero.
    #[must_use]
    pub fn divide_half_even(self, count: u64, places: u32) -> Option<Self> {
        let step = 10_i128.pow(u32::try_from(SCALE).unwrap_or(9).saturating_sub(places));
        let divisor = i128::from(count).checked_mul(step)?;
        if divisor == 0 {
            return None;
        }
        let (quotient, remainder) = (self.0.div_euclid(divisor), self.0.rem_euclid(divisor));
        let above_half = remainder.checked_mul(2)?.cmp(&divisor);
        let up = above_half.is_gt() || (above_half.is_eq() && quotient % 2 != 0);
        Some(Self((quotient + i128::from(up)).checked_mul(step)?))
    }
}

/// A count of 10⁻⁹ without its trailing zeros behind the point, and how many digits that leaves
/// there. Most amounts have two, so zeros are taken away by fours first.
pub(crate) fn without_zeros(mut units: i64) -> (i64, u8) {
    let mut scale = 9;
    for (zeros, power) in [(4, 10_000), (4, 10_000), (2, 100), (1, 10)] {
        if scale >= zeros && units % power == 0 {
            units /= power;
            scale -= zeros;
        }
    }
    (units, scale)
}

/// Digits that fit 64 bits: all but huge amounts. `None`: the long way is to be gone.
fn short(digits: &[u8]) -> Option<i128> {
    const POWERS: [u64; SCALE + 1] =
        [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let (mut value, mut points, mut decimals) = (0_u64, 0, 0);
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit < 10 {
            value = value * 10 + u64::from(digit);
            decimals += points;
        } else if byte == b'.' && points == 0 {
            points = 1;
        } else {
            return None;
        }
    }
    // A point alone is no number.
    if digits.len() == points {
        return None;
    }
    Some((u128::from(value) * u128::from(*POWERS.get(decimals)?)).cast_signed())
}

/// How many characters [`short`] takes.
const SHORT: std::ops::RangeInclusive<usize> = 1..=18;

impl FromStr for Decimal {
    type Err = DecimalError;

    fn from_str(text: &str) -> Result<Self, DecimalError> {
        let (negative, digits) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if SHORT.contains(&digits.len())
            && let Some(units) = short(digits.as_bytes())
        {
            return Ok(Self(if negative { -units } else { units }));
        }
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if whole.is_empty() && fraction.is_empty() {
            return Err(DecimalError::NotANumber);
        }
        if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return Err(DecimalError::NotANumber);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > SCALE {
            return Err(DecimalError::TooPrecise);
        }
        let padding = std::iter::repeat_n(b'0', SCALE - fraction.len());
        let units = whole
            .bytes()
            .chain(fraction.bytes())
            .chain(padding)
            .try_fold(0_i128, |sum, digit| {
                sum.checked_mul(10)?.checked_add(i128::from(digit - b'0'))
            })
            .ok_or(DecimalError::TooLarge)?;
        Ok(Self(if negative { -units } else { units }))
    }
}

/// All digits, no trailing zeros, no exponent: `55.1`, `-196.2`, `0`.
impl fmt::Display for Decimal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, fraction) = (
            self.0.unsigned_abs() / UNIT.unsigned_abs(),
            self.0.unsigned_abs() % UNIT.unsigned_abs(),
        );
        if fraction == 0 {
            return write!(formatter, "{sign}{whole}");
        }
        let fraction = format!("{fraction:09}");
        write!(formatter, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

/// Saturates at the 128-bit ends, which no sum of amounts reaches (see [`Decimal::parse_amount`]).
impl Add for Decimal {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// The same amount, given back.
impl Neg for Decimal {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Decimal {
    fn sum<I: Iterator<Item = Self>>(values: I) -> Self {
        values.fold(Self::ZERO, Add::add)
    }
}

/// A JSON string, so that no reader turns it into a float.
impl Serialize for Decimal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Decimal {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Decimal".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn keeps_all_digits_and_no_trailing_zeros() {
        for (text, shown) in [
            ("23.98", "23.98"),
            ("0.436", "0.436"),
            ("-196.20", "-196.2"),
            ("55.100", "55.1"),
            ("007", "7"),
            ("-0", "0"),
            ("+5", "5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("-0.000000001", "-0.000000001"),
            ("1.0000000000000", "1"),
        ] {
            assert_eq!(decimal(text).to_string(), shown, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_plain_decimal() {
        for text in [
            "", " ", "-", ".", "1e3", "NaN", "inf", "1,234.50", "(12.50)", "$5", "1 2", "--1",
            "1.2.3", "٣", "−5",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(DecimalError::NotANumber), "{text:?}");
        }
        assert_eq!("0.0000000001".parse::<Decimal>(), Err(DecimalError::TooPrecise));
        assert_eq!(Decimal::parse_amount("1000000000000000"), Err(DecimalError::TooLarge));
        assert_eq!(Decimal::parse_amount(&"9".repeat(60)), Err(DecimalError::TooLarge));
        assert!(Decimal::parse_amount("-999999999999999.999999999").is_ok());
    }

    #[test]
    fn averages_round_half_to_even() {
        for (sum, count, places, average) in [
            ("0.05", 2, 2, "0.02"),
            ("0.15", 2, 2, "0.08"),
            ("-0.05", 2, 2, "-0.02"),
            ("-0.15", 2, 2, "-0.08"),
            ("-171.348", 2, 4, "-85.674"),
            ("10", 3, 4, "3.3333"),
            ("-10", 3, 4, "-3.3333"),
        ] {
            assert_eq!(
                decimal(sum).divide_half_even(count, places),
                Some(decimal(average)),
                "{sum}/{count}"
            );
        }
        assert_eq!(decimal("1").divide_half_even(0, 2), None);
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back_the_same(units in -LIMIT + 1..LIMIT) {
            let value = Decimal(units);
            prop_assert_eq!(Decimal::parse_amount(&value.to_string()), Ok(value));
        }

        #[test]
        fn no_trailing_zero_is_left_behind_the_point(digits in -1_000_000_i64..1_000_000, zeros in 0_u32..10) {
            let units = digits * 10_i64.pow(zeros);
            let (short, scale) = without_zeros(units);
            prop_assert_eq!(short * 10_i64.pow(9 - u32::from(scale)), units);
            prop_assert!(scale == 0 || short % 10 != 0, "{} {}", short, scale);
        }

        #[test]
        fn a_number_is_the_same_the_short_way_and_the_long(text in "[-+]?[0-9]{0,9}[.]?[0-9]{0,9}") {
            // More digits than the short way takes, with the same value.
            let zeros = "0".repeat(20);
            let sign = text.len() - text.trim_start_matches(['-', '+']).len();
            let long = format!("{}{zeros}{}", &text[..sign], &text[sign..]);
            if text[sign..].trim_start_matches('.').is_empty() {
                prop_assert_eq!(text.parse::<Decimal>(), Err(DecimalError::NotANumber));
            } else {
                prop_assert_eq!(text.parse::<Decimal>(), long.parse());
            }
        }

        #[test]
        fn parsing_never_panics(text in "\\PC*") {
            let _ = text.parse::<Decimal>();
        }
    }
}
