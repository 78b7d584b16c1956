//! Sales files of the real shape, and what their totals must be.
//!
//! As in a real export: 0.85 orders a line, equal lines within an order, 1 % refunds (half of
//! them on a later day under the first sale's id), amounts of 0 to 3 decimals, both date
//! spellings, quotes, `---` and empty fields. The same shape gives the same bytes, and the totals
//! are summed here in whole thousandths, apart from the product's own arithmetic. Variants make it
//! harder: ids between those of other files, ids of text, a new product each line, bad lines.

#[path = "random.rs"]
mod random;

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Write},
};

use jiff::{ToSpan, civil::Date};

pub(crate) use random::Random;

/// The columns of the sales report.
pub(crate) const HEADER: &str = "Sale Date,Client ID,Sale ID,Item name,Batch #,Sales Notes,Location,\
    Notes,Color,Size,Item price (excluding tax),Quantity,Subtotal (excluding tax),Discount %,\
    Discount amount,Tax,Item Total,Total Paid w/ Payment Method,Payment Method";

/// What to make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// How many lines, the header apart.
    pub(crate) lines: u64,
    /// Other seeds give other sales.
    pub(crate) seed: u64,
    /// The day of the first sale.
    pub(crate) first_day: Date,
    /// Over how many days the sales are spread.
    pub(crate) days: u64,
    /// Of these days only so many are written: an earlier export of the same sales.
    pub(crate) days_written: u64,
    /// The first order's id; the next ones count up.
    pub(crate) first_order: u64,
    /// By how much: with more than 1 there is room for the ids of other files in between.
    pub(crate) order_step: u64,
    /// Ids are text, in no order.
    pub(crate) text_ids: bool,
    /// No product is sold twice.
    pub(crate) distinct_names: bool,
    /// So many lines of a hundred can't be sales.
    pub(crate) bad_percent: u64,
    /// Another revision sells the same orders at other prices.
    pub(crate) revision: u32,
    /// What ends a line.
    pub(crate) line_end: &'static str,
}

/// What a file's totals must be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    /// Lines that are sales.
    pub(crate) lines: u64,
    /// Lines that are none.
    pub(crate) rejected: u64,
    /// Distinct orders.
    pub(crate) orders: u64,
    /// By day.
    pub(crate) days: BTreeMap<Date, Day>,
}

/// One day's totals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Day {
    /// Revenue in thousandths.
    pub(crate) mills: i128,
    /// Lines.
    pub(crate) lines: u64,
    /// Distinct orders.
    pub(crate) orders: u64,
}

impl Shape {
    /// So many lines over a year.
    pub(crate) fn of(lines: u64) -> Self {
        Self {
            lines,
            seed: 1,
            first_day: jiff::civil::date(2024, 1, 1),
            days: 366,
            days_written: 366,
            first_order: 7_000,
            order_step: 1,
            text_ids: false,
            distinct_names: false,
            bad_percent: 0,
            revision: 0,
            line_end: "\n",
        }
    }
}

impl Expected {
    /// The whole revenue in thousandths.
    pub(crate) fn mills(&self) -> i128 {
        self.days.values().map(|day| day.mills).sum()
    }
}

/// Thousandths as a decimal without trailing zeros.
pub(crate) fn amount(mills: i128) -> String {
    let sign = if mills < 0 { "-" } else { "" };
    let (whole, rest) = (mills.unsigned_abs() / 1000, mills.unsigned_abs() % 1000);
    let text = format!("{sign}{whole}.{rest:03}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Writes a file and returns what its totals must be.
pub(crate) fn write(out: &mut impl Write, shape: &Shape) -> io::Result<Expected> {
    let mut writer = Writer {
        out,
        shape,
        random: Random(shape.seed),
        order: shape.first_order,
        refunds: BTreeMap::new(),
        expected: Expected::default(),
    };
    writer.line(HEADER)?;
    for day in 0..shape.days.min(shape.days_written) {
        let until = shape.lines * (day + 1) / shape.days;
        writer.day(day, until)?;
    }
    Ok(writer.expected)
}

/// Items with their prices in tenths of the currency, tax excluded.
const ITEMS: [(&str, i64); 8] = [
    ("Bay hire 60 min - off-peak weekday", 220),
    ("Mineral Water ", 4),
    ("\"Lesson pack, 10 hours\"", 1800),
    ("Bay hire 30 min - peak weekend", 125),
    ("\"Glove \"\"Pro\"\", left\"", 319),
    ("Café crème with croissant", 47),
    ("Ball basket 100 balls", 83),
    ("Coaching 1:1 with assistant professional", 950),
];
const LOCATIONS: [&str; 4] = ["Harbour - range", "Online Store", "Hill - short course", "---"];
const PAYMENTS: [&str; 5] = [
    "Credit card (Visa/MC-Keyed)",
    "Cash",
    "Misc. (Paynow/Bank Transfer)",
    "",
    "Credit card (Amex)",
];

#[derive(Clone, Copy)]
struct Line {
    order: u64,
    client: u64,
    item: usize,
    place: usize,
    payment: usize,
    quantity: i64,
    discounted: bool,
    noted: bool,
}

struct Writer<'a, W> {
    out: &'a mut W,
    shape: &'a Shape,
    random: Random,
    order: u64,
    /// By the day on which they come.
    refunds: BTreeMap<u64, Vec<Line>>,
    expected: Expected,
}

impl<W: Write> Writer<'_, W> {
    fn day(&mut self, day: u64, until: u64) -> io::Result<()> {
        let span = i64::try_from(day).map_err(io::Error::other)?.days();
        let date = self.shape.first_day.checked_add(span).map_err(io::Error::other)?;
        for refund in self.refunds.remove(&day).unwrap_or_default() {
            if self.written() < until {
                self.sale(date, refund)?;
                self.count_order(date);
            }
        }
        while self.written() < until {
            self.order(day, date, until)?;
        }
        Ok(())
    }

    /// A new order: mostly of one line; sometimes with equal lines, sometimes given back.
    fn order(&mut self, day: u64, date: Date, until: u64) -> io::Result<()> {
        let line = Line {
            order: self.order,
            client: 200_000_000 + self.random.below(5_000),
            item: self.random.index(ITEMS.len()),
            place: self.random.index(LOCATIONS.len()),
            payment: self.random.index(PAYMENTS.len()),
            quantity: 1 + i64::from(self.random.below(10) == 0),
            discounted: self.random.below(12) == 0,
            noted: self.random.below(5) == 0,
        };
        self.order += self.shape.order_step;
        self.expected.orders += 1;
        self.count_order(date);
        self.sale(date, line)?;
        for _ in 0..u64::from(self.random.below(100) < 17) {
            let item =
                if self.random.below(8) == 0 { line.item } else { self.random.index(ITEMS.len()) };
            if self.written() < until {
                self.sale(date, Line { item, ..line })?;
            }
        }
        let back = Line { quantity: -line.quantity, ..line };
        match self.random.below(200) {
            0 if self.written() < until => self.sale(date, back)?,
            1 => {
                let later = day + 1 + self.random.below(30);
                self.refunds.entry(later).or_default().push(back);
            }
            _ => {}
        }
        // An order has 1.18 lines.
        let bad = self.shape.bad_percent * 12;
        if bad > 0 && self.random.below(1000) < bad && self.written() < until {
            self.bad_line()?;
        }
        Ok(())
    }

    fn written(&self) -> u64 {
        self.expected.lines + self.expected.rejected
    }

    fn sale(&mut self, date: Date, line: Line) -> io::Result<()> {
        let (name, tenths) = ITEMS[line.item];
        let tenths = tenths + 10 * i64::from(self.shape.revision);
        // Tax is 9 %; a tenth off where the price is whole, so that thousandths are enough.
        let discounted = line.discounted && tenths % 10 == 0;
        let net = tenths * 100 * line.quantity * if discounted { 9 } else { 10 } / 10;
        let total = net * 109 / 100;
        let text = |mills: i64| amount(mills.into());
        let (year, month, day) = (date.year(), date.month(), date.day());
        let date_text = match self.random.below(2) {
            0 => format!("{month:02}/{day:02}/{year}"),
            _ => format!("{month}/{day}/{year}"),
        };
        let Line { order, client, quantity, .. } = line;
        let (place, payment) = (LOCATIONS[line.place], PAYMENTS[line.payment]);
        let order = if self.shape.text_ids { text_id(order) } else { order.to_string() };
        let name: Cow<'_, str> = if self.shape.distinct_names {
            format!("Product {}", self.expected.lines).into()
        } else {
            name.into()
        };
        let notes = if line.noted { "\"Moved from Feb, see note\"" } else { "" };
        let row = format!(
            "{date_text},{client},{order},{name},---,{notes},{place},,---,---,{},{quantity},{},{},{},{},{},{},{payment}",
            text(tenths * 100),
            text(tenths * 100 * quantity),
            if discounted { 10 } else { 0 },
            text(tenths * 100 * quantity - net),
            text(total - net),
            text(total),
            text(total),
        );
        let totals = self.expected.days.entry(date).or_default();
        totals.mills += i128::from(total);
        totals.lines += 1;
        self.expected.lines += 1;
        self.line(&row)
    }

    /// A line that is no sale, as files have them: without an id, a day, an amount or its end.
    fn bad_line(&mut self) -> io::Result<()> {
        let bad = [
            "1/2/2024,200000001,,Coaching,---,,Hill,,---,---,95,1,95,0,0,8.55,103.55,103.55,Cash",
            "2/30/2024,200000001,1,Coaching,---,,Hill,,---,---,95,1,95,0,0,8.55,103.55,103.55,Cash",
            "1/2/2024,200000001,1,Coaching,---,,Hill,,---,---,95,1,95,0,0,8.55,#REF!,103.55,Cash",
            "1/2/2024,200000001,1,Coaching",
        ];
        self.expected.rejected += 1;
        let chosen = self.random.index(bad.len());
        self.line(bad[chosen])
    }

    fn count_order(&mut self, date: Date) {
        self.expected.days.entry(date).or_default().orders += 1;
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.write_all(self.shape.line_end.as_bytes())
    }
}

/// An id that tells nothing about when the order was.
fn text_id(order: u64) -> String {
    format!("W{:06X}-{order}", Random(order).below(1 << 24))
}
