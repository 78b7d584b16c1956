//! A whole file in, the order of its dates out, for a format that leaves it open; and its digest,
//! since the file is read to its end.
//!
//! Each date of the file is evidence against the orders in which it would be no date. What is left
//! at the end is the file's order, or the file is refused: nothing is decided by what is likely.

use std::io::Read;

use jiff::civil::Date;

use crate::{
    date,
    decompress::Limits,
    error::LoadError,
    format::{DateOrder, Field, Format},
    read::{End, Reading},
};

/// Longest date that an error shows.
const MAX_SHOWN_CHARACTERS: usize = 40;

/// A file whose dates do not tell their order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateOrderError {
    /// Each date would be one month first and day first.
    #[error(
        "Every date of the file could be read month first or day first, such as {0}: the file \
         can't tell which. Declare it (format.dateOrder, --date-order)."
    )]
    Undecidable(Seen),
    /// No order fits all dates.
    #[error(
        "The dates of the file contradict each other: {}. Correct the file, or declare the order \
         (format.dateOrder, --date-order), so that the dates that do not fit are rejected.",
        .0.each_ref().map(|(order, seen)| format!("{seen} is not {}", order.as_str())).join(", ")
    )]
    Contradiction([(DateOrder, Seen); 3]),
    /// The file can't be read twice.
    #[error(
        "The order of the dates is to be found in the file, for which it is read twice, but a \
         download or an upload comes only once. Declare the order (format.dateOrder, \
         --date-order), or load the file from a volume or a path."
    )]
    ReadOnce,
}

/// A date, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its line.
    pub line: u32,
    /// Its text.
    pub text: String,
}

/// What a file says when it is read once before it is loaded.
pub(crate) struct Survey {
    /// The order of its dates.
    pub(crate) date_order: DateOrder,
    /// What is known at its end.
    pub(crate) end: End,
}

/// Reads a whole file for the order of its dates. Blocks.
pub(crate) fn survey<R: Read + Send + 'static>(
    reader: R,
    format: &Format,
    limits: Limits,
    piece_bytes: usize,
) -> Result<Survey, LoadError> {
    let mut reading = Reading::start(reader, format, limits, piece_bytes)?;
    let mut evidence = Evidence::default();
    while let Some(work) = reading.next_work()? {
        let columns = &work.layout().columns;
        let mut records = work.records();
        while let Some(record) = records.next_record()? {
            // A line of another width is rejected: what stands where in it is not known.
            if record.width() == columns.width
                && let Ok(text) = std::str::from_utf8(columns.value(&record, Field::SaleDate))
            {
                evidence.add(record.line(), text.trim());
            }
        }
    }
    let end = reading.end()?;
    Ok(Survey { date_order: evidence.decide()?, end })
}

/// What the dates of a file say about their order.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// For each order the first date that is none in it.
    against: [Option<Seen>; ORDERS.len()],
    /// The first date that is another day in another order.
    ambiguous: Option<Seen>,
}

const ORDERS: [DateOrder; 3] = [DateOrder::MonthFirst, DateOrder::DayFirst, DateOrder::YearFirst];

impl Evidence {
    /// Takes a date in. A text that is no date in any order says nothing: its line is rejected
    /// whichever it is.
    pub(crate) fn add(&mut self, line: u32, text: &str) {
        let days = ORDERS.map(|order| date::possible(text, order));
        let Some(day) = days.iter().flatten().next() else { return };
        for (day, against) in days.iter().zip(&mut self.against) {
            if day.is_none() && against.is_none() {
                *against = Some(Seen::new(line, text));
            }
        }
        if self.ambiguous.is_none() && days.iter().flatten().any(|other: &Date| other != day) {
            self.ambiguous = Some(Seen::new(line, text));
        }
    }

    /// The only order that is left, or any where all read the same days.
    pub(crate) fn decide(self) -> Result<DateOrder, DateOrderError> {
        let possible: Vec<_> =
            ORDERS.into_iter().zip(&self.against).filter(|(_, seen)| seen.is_none()).collect();
        match (&possible[..], self.ambiguous) {
            ([(only, _)], _) => Ok(*only),
            // The later ones read the same days behind more separators.
            ([.., (last, _)], None) => Ok(*last),
            ([_, ..], Some(seen)) => Err(DateOrderError::Undecidable(seen)),
            ([], _) => {
                let [Some(month), Some(day), Some(year)] = self.against else {
                    return Ok(DateOrder::default());
                };
                let [first, second, third] = ORDERS;
                Err(DateOrderError::Contradiction([(first, month), (second, day), (third, year)]))
            }
        }
    }
}

impl Seen {
    fn new(line: u32, text: &str) -> Self {
        Self { line, text: text.chars().take(MAX_SHOWN_CHARACTERS).collect() }
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "\"{}\" on line {}", self.text, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DateOrder::{DayFirst, MonthFirst, YearFirst};

    fn decide(dates: &[&str]) -> Result<DateOrder, DateOrderError> {
        let mut evidence = Evidence::default();
        for (line, date) in (2..).zip(dates) {
            evidence.add(line, date);
        }
        evidence.decide()
    }

    #[test]
    fn one_date_proves_the_order_of_all() {
        for (dates, order) in [
            (&["3/4/2025", "3/22/2025"][..], MonthFirst),
            (&["3/4/2025", "22/3/2025"], DayFirst),
            (&["3.4.2025", "22.03.2025"], DayFirst),
            (&["3-4-2025", "22-3-2025"], DayFirst),
            (&["2025/3/4"], YearFirst),
            (
                &["2025-03-04", "3/4/2025", "", "45717", "13/13/2025", "31/4/2025", "12/31/2024"],
                MonthFirst,
            ),
        ] {
            assert_eq!(decide(dates), Ok(order), "{dates:?}");
        }
    }

    #[test]
    fn dates_that_are_the_same_in_each_order_need_no_proof() {
        for (dates, order) in [
            (&[][..], YearFirst),
            (&["2025-03-04", "x", ""], YearFirst),
            (&["3/3/2025", "12.12.2025", "2025-03-04"], DayFirst),
        ] {
            assert_eq!(decide(dates), Ok(order), "{dates:?}");
        }
    }

    #[test]
    fn dates_that_could_be_either_are_refused() {
        for dates in [
            &["3/3/2025", "3/4/2025"][..],
            &["03.03.2025", "03.04.2025"],
            &["3/3/2025", "3-4-2025"],
        ] {
            let error = decide(dates).unwrap_err();
            assert!(
                matches!(&error, DateOrderError::Undecidable(seen) if seen.line == 3),
                "{error}"
            );
        }
    }

    #[test]
    fn dates_that_contradict_each_other_are_refused_with_their_lines() {
        let error = decide(&["13/1/2025", "3/4/2025", "1/13/2025"]).unwrap_err().to_string();
        let says = "\"13/1/2025\" on line 2 is not month-first, \"1/13/2025\" on line 4 is not \
                    day-first, \"13/1/2025\" on line 2 is not year-first";
        assert!(error.contains(says), "{error}");
        let mixed = decide(&["2025/3/4", "3/22/2025"]).unwrap_err();
        assert!(matches!(mixed, DateOrderError::Contradiction(_)), "{mixed}");
    }

    #[test]
    fn a_file_is_read_to_its_last_date() {
        let lines = "3/4/2025;7;1\n".repeat(50_000);
        let text = format!("Sale Date;Sale ID;Item Total\n{lines}22/3/2025;x\n3/22/2025;7;1\n");
        let format = Format { date_order: DateOrder::Auto, ..Format::default() };
        let read = |text: String| {
            let reader = std::io::Cursor::new(text);
            survey(reader, &format, Limits::default(), 10_000).map(|survey| survey.date_order)
        };
        assert_eq!(read(text.clone()).unwrap(), MonthFirst, "a line of another width says nothing");
        let error = read(text.replace("3/22/2025", "3/2/2025")).unwrap_err();
        assert!(matches!(error, LoadError::DateOrder(DateOrderError::Undecidable(_))), "{error}");
    }
}
