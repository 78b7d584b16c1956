//! How a file is to be read: its delimiter, the order of its dates, the names of its columns.
//!
//! The effective format's canonical text stands beside the file in the ledger: two runs with the
//! same text read the same bytes the same way.

use std::{collections::BTreeMap, fmt, str::FromStr};

/// Goes up when the same format text starts to mean something else, so that content that was
/// read by the former rules is not taken for the same.
const RULES: u32 = 1;

/// How a file is to be read. The default fits the sales report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// What separates fields.
    pub delimiter: Delimiter,
    /// In which order numeric dates stand. ISO dates fit always.
    pub date_order: DateOrder,
    /// Columns that have other names than in the sales report.
    pub columns: BTreeMap<Field, String>,
}

/// One of our fields that a file's column may fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names say it; they are those of `ledger::Sale`")]
pub enum Field {
    SaleDate,
    OrderId,
    Product,
    Location,
    PaymentMethod,
    Client,
    Quantity,
    UnitPrice,
    Total,
}

/// In which order the numbers of a date stand: a declaration, never a guess.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateOrder {
    /// `3/22/2025`
    #[default]
    MonthFirst,
    /// `22/3/2025`, `22.3.2025`, `22-3-2025`
    DayFirst,
    /// `2025/3/22`, `2025.3.22`
    YearFirst,
}

/// What separates fields: one ASCII character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delimiter(u8);

/// A setting of the format that is not of its form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Not one ASCII character.
    #[error(
        "the delimiter {0:?} is neither one ASCII character such as \",\" or \";\" nor the word \
         tab"
    )]
    Delimiter(String),
    /// None of the three words.
    #[error("the date order {0:?} is not one of month-first, day-first and year-first")]
    DateOrder(String),
    /// Not `FIELD=NAME`, or a field that we do not have.
    #[error(
        "the column {0:?} is not of the form FIELD=NAME with one of the fields saleDate, orderId, \
         product, location, paymentMethod, client, quantity, unitPrice and total"
    )]
    Column(String),
}

impl Format {
    /// The column that fills a field, as the settings or the sales report name it.
    #[must_use]
    pub fn column(&self, field: Field) -> &str {
        self.columns.get(&field).map_or_else(|| field.default_column(), String::as_str)
    }

    /// The effective format as one JSON text, the same for settings that mean the same.
    #[must_use]
    pub fn canonical(&self) -> String {
        let columns: serde_json::Map<_, _> = Field::ALL
            .into_iter()
            .map(|field| (field.as_str().to_owned(), fold(self.column(field)).into()))
            .collect();
        let format = serde_json::json!({
            "rules": RULES,
            "delimiter": char::from(self.delimiter.0).to_string(),
            "dateOrder": self.date_order.as_str(),
            "columns": columns,
        });
        format.to_string()
    }
}

/// A column's name as it is compared: trimmed, without regard to case.
#[must_use]
pub fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

impl Field {
    /// All fields.
    pub const ALL: [Self; 9] = [
        Self::SaleDate,
        Self::OrderId,
        Self::Product,
        Self::Location,
        Self::PaymentMethod,
        Self::Client,
        Self::Quantity,
        Self::UnitPrice,
        Self::Total,
    ];

    /// The word of the settings, as in `format.columns` of a SalesImport.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SaleDate => "saleDate",
            Self::OrderId => "orderId",
            Self::Product => "product",
            Self::Location => "location",
            Self::PaymentMethod => "paymentMethod",
            Self::Client => "client",
            Self::Quantity => "quantity",
            Self::UnitPrice => "unitPrice",
            Self::Total => "total",
        }
    }

    /// Whether a file without this column is no sales file.
    #[must_use]
    pub fn is_required(self) -> bool {
        matches!(self, Self::SaleDate | Self::OrderId | Self::Total)
    }

    fn default_column(self) -> &'static str {
        match self {
            Self::SaleDate => "Sale Date",
            Self::OrderId => "Sale ID",
            Self::Product => "Item name",
            Self::Location => "Location",
            Self::PaymentMethod => "Payment Method",
            Self::Client => "Client ID",
            Self::Quantity => "Quantity",
            Self::UnitPrice => "Item price (excluding tax)",
            Self::Total => "Item Total",
        }
    }
}

impl DateOrder {
    const ALL: [Self; 3] = [Self::MonthFirst, Self::DayFirst, Self::YearFirst];

    /// The word of the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MonthFirst => "month-first",
            Self::DayFirst => "day-first",
            Self::YearFirst => "year-first",
        }
    }
}

impl Delimiter {
    /// The character.
    #[must_use]
    pub fn byte(self) -> u8 {
        self.0
    }
}

impl Default for Delimiter {
    fn default() -> Self {
        Self(b',')
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            b'\t' => formatter.write_str("tab"),
            byte => write!(formatter, "{}", char::from(byte)),
        }
    }
}

impl FromStr for Delimiter {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text.as_bytes() {
            b"tab" | b"\\t" | b"\t" => Ok(Self(b'\t')),
            [byte @ (b' '..=b'~')] if !byte.is_ascii_alphanumeric() && !b"\".-".contains(byte) => {
                Ok(Self(*byte))
            }
            _ => Err(FormatError::Delimiter(text.into())),
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

    /// Also `MonthFirst`, `DayFirst` and `YearFirst`, as a SalesImport spells them.
    fn from_str(text: &str) -> Result<Self, FormatError> {
        let word = text.replace('-', "");
        Self::ALL
            .into_iter()
            .find(|order| order.as_str().replace('-', "").eq_ignore_ascii_case(&word))
            .ok_or_else(|| FormatError::DateOrder(text.into()))
    }
}

/// One `FIELD=NAME` of the settings.
pub fn parse_column(text: &str) -> Result<(Field, String), FormatError> {
    let wrong = || FormatError::Column(text.into());
    let (word, name) = text.split_once('=').ok_or_else(wrong)?;
    let field = Field::ALL.into_iter().find(|field| field.as_str() == word).ok_or_else(wrong)?;
    if name.trim().is_empty() { Err(wrong()) } else { Ok((field, name.trim().into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_mean_the_same_have_the_same_text() {
        let named = [(Field::Total, "  item TOTAL".to_owned())];
        let same = Format { columns: named.into(), ..Format::default() };
        assert_eq!(same.canonical(), Format::default().canonical());

        let other = [(Field::Total, "Total Paid".to_owned())];
        let other = Format { columns: other.into(), ..Format::default() };
        assert_ne!(other.canonical(), Format::default().canonical());
        let other = Format { date_order: DateOrder::DayFirst, ..Format::default() };
        assert_ne!(other.canonical(), Format::default().canonical());
    }

    #[test]
    fn delimiters_are_one_character_that_can_not_be_part_of_a_number() {
        for (text, byte) in [(",", b','), (";", b';'), ("|", b'|'), ("tab", b'\t'), ("\\t", b'\t')]
        {
            assert_eq!(text.parse::<Delimiter>().unwrap().byte(), byte);
        }
        for text in ["", ",,", "\"", "\n", "é", "7", "a", ".", "-"] {
            assert!(text.parse::<Delimiter>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn date_orders_are_read_in_both_spellings() {
        assert_eq!("day-first".parse(), Ok(DateOrder::DayFirst));
        assert_eq!("YearFirst".parse(), Ok(DateOrder::YearFirst));
        assert!("auto".parse::<DateOrder>().is_err());
    }

    #[test]
    fn columns_are_a_field_and_a_name() {
        assert_eq!(parse_column("total=Paid = all"), Ok((Field::Total, "Paid = all".into())));
        for text in ["total", "total=", "total= ", "Total=x", "price=x", "=x"] {
            assert!(parse_column(text).is_err(), "{text}");
        }
    }
}
