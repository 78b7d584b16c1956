//! A record in, a sale or the reason why it is none out. Pure: the same record and format give
//! the same answer always and everywhere.

use jiff::civil::Date;
use ledger::{Decimal, Reject, RejectReason, Sale, decimal::DecimalError};

use crate::{date::Dates, format::Field, header::Columns, parse::Record};

/// Longest text that a sale holds.
const MAX_TEXT_BYTES: usize = 4 * 1024;

/// Why one of a record's fields is unreadable.
type Wrong = (Field, RejectReason);

/// Makes a sale of a record, or says what is wrong with it first.
///
/// Only the columns that we read are looked at: bytes that are not UTF-8 in another column do no
/// harm. Text is trimmed (also of no-break spaces); an empty field and `---` are nothing.
pub(crate) fn validate<'a>(
    record: &Record<'a>,
    columns: &Columns,
    dates: &mut Dates,
) -> Result<Sale<'a>, Reject> {
    if record.width() != columns.width {
        let value = format!("{} fields, the header has {}", record.width(), columns.width);
        return Err(Reject::new(record.line(), "", &value, RejectReason::WrongFieldCount));
    }
    let fields = Fields { record, columns };
    fields.sale(dates).map_err(|(field, reason)| {
        let value = String::from_utf8_lossy(columns.value(record, field));
        Reject::new(record.line(), columns.name(field), &value, reason)
    })
}

struct Fields<'a, 'r> {
    record: &'r Record<'a>,
    columns: &'r Columns,
}

impl<'a> Fields<'a, '_> {
    fn sale(&self, dates: &mut Dates) -> Result<Sale<'a>, Wrong> {
        Ok(Sale {
            line: self.record.line(),
            sale_date: self.date(dates)?,
            order_id: self.required(Field::OrderId)?,
            product: self.text(Field::Product)?,
            location: self.text(Field::Location)?,
            payment_method: self.text(Field::PaymentMethod)?,
            client: self.text(Field::Client)?,
            quantity: self.number(Field::Quantity)?,
            unit_price: self.number(Field::UnitPrice)?,
            line_total: self.number(Field::Total)?.ok_or((Field::Total, RejectReason::Missing))?,
        })
    }

    fn date(&self, dates: &mut Dates) -> Result<Date, Wrong> {
        let text = self.required(Field::SaleDate)?;
        dates.read(text).ok_or((Field::SaleDate, RejectReason::InvalidDate))
    }

    fn number(&self, field: Field) -> Result<Option<Decimal>, Wrong> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        let reason = |error| match error {
            DecimalError::NotANumber => RejectReason::InvalidNumber,
            DecimalError::TooPrecise => RejectReason::TooPrecise,
            DecimalError::TooLarge => RejectReason::TooLarge,
        };
        Decimal::parse_amount(text).map(Some).map_err(|error| (field, reason(error)))
    }

    fn required(&self, field: Field) -> Result<&'a str, Wrong> {
        self.text(field)?.ok_or((field, RejectReason::Missing))
    }

    #[inline]
    fn text(&self, field: Field) -> Result<Option<&'a str>, Wrong> {
        match self.columns.text(self.record, field) {
            Some("" | "---") => Ok(None),
            Some(text) if is_usual(text) && !self.record.may_have_nul() => Ok(Some(text)),
            text => self.unusual(field, text),
        }
    }

    #[cold]
    fn unusual(&self, field: Field, text: Option<&'a str>) -> Result<Option<&'a str>, Wrong> {
        let text = text.ok_or((field, RejectReason::InvalidUtf8))?.trim();
        if self.record.may_have_nul() && text.contains('\0') {
            return Err((field, RejectReason::NulCharacter));
        }
        if text.len() > MAX_TEXT_BYTES {
            return Err((field, RejectReason::TooLong));
        }
        Ok((!text.is_empty() && text != "---").then_some(text))
    }
}

/// Whether there is nothing to be done about a text but for a NUL: seen at its ends, where there is
/// neither white space nor the beginning of `---`.
#[inline]
fn is_usual(text: &str) -> bool {
    let (Some(first), Some(last)) = (text.as_bytes().first(), text.as_bytes().last()) else {
        return false;
    };
    text.len() <= MAX_TEXT_BYTES
        && first.is_ascii_graphic()
        && *first != b'-'
        && last.is_ascii_graphic()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::{
        format::{DateOrder, Format},
        parse::Records,
    };

    const HEADER: &str = "Sale Date,Client ID,Sale ID,Item name,Location,Notes,\
        Item price (excluding tax),Quantity,Item Total,Payment Method\n";

    #[allow(clippy::unwrap_in_result, reason = "a header that is known")]
    fn check(line: &[u8]) -> Result<Sale<'static>, Reject> {
        let text = [HEADER.as_bytes(), line].concat().leak();
        let records = Box::leak(Box::new(Records::new(text, 1, &Format::default())));
        let header = records.next_record().unwrap().unwrap();
        let columns = Columns::find(&header, &Format::default()).unwrap();
        validate(
            &records.next_record().unwrap().unwrap(),
            &columns,
            &mut Dates::new(DateOrder::MonthFirst),
        )
    }

    fn rejected(line: &[u8], column: &str, reason: RejectReason) {
        let reject = check(line).unwrap_err();
        assert_eq!((reject.line, reject.column.as_str(), reject.reason), (2, column, reason));
    }

    #[test]
    fn a_line_of_the_sales_report_is_a_sale() {
        let sale = check(
            b"3/2/2025,200000023,7102,\"Lesson pack, 10 hours\",Online Store,,180,-1,-196.20,---",
        );
        assert_eq!(
            sale.unwrap(),
            Sale {
                line: 2,
                sale_date: date(2025, 3, 2),
                order_id: "7102",
                product: Some("Lesson pack, 10 hours"),
                location: Some("Online Store"),
                payment_method: None,
                client: Some("200000023"),
                quantity: Some("-1".parse().unwrap()),
                unit_price: Some("180".parse().unwrap()),
                line_total: "-196.2".parse().unwrap(),
            }
        );
    }

    #[test]
    fn texts_are_trimmed_and_two_spellings_mean_nothing() {
        let sale = check(
            "03/01/2025,---, 007 ,Mineral Water ,\u{a0}Pier\u{a0},, ,---,\u{a0}0.436 ,\n"
                .as_bytes(),
        )
        .unwrap();
        assert_eq!(sale.order_id, "007");
        assert_eq!(sale.product, Some("Mineral Water"));
        assert_eq!(sale.location, Some("Pier"));
        assert_eq!((sale.client, sale.quantity, sale.unit_price), (None, None, None));
        assert_eq!(sale.line_total.to_string(), "0.436");
    }

    #[test]
    fn what_can_not_be_a_sale_is_rejected_with_its_column_and_reason() {
        use RejectReason::*;
        rejected(b"13/01/2025,,1,,,,,,1,", "Sale Date", InvalidDate);
        rejected(b",,1,,,,,,1,", "Sale Date", Missing);
        rejected(b"3/1/2025,,,,,,,,1,", "Sale ID", Missing);
        rejected(b"3/1/2025,, --- ,,,,,,1,", "Sale ID", Missing);
        rejected(b"3/1/2025,,1,,,,,,,", "Item Total", Missing);
        rejected(b"3/1/2025,,1,,,,,,\"1,234.50\",", "Item Total", InvalidNumber);
        rejected(b"3/1/2025,,1,,,,,,NaN,", "Item Total", InvalidNumber);
        rejected(b"3/1/2025,,1,,,,,,0.0000000001,", "Item Total", TooPrecise);
        rejected(b"3/1/2025,,1,,,,,,1000000000000000,", "Item Total", TooLarge);
        rejected(b"3/1/2025,,1,,,,,two,1,", "Quantity", InvalidNumber);
        rejected(b"3/1/2025,,1,,,,S$4,1,1,", "Item price (excluding tax)", InvalidNumber);
        rejected(b"3/1/2025,,1,a\0b,,,,,1,", "Item name", NulCharacter);
        rejected(b"3/1/2025,,1,,caf\xe9,,,,1,", "Location", InvalidUtf8);
        rejected(b"3/1/2025,,1,,,,,,1", "", WrongFieldCount);
        rejected(b"3/1/2025,,1,,,,,,1,,", "", WrongFieldCount);
        let long = format!("3/1/2025,,{},,,,,,1,", "7".repeat(MAX_TEXT_BYTES + 1));
        rejected(long.as_bytes(), "Sale ID", TooLong);
    }

    #[test]
    fn bytes_in_a_column_that_is_not_read_do_no_harm() {
        assert!(check(b"3/1/2025,,1,,,caf\xe9\0,,,1,").is_ok());
    }
}
