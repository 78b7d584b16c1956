//! Parameters: what was asked, or an error that names the parameter and shows a good value.

use std::{fmt, str::FromStr};

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{Uri, request::Parts},
};
use jiff::civil::Date;
use ledger::{Dataset, ImportId};

use crate::{cursor::Cursor, problem::Problem};

/// Rows of a page where the request does not say.
const DEFAULT_LIMIT: u32 = 100;
/// Most rows of a page.
const MAX_LIMIT: u32 = 1_000;
/// Longest part of a value that an error repeats, in bytes.
const MAX_SHOWN: usize = 64;

/// The query parameters of one request.
#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

/// The import that the path names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImportPath(pub(crate) ImportId);

/// The days asked for, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateRange {
    pub(crate) first: Date,
    pub(crate) last: Date,
}

/// Which spellings of a date are understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateForm {
    /// `2025-03-01`.
    Iso,
    /// `2025-03-01`, and `3/1/2025` or `03/01/2025` with the month first.
    IsoOrMonthFirst,
}

impl Params {
    /// Whatever was asked; what a handler does not look at is ignored.
    pub(crate) fn any(uri: &Uri) -> Self {
        Self(Query::try_from_uri(uri).map(|Query(pairs)| pairs).unwrap_or_default())
    }

    /// What was asked, where nothing else than the `known` parameters was.
    pub(crate) fn only(uri: &Uri, known: &'static [&'static str]) -> Result<Self, Problem> {
        let params = Self::any(uri);
        match params.0.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            Some((name, _)) => Err(Problem::UnknownParameter { name: shown(name), known }),
            None => Ok(params),
        }
    }

    /// The days from the one parameter to the other, both included and both required.
    pub(crate) fn range(
        &self,
        (from, to): (&'static str, &'static str),
        form: DateForm,
    ) -> Result<DateRange, Problem> {
        let (first, last) = (self.date(from, form)?, self.date(to, form)?);
        if first > last {
            return Err(Problem::RangeReversed { from, to, first, last });
        }
        Ok(DateRange { first, last })
    }

    /// The stream of sales asked for; `default` where none is.
    pub(crate) fn dataset(&self) -> Result<Dataset, Problem> {
        Ok(self.optional_dataset()?.unwrap_or_default())
    }

    /// The stream of sales asked for, if any.
    pub(crate) fn optional_dataset(&self) -> Result<Option<Dataset>, Problem> {
        self.parsed("dataset", "1 to 63 letters a-z, digits and dashes, such as default")
    }

    /// Rows that a page may have.
    pub(crate) fn limit(&self) -> Result<u32, Problem> {
        let expected = "a whole number from 1 to 1000, such as 100";
        match self.parsed("limit", expected)?.unwrap_or(DEFAULT_LIMIT) {
            limit @ 1..=MAX_LIMIT => Ok(limit),
            limit => Err(invalid("limit", &limit.to_string(), expected)),
        }
    }

    /// The page to go on from, if any.
    pub(crate) fn cursor(&self) -> Result<Option<Cursor>, Problem> {
        self.parsed("cursor", "the next_cursor of an earlier answer, unchanged")
    }

    /// The parameter as a value of its own kind, if it is there.
    pub(crate) fn parsed<T: FromStr>(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> Result<Option<T>, Problem> {
        self.text(name)?
            .map(|value| value.parse().map_err(|_| invalid(name, value, expected)))
            .transpose()
    }

    /// The parameter's first value for the log, cut to what an error would show.
    pub(crate) fn logged(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| shown(value))
    }

    fn date(&self, name: &'static str, form: DateForm) -> Result<Date, Problem> {
        let value = self
            .text(name)?
            .ok_or(Problem::MissingParameter { name, expected: form.expected() })?;
        form.parse(value).ok_or_else(|| invalid(name, value, form.expected()))
    }

    fn text(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        let mut values = self.0.iter().filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.as_str());
        if values.next().is_some() {
            return Err(Problem::RepeatedParameter { name });
        }
        Ok(value)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ImportPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Problem::InvalidImportId),
        }
    }
}

impl DateForm {
    fn expected(self) -> &'static str {
        match self {
            Self::Iso => "a date YYYY-MM-DD such as 2025-03-01",
            Self::IsoOrMonthFirst => "a date M/D/YYYY or YYYY-MM-DD such as 3/1/2025 or 2025-03-01",
        }
    }

    fn parse(self, text: &str) -> Option<Date> {
        let iso = || match text.split('-').collect::<Vec<_>>()[..] {
            [year, month, day] => date(year, (month, 2), (day, 2)),
            _ => None,
        };
        let month_first = || match text.split('/').collect::<Vec<_>>()[..] {
            [month, day, year] => date(year, (month, 1), (day, 1)),
            _ => None,
        };
        match self {
            Self::Iso => iso(),
            Self::IsoOrMonthFirst => iso().or_else(month_first),
        }
    }
}

impl fmt::Display for DateRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} to {}", self.first, self.last)
    }
}

/// A date of a year of four digits, and of months and days of at least so many.
fn date(
    year: &str,
    (month, month_digits): (&str, usize),
    (day, day_digits): (&str, usize),
) -> Option<Date> {
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        let plain = digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| text.parse::<i16>().ok()).flatten()
    };
    let month = i8::try_from(number(month, month_digits..=2)?).ok()?;
    let day = i8::try_from(number(day, day_digits..=2)?).ok()?;
    match number(year, 4..=4)? {
        0 => None,
        year => Date::new(year, month, day).ok(),
    }
}

fn invalid(name: &'static str, value: &str, expected: &'static str) -> Problem {
    Problem::InvalidParameter { name, value: shown(value), expected }
}

fn shown(value: &str) -> String {
    value[..value.floor_char_boundary(MAX_SHOWN)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::any(&format!("/?{query}").parse().unwrap())
    }

    #[test]
    fn dates_are_read_in_the_spellings_of_the_contract_and_in_no_other() {
        let first_of_march = jiff::civil::date(2025, 3, 1);
        for text in ["3/1/2025", "03/01/2025", "3/01/2025", "2025-03-01"] {
            assert_eq!(DateForm::IsoOrMonthFirst.parse(text), Some(first_of_march), "{text}");
        }
        assert_eq!(DateForm::Iso.parse("2025-03-01"), Some(first_of_march));
        assert_eq!(DateForm::Iso.parse("3/1/2025"), None);
        for text in [
            "",
            "2025-3-1",
            "2025-02-29",
            "2025-13-01",
            "13/1/2025",
            "1/32/2025",
            "3/1/25",
            "2025/03/01",
            "003/1/2025",
            "1-3-2025",
            "+3/1/2025",
            " 3/1/2025",
            "0000-01-01",
            "2025-03-01T00:00:00Z",
            "٣/1/2025",
            "3/1/20250",
            "-1/1/2025",
            "3//2025",
            "today",
        ] {
            assert_eq!(DateForm::IsoOrMonthFirst.parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn both_ends_of_a_range_are_needed_and_in_order() {
        let range = |query| params(query).range(("start", "end"), DateForm::IsoOrMonthFirst);
        assert_eq!(
            range("start=3/1/2025&end=3/1/2025").unwrap().to_string(),
            "2025-03-01 to 2025-03-01"
        );
        for (query, sentence) in [
            ("end=3/1/2025", "The parameter start is missing"),
            ("start=3/1/2025", "The parameter end is missing"),
            ("start=&end=3/1/2025", "The parameter start is \"\""),
            ("start=3/1/2025&end=x", "The parameter end is \"x\""),
            ("start=3/2/2025&end=3/1/2025", "is after"),
            ("start=3/1/2025&start=3/1/2025&end=3/1/2025", "more than once"),
        ] {
            let problem = range(query).unwrap_err().to_string();
            assert!(problem.contains(sentence), "{query}: {problem}");
        }
    }

    #[test]
    fn an_unknown_parameter_is_named_with_those_that_are_known() {
        let problem =
            Params::only(&"/?form=2025-03-01".parse().unwrap(), &["from", "to"]).unwrap_err();
        assert_eq!(
            problem.to_string(),
            "The parameter \"form\" is not known here; known are from, to."
        );
    }

    #[test]
    fn a_value_is_repeated_in_an_error_only_in_part() {
        let problem = params(&format!("limit={}", "é".repeat(5_000))).limit().unwrap_err();
        assert!(problem.to_string().len() < 300, "{problem}");
        for query in ["limit=0", "limit=1001", "limit=-1", "limit=1e3"] {
            assert!(params(query).limit().is_err(), "{query}");
        }
        assert_eq!(params("").limit().unwrap(), DEFAULT_LIMIT);
    }
}
