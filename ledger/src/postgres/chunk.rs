//! A chunk of a file on its way to the database: sales and rejects in; rows, order-days and what
//! they add up to out.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashMapExt};

use super::{
    copy::{Rows, day_of},
    names::{NameTable, Names},
};
use crate::{
    Decimal, RejectReason, Rejects, Sale,
    order_days::{ChunkOrders, FingerprintKey},
};

const COLUMNS: i16 = 10;

/// One chunk, filled line by line.
#[derive(Debug)]
pub struct Chunk {
    /// Its number in the file, from 0.
    pub number: u32,
    /// How many bytes of the file were read when it was cut.
    pub bytes_read: u64,
    /// Tells the file's content up to its end from any other.
    pub content: [u8; 32],
    /// Rejected lines, in their order.
    pub rejects: Rejects,
    /// Lines that are sales.
    pub sales: u64,
    pub(super) load_id: i32,
    pub(super) key: FingerprintKey,
    pub(super) rows: Rows,
    pub(super) orders: ChunkOrders,
    /// By product, its latest price: the day, then the price.
    pub(super) prices: HashMap<i32, (i32, Decimal)>,
    /// Names that have no number yet: where it goes in the rows.
    pub(super) unnamed: Vec<(NameTable, usize, i32)>,
    last_date: Option<(jiff::civil::Date, i32)>,
    scratch: Vec<u8>,
}

impl Chunk {
    pub(super) fn new(load_id: i32, key: FingerprintKey, number: u32, bytes: usize) -> Self {
        Self {
            number,
            bytes_read: 0,
            content: [0; 32],
            rejects: Rejects::default(),
            sales: 0,
            load_id,
            key,
            rows: Rows::with_capacity(bytes),
            orders: ChunkOrders::default(),
            prices: HashMap::new(),
            unnamed: Vec::new(),
            last_date: None,
            scratch: Vec::new(),
        }
    }

    /// Adds a line that is a sale.
    pub fn add(&mut self, sale: &Sale<'_>, names: &mut Names) {
        let day = self.day(sale.sale_date);
        let line = super::run::line_number(sale.line);
        self.rows.row(COLUMNS, [self.load_id, line, day]);
        let product = self.name(NameTable::Product, sale.product, names);
        self.name(NameTable::Location, sale.location, names);
        self.name(NameTable::PaymentMethod, sale.payment_method, names);
        let rows = &mut self.rows;
        rows.text(sale.order_id);
        match sale.client {
            Some(client) => rows.text(client),
            None => rows.null(),
        }
        match sale.quantity {
            Some(quantity) => rows.numeric(quantity),
            None => rows.null(),
        }
        rows.numeric(sale.line_total);
        self.sales += 1;
        let texts = [sale.product, sale.location, sale.payment_method, sale.client];
        let scratch = &mut self.scratch;
        let fingerprint = self.key.line(texts, sale.quantity, sale.line_total, scratch);
        self.orders.add(sale.order_id, day, sale.line_total, fingerprint);
        if let (Some(product), Some(price)) = (product, sale.unit_price) {
            let latest = self.prices.entry(product).or_insert((day, price));
            if latest.0 <= day {
                *latest = (day, price);
            }
        }
    }

    /// Records read.
    #[must_use]
    pub fn lines_read(&self) -> u64 {
        self.sales + self.rejects.len() as u64
    }

    /// How many lines are rejected, by reason.
    #[must_use]
    pub fn reject_counts(&self) -> BTreeMap<RejectReason, u64> {
        let mut counts = BTreeMap::new();
        for reject in self.rejects.iter() {
            *counts.entry(reject.reason).or_default() += 1;
        }
        counts
    }

    /// Most lines have the date of the one before.
    fn day(&mut self, date: jiff::civil::Date) -> i32 {
        match self.last_date {
            Some((last, day)) if last == date => day,
            _ => {
                let day = day_of(date);
                self.last_date = Some((date, day));
                day
            }
        }
    }

    fn name(&mut self, table: NameTable, name: Option<&str>, names: &mut Names) -> Option<i32> {
        let Some(name) = name else {
            self.rows.null();
            return None;
        };
        let number = names.number(table, name);
        if number < 0 {
            self.unnamed.push((table, self.rows.position(), number));
        }
        self.rows.integer(number);
        Some(number)
    }
}

#[cfg(test)]
mod tests;
