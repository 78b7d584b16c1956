//! The files that torture loads: new ones, and ones that have to do with those before. Knows what
//! the ledger must hold with each of them.

use std::fmt::Write;

use ledger::ImportId;

use super::books::Books;
use crate::sales::{self, Random, Shape};

/// Of a new file.
pub const LINES: u64 = 1_500;

/// The files of one ledger.
#[derive(Default)]
pub struct Files {
    /// What the ledger must hold.
    pub books: Books,
    texts: Vec<String>,
    /// The last import, where nobody has taken anything from it.
    last: Option<(ImportId, u32)>,
    orders: u64,
}

/// A file that is to be loaded.
pub struct Import {
    pub id: ImportId,
    pub run: u32,
    pub on_overlap: &'static str,
    pub text: String,
    /// The books after it.
    pub after: Books,
}

impl Files {
    /// Any next file.
    pub fn next(&mut self, random: &mut Random) -> Import {
        if self.texts.is_empty() {
            return self.new_import(random);
        }
        let earlier = random.index(self.texts.len());
        match (random.below(8), self.last) {
            (0, _) => {
                let (_, more) = self.new_import(random).text.split_once('\n').map(owned).unwrap();
                self.replacing(format!("{}{more}", self.texts[earlier]))
            }
            (1, _) => self.replacing(changed(&self.texts[earlier], random)),
            (2, _) => self.replacing(self.texts[earlier].clone()),
            (3, Some((id, run))) => self.run_again(id, run + 1, random),
            _ => self.new_import(random),
        }
    }

    /// A file of orders that no other has.
    pub fn new_import(&mut self, random: &mut Random) -> Import {
        self.orders += 1;
        let shape = Shape {
            seed: random.below(u64::MAX),
            days: 30,
            first_order: self.orders * 1_000_000,
            ..Shape::of(LINES)
        };
        let mut bytes = Vec::new();
        sales::write(&mut bytes, &shape).unwrap();
        let import = self.replacing(String::from_utf8(bytes).unwrap());
        self.last = Some((import.id, import.run));
        Import { on_overlap: "fail", ..import }
    }

    /// Takes the place of what is there, where that is not the same.
    fn replacing(&mut self, text: String) -> Import {
        let mut after = self.books.clone();
        after.replace(&text);
        self.last = None;
        Import { id: ImportId::random(), run: 1, on_overlap: "replace", text, after }
    }

    /// A corrected file, as the next run of its import, that takes the place of the one before.
    fn run_again(&mut self, id: ImportId, run: u32, random: &mut Random) -> Import {
        let former = self.texts.last().unwrap();
        let mut after = self.books.clone();
        after.remove(former);
        let text = changed(former, random);
        after.replace(&text);
        self.last = Some((id, run));
        Import { id, run, on_overlap: "fail", text, after }
    }

    /// It counts.
    pub fn published(&mut self, import: Import) {
        self.books = import.after;
        self.texts.push(import.text);
    }

    /// It was given up.
    pub fn abandoned(&mut self) {
        self.last = None;
    }
}

fn owned((header, lines): (&str, &str)) -> (String, String) {
    (header.to_owned(), lines.to_owned())
}

/// The same with other totals in about a third of its orders, and without a few lines.
fn changed(text: &str, random: &mut Random) -> String {
    let (third, mut changed) = (random.below(3), String::new());
    for (number, line) in text.lines().enumerate() {
        let order = line.split(',').nth(2).unwrap();
        if number == 0 || order.parse::<u64>().unwrap() % 3 != third {
            writeln!(changed, "{line}").unwrap();
        } else if random.below(50) > 0 {
            let columns: Vec<_> = line.rsplitn(4, ',').collect();
            let [payment, paid, _, rest] = columns[..] else { panic!("{line}") };
            writeln!(changed, "{rest},{}.007,{paid},{payment}", random.below(900)).unwrap();
        }
    }
    changed
}
