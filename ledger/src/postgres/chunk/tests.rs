//! What a chunk makes of its lines.

use jiff::civil::date;

use super::*;
use crate::Reject;

fn sale(line: u32, product: Option<&'static str>) -> Sale<'static> {
    Sale {
        line,
        sale_date: date(2025, 3, 1),
        order_id: "007",
        product,
        location: None,
        payment_method: Some("Cash"),
        client: None,
        quantity: None,
        unit_price: None,
        line_total: Decimal::from_units(1_500_000_000),
    }
}

fn chunk() -> Chunk {
    Chunk::new(9, FingerprintKey::new(&[7; 16]), 0, 100)
}

fn filled(sales: &[Sale<'_>], names: &mut Names) -> Chunk {
    let mut chunk = chunk();
    for sale in sales {
        chunk.add(sale, names);
    }
    chunk
}

/// The fields of the rows of a binary COPY.
fn fields(rows: Rows) -> Vec<Option<Vec<u8>>> {
    let bytes = rows.finish();
    let (mut rest, mut fields) = (&bytes[19..bytes.len() - 2], Vec::new());
    while !rest.is_empty() {
        assert_eq!(rest[..2], COLUMNS.to_be_bytes());
        rest = &rest[2..];
        for _ in 0..COLUMNS {
            let (length, after) = rest.split_first_chunk().unwrap();
            let length = usize::try_from(i32::from_be_bytes(*length)).ok();
            let (field, after) = after.split_at(length.unwrap_or_default());
            fields.push(length.map(|_| field.to_vec()));
            rest = after;
        }
    }
    fields
}

#[test]
fn a_line_is_a_row_of_its_load() {
    let integer = |value: i32| Some(value.to_be_bytes().to_vec());
    let fields = fields(filled(&[sale(5, Some("Tea"))], &mut Names::default()).rows);
    // Load, line and day; then the names, which have no numbers yet.
    assert_eq!(fields[..3], [integer(9), integer(5), integer(9191)]);
    assert_eq!(fields[3..6], [integer(-1), None, integer(-1)]);
    assert_eq!(fields[6..9], [Some(b"007".to_vec()), None, None]);
    assert_eq!(fields.len(), 10);
}

#[test]
fn a_name_that_gets_its_number_later_is_in_its_row_as_if_it_had_been_known() {
    let sales = [sale(2, Some("Tea")), sale(3, None), sale(4, Some("Cake")), sale(5, Some("Tea"))];
    let (mut later, mut known) = (Names::default(), Names::default());
    let mut chunk = filled(&sales, &mut later);
    let number = |table: NameTable, number: i32| 10 * (table as i32 + 1) - number;
    for (table, position, unnamed) in std::mem::take(&mut chunk.unnamed) {
        chunk.rows.patch(position, number(table, unnamed));
    }
    filled(&sales, &mut known);
    known.learn(NameTable::Product, &[11, 12]);
    known.learn(NameTable::PaymentMethod, &[31]);
    let expected = filled(&sales, &mut known);
    assert!(expected.unnamed.is_empty());
    assert_eq!(fields(chunk.rows), fields(expected.rows));
}

#[test]
fn a_products_price_is_that_of_the_last_line_of_its_latest_day() {
    let priced = |line, day, units| Sale {
        sale_date: date(2025, 3, day),
        unit_price: Some(Decimal::from_units(units)),
        ..sale(line, Some("Tea"))
    };
    let unpriced = Sale { sale_date: date(2025, 3, 9), ..sale(6, Some("Tea")) };
    let nameless = Sale { product: None, ..priced(7, 9, 1) };
    let sales =
        [priced(2, 1, 5), priced(3, 3, 6), priced(4, 3, 7), priced(5, 2, 8), unpriced, nameless];
    let chunk = filled(&sales, &mut Names::default());
    let latest: Vec<_> = chunk.prices.into_iter().collect();
    assert_eq!(latest, [(-1, (9193, Decimal::from_units(7)))]);
}

#[test]
fn sales_and_rejects_are_the_lines_read() {
    let mut chunk = filled(&[sale(2, None), sale(5, None)], &mut Names::default());
    for (line, reason) in
        [(3, RejectReason::Missing), (4, RejectReason::InvalidDate), (6, RejectReason::Missing)]
    {
        chunk.rejects.push(&Reject::new(line, "", "", reason));
    }
    assert_eq!((chunk.sales, chunk.lines_read()), (2, 5));
    let counts = [(RejectReason::Missing, 2), (RejectReason::InvalidDate, 1)];
    assert_eq!(chunk.reject_counts(), BTreeMap::from(counts));
}

#[test]
fn the_same_lines_in_another_order_are_the_same_order_days() {
    let other = Sale { order_id: "8", ..sale(3, Some("Cake")) };
    let later = Sale { sale_date: date(2025, 3, 4), ..sale(5, None) };
    let mut sales = [sale(2, Some("Tea")), other, sale(4, Some("Mocha")), later];
    let blocks = |sales: &[Sale<'_>]| {
        let (blocks, figures) = filled(sales, &mut Names::default()).orders.finish();
        let [block] = &blocks[..] else { panic!("{} blocks", blocks.len()) };
        (block.order_days.clone(), block.fingerprints.clone(), figures)
    };
    let expected = blocks(&sales);
    sales.reverse();
    assert_eq!(blocks(&sales), expected);
    sales[1].product = Some("Coffee");
    assert_ne!(blocks(&sales).1, expected.1, "the name of a product makes it another line");
}
