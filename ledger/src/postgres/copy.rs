//! Rows as `COPY … (FORMAT binary)` takes them
//! (<https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4>): values in, bytes out.

use jiff::civil::{Date, date};

use crate::Decimal;

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
const NULL: [u8; 4] = (-1_i32).to_be_bytes();
/// What PostgreSQL knows types by (`pg_type.dat`).
const DATE: usize = 1082;
const TEXT: usize = 25;
/// PostgreSQL counts days from here.
const EPOCH: Date = date(2000, 1, 1);

/// Rows of one `COPY`.
#[derive(Clone, Debug)]
pub(super) struct Rows(Vec<u8>);

/// No row yet.
impl Default for Rows {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl Rows {
    /// No row yet, and room for so many bytes.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        let mut rows = Vec::with_capacity(SIGNATURE.len() + bytes);
        rows.extend_from_slice(SIGNATURE);
        Self(rows)
    }

    /// Begins a row of so many columns, of which the first are integers, or dates as their numbers.
    pub(super) fn row<const COUNT: usize>(&mut self, columns: i16, integers: [i32; COUNT]) {
        self.0.extend_from_slice(&columns.to_be_bytes());
        self.0.extend_from_slice(integers.map(integer_field).as_flattened());
    }

    /// An integer, or a date as its number.
    pub(super) fn integer(&mut self, value: i32) {
        self.0.extend_from_slice(&integer_field(value));
    }

    /// Nothing.
    pub(super) fn null(&mut self) {
        self.0.extend_from_slice(&NULL);
    }

    /// A text.
    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.integer_alone(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    /// An array of dates as their numbers.
    pub(super) fn dates(&mut self, days: &[i32]) {
        self.array(DATE, days.len(), 8 * days.len());
        self.0.extend(days.iter().flat_map(|day| integer_field(*day)));
    }

    /// An array of texts, as their bytes.
    pub(super) fn texts(&mut self, texts: &[Vec<u8>]) {
        self.array(TEXT, texts.len(), texts.iter().map(|text| 4 + text.len()).sum());
        for text in texts {
            self.bytes(text);
        }
    }

    /// The head of an array of one dimension, not empty and without nulls, as `array_recv` in
    /// PostgreSQL's `arrayfuncs.c` reads it.
    fn array(&mut self, element_type: usize, count: usize, bytes: usize) {
        for part in [20 + bytes, 1, 0, element_type, count, 1] {
            self.integer_alone(part);
        }
    }

    fn integer_alone(&mut self, value: usize) {
        let value = i32::try_from(value).unwrap_or(i32::MAX);
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    /// Whether there is no row.
    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == SIGNATURE.len()
    }

    /// A number, in groups of four decimal digits.
    pub(super) fn numeric(&mut self, value: Decimal) {
        if let Some((bytes, count)) = small_numeric(value) {
            return self.0.extend_from_slice(&bytes[..count]);
        }
        let Numeric { digits, first, end, weight, scale } = Numeric::of(value);
        let groups = digits.get(first..end).unwrap_or_default();
        let count = i16::try_from(groups.len()).unwrap_or_default();
        let sign = if value < Decimal::ZERO { NEGATIVE } else { 0 };
        let head = [0, 8 + 2 * count, count, weight, sign, scale];
        for value in head.iter().chain(groups) {
            self.0.extend_from_slice(&value.to_be_bytes());
        }
    }

    /// Where the next byte comes.
    pub(super) fn position(&self) -> usize {
        self.0.len()
    }

    /// Writes an integer over the one that begins there.
    pub(super) fn patch(&mut self, position: usize, value: i32) {
        if let Some(place) = self.0.get_mut(position + 4..position + 8) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    /// All bytes, ended.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.extend_from_slice(&TRAILER);
        self.0
    }
}

/// Its length and its bytes.
fn integer_field(value: i32) -> [u8; 8] {
    let [a, b, c, d] = value.to_be_bytes();
    [0, 0, 0, 4, a, b, c, d]
}

/// A date as PostgreSQL counts it: days since 2000-01-01.
pub(super) fn day_of(date: Date) -> i32 {
    i32::try_from(EPOCH.duration_until(date).as_hours() / 24).unwrap_or_default()
}

/// The date that PostgreSQL counts so; `None` outside the years that we know.
pub(super) fn date_of(day: i32) -> Option<Date> {
    EPOCH.checked_add(jiff::ToSpan::days(i64::from(day))).ok()
}

/// A number as PostgreSQL sends it: groups of four digits without zero groups around them.
struct Numeric {
    digits: [i16; GROUPS],
    first: usize,
    end: usize,
    /// The power of 10⁴ of the first group.
    weight: i16,
    /// How many digits are shown behind the point.
    scale: i16,
}

/// The bytes of a number below 10⁴ with at most four decimals, as nearly all are, and how many of
/// them count: it has one group before the point and one behind it, of which zeros are left out.
fn small_numeric(value: Decimal) -> Option<([u8; 16], usize)> {
    let units = i64::try_from(value.units()).ok()?;
    let digits = u32::try_from(units.unsigned_abs() / 100_000).ok()?;
    if digits >= 100_000_000 || units % 100_000 != 0 {
        return None;
    }
    let (whole, fraction) = (digits / 10_000, digits % 10_000);
    let (groups, count, weight): (_, u8, u16) = match (whole, fraction) {
        (0, 0) => ([0, 0], 0, 0),
        (_, 0) => ([whole, 0], 1, 0),
        // -1
        (0, _) => ([fraction, 0], 1, u16::MAX),
        _ => ([whole, fraction], 2, 0),
    };
    let sign = if units < 0 { NEGATIVE.cast_unsigned() } else { 0 };
    let scale = scale_of([group_of(fraction.into()), 0, 0]).cast_unsigned();
    let length = 8 + 2 * u16::from(count);
    let head = [0, length, count.into(), weight, sign, scale].map(u16::to_be_bytes);
    let groups = (groups[0] << 16 | groups[1]).to_be_bytes();
    let mut bytes = [0; 16];
    bytes[..12].copy_from_slice(head.as_flattened());
    bytes[12..].copy_from_slice(&groups);
    Some((bytes, 4 + usize::from(length)))
}

/// Groups before the point; three are behind it.
const WHOLE: i16 = 10;
const GROUPS: usize = 13;
const NEGATIVE: i16 = 0x4000;

impl Numeric {
    fn of(value: Decimal) -> Self {
        let units = value.units().unsigned_abs();
        // 64-bit division is several times faster, and is enough for all but huge amounts.
        let (mut whole, fraction) = match u64::try_from(units) {
            Ok(units) => (u128::from(units / UNIT), units % UNIT),
            Err(_) => (units / u128::from(UNIT), low(units % u128::from(UNIT))),
        };
        let behind = [fraction / 100_000, fraction / 10, fraction * 1_000].map(group_of);
        let scale = scale_of(behind);
        let mut digits = [0; GROUPS];
        digits[10..].copy_from_slice(&behind);
        let mut first = 10;
        while whole > 0 && first > 0 {
            first -= 1;
            (whole, digits[first]) = match u64::try_from(whole) {
                Ok(whole) => ((whole / 10_000).into(), group_of(whole)),
                Err(_) => (whole / 10_000, group_of(low(whole % 10_000))),
            };
        }
        let mut end = GROUPS;
        while end > first && digits[end - 1] == 0 {
            end -= 1;
        }
        while first < end && digits[first] == 0 {
            first += 1;
        }
        let place = i16::try_from(first).unwrap_or_default();
        let weight = if end == first { 0 } else { WHOLE - 1 - place };
        Self { digits, first, end, weight, scale }
    }
}

const UNIT: u64 = 1_000_000_000;

/// How many digits behind the point are not but zeros at the end.
fn scale_of(behind: [i16; 3]) -> i16 {
    let (before, last) = match behind {
        [first, 0, 0] => (0, first),
        [_, second, 0] => (4, second),
        [_, _, third] => (8, third),
    };
    match last {
        0 => before,
        last if last % 10 != 0 => before + 4,
        last if last % 100 != 0 => before + 3,
        last if last % 1_000 != 0 => before + 2,
        _ => before + 1,
    }
}

fn group_of(number: u64) -> i16 {
    i16::try_from(number % 10_000).unwrap_or_default()
}

fn low(number: u128) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numeric(text: &str) -> (Vec<i16>, i16, i16) {
        let numeric = Numeric::of(text.parse().unwrap());
        let groups = numeric.digits[numeric.first..numeric.end].to_vec();
        (groups, numeric.weight, numeric.scale)
    }

    #[test]
    fn numbers_are_groups_of_four_digits() {
        assert_eq!(numeric("0"), (vec![], 0, 0));
        assert_eq!(numeric("1"), (vec![1], 0, 0));
        assert_eq!(numeric("23.98"), (vec![23, 9800], 0, 2));
        assert_eq!(numeric("0.436"), (vec![4360], -1, 3));
        assert_eq!(numeric("-10000"), (vec![1], 1, 0));
        assert_eq!(numeric("0.000000001"), (vec![1000], -3, 9));
        assert_eq!(
            numeric("999999999999999.999999999"),
            (vec![999, 9999, 9999, 9999, 9999, 9999, 9000], 3, 9)
        );
        assert_eq!(numeric("100000000.5"), (vec![1, 0, 0, 5000], 2, 1));
    }

    proptest! {
        #[test]
        fn a_small_number_is_the_same_the_short_way_and_the_long(
            digits in -100_000_000_i64..100_000_000, zeros in 0_u32..9,
        ) {
            let value = Decimal::from_units(i128::from(digits) * i128::from(10_u64.pow(zeros)));
            let long = Numeric::of(value);
            if let Some((bytes, count)) = small_numeric(value) {
                let head = [4, 6, 10].map(|at| i16::from_be_bytes([bytes[at], bytes[at + 1]]));
                let groups = &long.digits[long.first..long.end];
                prop_assert_eq!(head, [i16::try_from(groups.len()).unwrap(), long.weight, long.scale]);
                prop_assert_eq!(usize::from(bytes[3]) + 4, count);
                let written = bytes[12..count].as_chunks::<2>().0;
                prop_assert_eq!(written, groups.iter().map(|group| group.to_be_bytes()).collect::<Vec<_>>());
                prop_assert_eq!(bytes[8] == 0x40, value < Decimal::ZERO);
            } else {
                prop_assert!(long.first < 9 || long.end > 11 || digits.abs() >= 10_000_000 || zeros < 5);
            }
        }
    }

    #[test]
    fn days_are_counted_from_the_year_2000() {
        assert_eq!(day_of(date(2000, 1, 1)), 0);
        assert_eq!(day_of(date(1999, 12, 31)), -1);
        assert_eq!(day_of(date(2025, 3, 1)), 9191);
    }
}
