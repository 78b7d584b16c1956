//! Dates of a file: text and a declared order in, a day out. Nothing is guessed.

use jiff::civil::Date;

use crate::format::DateOrder;

/// Years outside are typing errors, not sales.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2999;

/// The dates of lines, one after the other: mostly that of the line before.
#[derive(Debug)]
pub(crate) struct Dates {
    order: DateOrder,
    last_text: String,
    last: Option<Date>,
}

impl Dates {
    pub(crate) fn new(order: DateOrder) -> Self {
        Self { order, last_text: String::new(), last: None }
    }

    /// The day that a trimmed text names, see [`parse`].
    pub(crate) fn read(&mut self, text: &str) -> Option<Date> {
        if text != self.last_text {
            self.last_text.clear();
            self.last_text.push_str(text);
            self.last = parse(text, self.order);
        }
        self.last
    }
}

/// Three numbers of a text, each with how many digits it has.
type Parts = [(u32, usize); 3];

/// The day that a trimmed text names, where it fits the declared order or is an ISO date: day
/// and month in one or two digits, the year in four, the same separator twice, nothing after it.
#[must_use]
fn parse(text: &str, order: DateOrder) -> Option<Date> {
    let (separator, parts) = split(text)?;
    let is_usual = match order {
        DateOrder::MonthFirst => separator == b'/',
        DateOrder::DayFirst => b"/.-".contains(&separator),
        DateOrder::YearFirst => b"/.".contains(&separator),
        DateOrder::Auto => false,
    };
    if is_usual || is_iso(separator, parts) { day(separator, parts, order) } else { None }
}

/// The day that a text's numbers would name in an order, whichever of the separators stands
/// between them: that `3-4-2025` is unusual for month first does not prove that it is not.
pub(crate) fn possible(text: &str, order: DateOrder) -> Option<Date> {
    let (separator, parts) = split(text)?;
    if b"/.-".contains(&separator) { day(separator, parts, order) } else { None }
}

/// What stands between the numbers, and the numbers.
fn split(text: &str) -> Option<(u8, Parts)> {
    let (mut parts, mut place, mut separator) = (Parts::default(), 0, None);
    // No date is longer.
    if text.len() > "2025-03-22".len() {
        return None;
    }
    for byte in text.bytes() {
        if byte.is_ascii_digit() {
            let (number, digits) = &mut parts[place];
            *number = number.wrapping_mul(10).wrapping_add(u32::from(byte - b'0'));
            *digits += 1;
        } else if place < 2 && separator.is_none_or(|separator| separator == byte) {
            separator = Some(byte);
            place += 1;
        } else {
            return None;
        }
    }
    Some((separator?, parts))
}

fn day(separator: u8, parts: Parts, order: DateOrder) -> Option<Date> {
    let [year, month, day] = match order {
        _ if is_iso(separator, parts) => parts,
        DateOrder::MonthFirst => [parts[2], parts[0], parts[1]],
        DateOrder::DayFirst => [parts[2], parts[1], parts[0]],
        DateOrder::YearFirst => parts,
        DateOrder::Auto => return None,
    };
    let short = |(number, digits)| if digits <= 2 { i8::try_from(number).ok() } else { None };
    let year = i16::try_from(year.0).ok().filter(|_| year.1 == 4)?;
    YEARS.contains(&year).then(|| Date::new(year, short(month)?, short(day)?).ok())?
}

fn is_iso(separator: u8, parts: Parts) -> bool {
    separator == b'-' && parts.map(|(_, digits)| digits) == [4, 2, 2]
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;
    use DateOrder::{Auto, DayFirst, MonthFirst, YearFirst};

    #[test]
    fn a_declared_order_reads_each_spelling_of_its_dates() {
        for (text, order, expected) in [
            ("03/01/2025", MonthFirst, date(2025, 3, 1)),
            ("3/22/2025", MonthFirst, date(2025, 3, 22)),
            ("3/4/2025", MonthFirst, date(2025, 3, 4)),
            ("2/29/2024", MonthFirst, date(2024, 2, 29)),
            ("3/4/2025", DayFirst, date(2025, 4, 3)),
            ("22.03.2025", DayFirst, date(2025, 3, 22)),
            ("22-3-2025", DayFirst, date(2025, 3, 22)),
            ("2025/3/22", YearFirst, date(2025, 3, 22)),
            ("2025-03-22", MonthFirst, date(2025, 3, 22)),
            ("2025-03-22", DayFirst, date(2025, 3, 22)),
            ("2025-03-22", YearFirst, date(2025, 3, 22)),
        ] {
            assert_eq!(parse(text, order), Some(expected), "{text} {order}");
        }
    }

    #[test]
    fn what_does_not_fit_is_no_date() {
        for text in [
            "",
            "/",
            "//",
            "13/01/2025",
            "02/30/2025",
            "2/29/2025",
            "0/1/2025",
            "1/0/2025",
            "03/01/25",
            "03/01/02025",
            "3/1/1899",
            "3/1/3000",
            "03.01.2025",
            "3-1-2025",
            "003/1/2025",
            "03/01/2025 ",
            "03/01/2025 10:00",
            "2025-03-01T10:00:00Z",
            "45717",
            "today",
            "infinity",
            "3/1-2025",
            "+3/1/2025",
            "٣/1/2025",
            "2025-3-1",
            "2025/03/01",
        ] {
            assert_eq!(parse(text, MonthFirst), None, "{text}");
        }
        assert_eq!(parse("3/22/2025", DayFirst), None);
        assert_eq!(parse("3/22/2025", YearFirst), None);
        assert_eq!(parse("3/22/2025", Auto), None, "nothing is guessed before it is known");
        assert_eq!(parse("2025-03-22", Auto), Some(date(2025, 3, 22)));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_rejected_and_never_panics(text in "[0-9/.-]{0,12}|\\PC{0,8}") {
            for order in [MonthFirst, DayFirst, YearFirst, Auto] {
                let (read, possible) = (parse(&text, order), possible(&text, order));
                prop_assert!(read.is_none() || read == possible);
            }
        }

        #[test]
        fn a_day_is_the_one_that_was_written(year in 1900_i16..3000, ordinal in 1_i16..=365) {
            let day = date(year, 1, 1).with().day_of_year(ordinal).build().unwrap();
            prop_assert_eq!(parse(&day.strftime("%m/%d/%Y").to_string(), MonthFirst), Some(day));
            prop_assert_eq!(parse(&day.strftime("%-d.%-m.%Y").to_string(), DayFirst), Some(day));
            prop_assert_eq!(parse(&day.to_string(), MonthFirst), Some(day));
        }
    }
}
