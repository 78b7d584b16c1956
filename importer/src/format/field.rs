//! Our fields, and the names of the columns that fill them.

use super::FormatError;

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

    /// The column's name in the sales report.
    pub(super) fn default_column(self) -> &'static str {
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

/// A column's name as it is compared: without regard to case, with one space wherever white space
/// or an underscore stands, and none around.
#[must_use]
pub fn fold(name: &str) -> String {
    let words = name.split(|character: char| character.is_whitespace() || character == '_');
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ").to_lowercase()
}

/// One `FIELD=NAME` of the settings.
pub fn parse_column(text: &str) -> Result<(Field, String), FormatError> {
    let wrong = || FormatError::Column(text.into());
    let (word, name) = text.split_once('=').ok_or_else(wrong)?;
    let field = Field::ALL.into_iter().find(|field| field.as_str() == word).ok_or_else(wrong)?;
    if fold(name).is_empty() { Err(wrong()) } else { Ok((field, name.trim().into())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_without_case_underscores_and_spare_spaces() {
        for name in ["Sale Date", " sale_date ", "SALE\u{a0}\u{a0}DATE", "Sale _Date"] {
            assert_eq!(fold(name), "sale date");
        }
        assert_ne!(fold("SaleDate"), "sale date");
    }

    #[test]
    fn columns_are_a_field_and_a_name() {
        assert_eq!(parse_column("total=Paid = all"), Ok((Field::Total, "Paid = all".into())));
        for text in ["total", "total=", "total= ", "total=_", "Total=x", "price=x", "=x"] {
            assert!(parse_column(text).is_err(), "{text}");
        }
    }
}
