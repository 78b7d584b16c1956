//! How a file is to be read: its encoding and delimiter, the order of its dates, the names of its
//! columns. What is declared comes in by the settings; what is left open is found in the file,
//! and the format is then that file's *effective* one.
//!
//! The effective format's canonical text stands beside the file in the ledger: two runs with the
//! same text read the same bytes the same way.

mod character;
mod field;

use std::{collections::BTreeMap, fmt, str::FromStr};

pub use character::{Comment, Delimiter};
pub use field::{Field, fold, parse_column};

use crate::encoding::Encoding;

/// Goes up when the same format text starts to mean something else, so that content that was
/// read by the former rules is not taken for the same.
const RULES: u32 = 1;

/// How a file is to be read. The default fits the sales report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// How characters are encoded, where no byte order mark says it.
    pub encoding: Encoding,
    /// What separates fields. `None`: what the header shows.
    pub delimiter: Option<Delimiter>,
    /// What begins a line that is a comment. `None`: there are no comments.
    pub comment: Option<Comment>,
    /// How many lines stand before the header, whatever they hold.
    pub skip_lines: u32,
    /// In which order numeric dates stand. ISO dates fit always.
    pub date_order: DateOrder,
    /// Columns that have other names than in the sales report, each with all its possible names.
    pub columns: BTreeMap<Field, Vec<String>>,
}

/// In which order the numbers of a date stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateOrder {
    /// `3/22/2025`
    #[default]
    MonthFirst,
    /// `22/3/2025`, `22.3.2025`, `22-3-2025`
    DayFirst,
    /// `2025/3/22`, `2025.3.22`
    YearFirst,
    /// Whichever of them the whole file proves; until that is known, only ISO dates fit.
    Auto,
}

/// A setting of the format that is not of its form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// None of the words.
    #[error("the encoding {0:?} is not one of utf-8, utf-16le, utf-16be and windows-1252")]
    Encoding(String),
    /// Not one ASCII character.
    #[error(
        "the delimiter {0:?} is neither one ASCII character such as \",\" or \";\" nor the word \
         tab"
    )]
    Delimiter(String),
    /// Not one ASCII character.
    #[error(
        "the comment {0:?} is not one ASCII character such as \"#\" with which no line of sales \
         begins"
    )]
    Comment(String),
    /// None of the words.
    #[error("the date order {0:?} is not one of month-first, day-first, year-first and auto")]
    DateOrder(String),
    /// Not `FIELD=NAME`, or a field that we do not have.
    #[error(
        "the column {0:?} is not of the form FIELD=NAME with one of the fields saleDate, orderId, \
         product, location, paymentMethod, client, quantity, unitPrice and total"
    )]
    Column(String),
}

impl Format {
    /// The names of the columns that may fill a field, by the settings or the sales report.
    pub fn columns(&self, field: Field) -> impl Iterator<Item = &str> {
        let named = self.columns.get(&field);
        let default = named.is_none().then(|| field.default_column());
        named.into_iter().flatten().map(String::as_str).chain(default)
    }

    /// The format as one JSON text, the same for settings that mean the same.
    #[must_use]
    pub fn canonical(&self) -> String {
        let columns: serde_json::Map<_, _> = Field::ALL
            .into_iter()
            .map(|field| {
                let mut names: Vec<_> = self.columns(field).map(fold).collect();
                names.sort();
                names.dedup();
                (field.as_str().to_owned(), names.into())
            })
            .collect();
        let format = serde_json::json!({
            "rules": RULES,
            "encoding": self.encoding.as_str(),
            "delimiter": self.delimiter.map(|delimiter| char::from(delimiter.byte())),
            "comment": self.comment.map(|comment| char::from(comment.byte())),
            "skipLines": self.skip_lines,
            "dateOrder": self.date_order.as_str(),
            "columns": columns,
        });
        format.to_string()
    }
}

impl DateOrder {
    const ALL: [Self; 4] = [Self::MonthFirst, Self::DayFirst, Self::YearFirst, Self::Auto];

    /// The word of the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MonthFirst => "month-first",
            Self::DayFirst => "day-first",
            Self::YearFirst => "year-first",
            Self::Auto => "auto",
        }
    }
}

impl fmt::Display for DateOrder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for DateOrder {
    type Err = FormatError;

    /// Also `MonthFirst`, `DayFirst` and so on, as a SalesImport spells them.
    fn from_str(text: &str) -> Result<Self, FormatError> {
        let word = text.replace('-', "");
        Self::ALL
            .into_iter()
            .find(|order| order.as_str().replace('-', "").eq_ignore_ascii_case(&word))
            .ok_or_else(|| FormatError::DateOrder(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Format {
        let names = names.iter().map(ToString::to_string).collect();
        Format { columns: [(Field::Total, names)].into(), ..Format::default() }
    }

    #[test]
    fn settings_that_mean_the_same_have_the_same_text() {
        assert_eq!(named(&["  item_TOTAL"]).canonical(), Format::default().canonical());
        let (one, other) = (named(&["Paid", "Item Total"]), named(&["item total", "PAID", "Paid"]));
        assert_eq!(one.canonical(), other.canonical());
    }

    #[test]
    fn settings_that_mean_something_else_have_another_text() {
        let default = Format::default();
        let mut texts = vec![
            default.canonical(),
            named(&["Paid"]).canonical(),
            named(&["Paid", "Item Total"]).canonical(),
            Format { encoding: Encoding::Windows1252, ..default.clone() }.canonical(),
            Format { skip_lines: 1, ..default.clone() }.canonical(),
            Format { comment: "#".parse().ok(), ..default.clone() }.canonical(),
            Format { comment: "%".parse().ok(), ..default.clone() }.canonical(),
        ];
        for delimiter in Delimiter::COMMON {
            texts.push(Format { delimiter: Some(delimiter), ..default.clone() }.canonical());
        }
        for date_order in [DateOrder::DayFirst, DateOrder::YearFirst, DateOrder::Auto] {
            texts.push(Format { date_order, ..default.clone() }.canonical());
        }
        let all = texts.len();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), all);
    }

    #[test]
    fn date_orders_are_read_in_both_spellings() {
        assert_eq!("day-first".parse(), Ok(DateOrder::DayFirst));
        assert_eq!("YearFirst".parse(), Ok(DateOrder::YearFirst));
        assert_eq!("Auto".parse(), Ok(DateOrder::Auto));
        assert!("day".parse::<DateOrder>().is_err());
    }
}
