//! One accepted line of a file.

use jiff::civil::Date;

use crate::Decimal;

/// A line that is a sale. Text is trimmed; `None` is "nothing" (empty or `---` in the file).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sale<'a> {
    /// The physical line on which the record starts; the header is line 1.
    pub line: u32,
    /// The day of the sale.
    pub sale_date: Date,
    /// The order, unique within its dataset; text, so that `007` is not `7`. Never empty.
    pub order_id: &'a str,
    /// What was sold.
    pub product: Option<&'a str>,
    /// Where.
    pub location: Option<&'a str>,
    /// How it was paid.
    pub payment_method: Option<&'a str>,
    /// Who bought.
    pub client: Option<&'a str>,
    /// How many; negative on a refund.
    pub quantity: Option<Decimal>,
    /// The price of one, tax excluded.
    pub unit_price: Option<Decimal>,
    /// The revenue of the line, tax included; negative on a refund.
    pub line_total: Decimal,
}
