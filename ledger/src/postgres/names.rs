//! The numbers that stand for names in `sale`: those that are known, and those to be asked for.
//!
//! Memory stays bounded however many names a file has: a full cache is emptied and filled anew.

use foldhash::{HashMap, HashMapExt};

/// Names kept in mind at once, in bytes.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// A table of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameTable {
    Product,
    Location,
    PaymentMethod,
}

impl NameTable {
    pub(super) const ALL: [Self; 3] = [Self::Product, Self::Location, Self::PaymentMethod];
}

/// What one worker knows of names.
#[derive(Debug, Default)]
pub struct Names {
    tables: [Table; 3],
    bytes: usize,
}

#[derive(Debug)]
struct Table {
    /// Below zero: it has no number yet, and is `-1 - number` in `new`.
    numbers: HashMap<Box<str>, i32>,
    new: Vec<Box<str>>,
}

impl Default for Table {
    fn default() -> Self {
        Self { numbers: HashMap::new(), new: Vec::new() }
    }
}

impl Names {
    /// The number of a name; below zero where the database has not been asked yet.
    pub(super) fn number(&mut self, table: NameTable, name: &str) -> i32 {
        let table = &mut self.tables[table as usize];
        if let Some(&number) = table.numbers.get(name) {
            return number;
        }
        self.bytes += name.len() + 64;
        table.new.push(name.into());
        let number = -i32::try_from(table.new.len()).unwrap_or(i32::MAX);
        table.numbers.insert(name.into(), number);
        number
    }

    /// Names that the database is to be asked for.
    pub(super) fn new_names(&self, table: NameTable) -> &[Box<str>] {
        &self.tables[table as usize].new
    }

    /// What the database answered, in their order. The numbers that were asked for with it.
    pub(super) fn learn(&mut self, table: NameTable, numbers: &[i32]) {
        let table = &mut self.tables[table as usize];
        for (name, number) in table.new.drain(..).zip(numbers) {
            table.numbers.insert(name, *number);
        }
    }

    /// Forgets all where it has become too much. Only between chunks.
    pub(super) fn make_room(&mut self) {
        if self.bytes > CACHE_BYTES {
            *self = Self::default();
        }
    }
}
