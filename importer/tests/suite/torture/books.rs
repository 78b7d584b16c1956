//! What the ledger must hold: texts of files in, totals out. Reads them by hand and adds whole
//! thousandths, apart from the product's own parsing, arithmetic and comparing.

use std::collections::BTreeMap;

use jiff::civil::{Date, date};

use crate::sales::Expected;

/// The order-days that count.
#[derive(Clone, Default)]
pub struct Books(BTreeMap<(Date, String), OrderDay>);

#[derive(Clone, Copy, Default)]
struct OrderDay {
    mills: i128,
    lines: u64,
}

impl Books {
    /// A file of its own.
    pub fn of(text: &str) -> Self {
        let mut books = Self::default();
        for line in text.lines().skip(1) {
            // Names may hold commas, but none of these columns comes behind one, seen from its end.
            let mut columns = line.split(',');
            let (day, order) = (columns.next().unwrap(), columns.nth(1).unwrap());
            let total = line.rsplit(',').nth(2).unwrap();
            let order_day = books.0.entry((day_of(day), order.to_owned())).or_default();
            order_day.mills += mills(total);
            order_day.lines += 1;
        }
        books
    }

    /// Takes a file in: its order-days in place of those that are there.
    pub fn replace(&mut self, text: &str) {
        self.0.extend(Self::of(text).0);
    }

    /// Takes a file out, of which all counts.
    pub fn remove(&mut self, text: &str) {
        for order_day in Self::of(text).0.keys() {
            self.0.remove(order_day).unwrap();
        }
    }

    pub fn expected(&self) -> Expected {
        let mut expected = Expected::default();
        let mut orders: Vec<_> = self.0.keys().map(|(_, order)| order).collect();
        orders.sort_unstable();
        orders.dedup();
        expected.orders = orders.len() as u64;
        for ((date, _), OrderDay { mills, lines }) in &self.0 {
            let day = expected.days.entry(*date).or_default();
            (day.mills, day.lines, day.orders) =
                (day.mills + mills, day.lines + lines, day.orders + 1);
            expected.lines += lines;
        }
        expected
    }
}

fn day_of(text: &str) -> Date {
    let [month, day, year]: [i16; 3] =
        text.split('/').map(|part| part.parse().unwrap()).collect::<Vec<_>>().try_into().unwrap();
    date(year, month.try_into().unwrap(), day.try_into().unwrap())
}

fn mills(text: &str) -> i128 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}{fraction:0<3}").parse().unwrap()
}

#[test]
fn the_books_agree_with_who_made_the_file() {
    let mut bytes = Vec::new();
    let told = crate::sales::write(&mut bytes, &crate::sales::Shape::of(2_000)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let mut books = Books::default();
    books.replace(&text);
    let read = books.expected();
    assert_eq!((read.mills(), read.lines, read.orders), (told.mills(), told.lines, told.orders));
    assert!(read.days.iter().zip(&told.days).all(|(read, told)| {
        (read.0, read.1.mills, read.1.orders) == (told.0, told.1.mills, told.1.orders)
    }));
    books.remove(&text);
    assert_eq!(books.expected().lines, 0);
}
