//! One accepted line of a file.

use jiff::civil::Date;

use crate::Decimal;

/// A line that is a sale. Text is trimmed; `None` is "nothing" (empty or `---` in the file).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sale {
    /// The physical line on which the record starts; the header is line 1.
    pub line: u32,
    /// The day of the sale.
    pub sale_date: Date,
    /// The order, unique within its dataset; text, so that `007` is not `7`. Never empty.
    pub order_id: String,
    /// What was sold.
    pub product: Option<String>,
    /// Where.
    pub location: Option<String>,
    /// How it was paid.
    pub payment_method: Option<String>,
    /// Who bought.
    pub client: Option<String>,
    /// How many; negative on a refund.
    pub quantity: Option<Decimal>,
    /// The price of one, tax excluded.
    pub unit_price: Option<Decimal>,
    /// The revenue of the line, tax included; negative on a refund.
    pub line_total: Decimal,
}
