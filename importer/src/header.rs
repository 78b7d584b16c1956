//! The header's names in, the positions of our fields out.

use crate::{
    format::{Field, Format, fold},
    parse::Record,
};

/// How many of a foreign file's columns an error shows, and how much of each.
const MAX_SHOWN: usize = 25;
const MAX_SHOWN_CHARACTERS: usize = 40;

/// Where in a record our fields are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// How many fields the header has, and with it each record.
    pub width: usize,
    places: [Option<usize>; Field::ALL.len()],
    names: Vec<String>,
}

/// A header that is not that of a sales file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// No record at all.
    #[error("The file is empty: a sales file starts with a header line that names its columns.")]
    Empty,
    /// Columns that must be there are not.
    #[error("{}", missing_sentence(missing, *line, found))]
    Missing {
        /// Their names.
        missing: Vec<String>,
        /// The line of the header.
        line: u32,
        /// The columns that are there.
        found: Vec<String>,
    },
    /// A column that we read is there twice.
    #[error(
        "The header on line {line} names the column \"{name}\" more than once: which one counts \
         can't be known. Rename or remove the other in the file."
    )]
    Duplicate {
        /// Its name.
        name: String,
        /// The line of the header.
        line: u32,
    },
}

impl Columns {
    /// Finds our fields in a header. Names are compared trimmed and without regard to case; a
    /// column that the format names must be there, other columns are left alone.
    pub fn find(header: &Record<'_>, format: &Format) -> Result<Self, HeaderError> {
        let names: Vec<_> = (0..header.width()).map(|index| name(header.field(index))).collect();
        let folded: Vec<_> = names.iter().map(|name| fold(name)).collect();
        let mut places = [None; Field::ALL.len()];
        let mut missing = Vec::new();
        for (place, field) in places.iter_mut().zip(Field::ALL) {
            let wanted = fold(format.column(field));
            let mut found = (0..folded.len()).filter(|&index| folded[index] == wanted);
            *place = found.next();
            if found.next().is_some() {
                let name = format.column(field).to_owned();
                return Err(HeaderError::Duplicate { name, line: header.line() });
            }
            if place.is_none() && (field.is_required() || format.columns.contains_key(&field)) {
                missing.push(format.column(field).to_owned());
            }
        }
        if !missing.is_empty() {
            return Err(HeaderError::Missing { missing, line: header.line(), found: names });
        }
        Ok(Self { width: names.len(), places, names })
    }

    /// A field's bytes in a record; empty where the file has no such column.
    #[must_use]
    pub fn value<'a>(&self, record: &Record<'a>, field: Field) -> &'a [u8] {
        self.places[field as usize].map_or(&[], |index| record.field(index))
    }

    /// What the file calls a field.
    #[must_use]
    pub fn name(&self, field: Field) -> &str {
        self.places[field as usize].map_or("", |index| &self.names[index])
    }
}

fn name(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim().replace('\0', "\u{fffd}")
}

fn missing_sentence(missing: &[String], line: u32, found: &[String]) -> String {
    let mut shown: Vec<_> = found.iter().take(MAX_SHOWN).map(|name| quoted(name)).collect();
    if found.len() > MAX_SHOWN {
        shown.push(format!("and {} more", found.len() - MAX_SHOWN));
    }
    let hint = match found {
        [only] if only.contains([';', '\t', '|']) => " Are they separated by another character?",
        _ => "",
    };
    let missing: Vec<_> = missing.iter().map(|name| quoted(name)).collect();
    format!(
        "The header on line {line} lacks {}; it has {}.{hint} Correct the file, or say what the \
         columns are called.",
        missing.join(", "),
        shown.join(", "),
    )
}

fn quoted(name: &str) -> String {
    format!("{:?}", name.chars().take(MAX_SHOWN_CHARACTERS).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{format::Delimiter, parse::Records};

    fn with_record<T>(text: &str, use_it: impl FnOnce(&Record<'_>) -> T) -> T {
        let mut records = Records::new(text.as_bytes(), 1, Delimiter::default());
        use_it(&records.next_record().unwrap().unwrap())
    }

    fn find(header: &str, format: &Format) -> Result<Columns, HeaderError> {
        with_record(header, |header| Columns::find(header, format))
    }

    fn error(header: &str) -> HeaderError {
        find(header, &Format::default()).unwrap_err()
    }

    #[test]
    fn columns_are_found_by_name_wherever_they_stand() {
        let columns = find("x, item TOTAL ,SALE ID,\"Sale Date\",", &Format::default()).unwrap();
        assert_eq!(columns.width, 5);
        with_record("a,b,c,d,e", |record| {
            assert_eq!(columns.value(record, Field::Total), b"b");
            assert_eq!(columns.value(record, Field::OrderId), b"c");
            assert_eq!(columns.value(record, Field::SaleDate), b"d");
            assert_eq!(columns.value(record, Field::Product), b"");
        });
        assert_eq!(columns.name(Field::Total), "item TOTAL");
        assert_eq!(columns.name(Field::Product), "");
    }

    #[test]
    fn what_is_missing_is_named_beside_what_is_there() {
        let message = error("<html>,Sale Date").to_string();
        assert!(message.contains("lacks \"Sale ID\", \"Item Total\""), "{message}");
        assert!(message.contains("it has \"<html>\", \"Sale Date\""), "{message}");
        let message = error("Sale Date;Sale ID;Item Total").to_string();
        assert!(message.contains("another character"), "{message}");
    }

    #[test]
    fn a_foreign_header_of_any_size_makes_a_short_message() {
        let names: Vec<_> = (0..10_000).map(|n| format!("{n}{}", "\u{7}é".repeat(20))).collect();
        let message = error(&names.join(",")).to_string();
        assert!(message.len() < 10_000 && message.contains("and 9975 more"), "{message}");
    }

    #[test]
    fn a_column_that_we_read_must_not_be_there_twice() {
        let line = 1;
        let header = "Sale Date,Sale ID,Item Total,item total ";
        assert_eq!(error(header), HeaderError::Duplicate { name: "Item Total".into(), line });
        let header = "Sale Date,Sale ID,Item Total,Location,location";
        assert_eq!(error(header), HeaderError::Duplicate { name: "Location".into(), line });
        assert!(find("Sale Date,Sale ID,Item Total,Notes,Notes,,", &Format::default()).is_ok());
    }

    #[test]
    fn a_column_named_by_the_format_is_taken_and_must_be_there() {
        let columns = [(Field::Total, "Paid".to_owned()), (Field::Location, "Shop".to_owned())];
        let format = Format { columns: columns.into(), ..Format::default() };
        let found = find("Sale Date,Sale ID,Item Total,PAID,Shop", &format).unwrap();
        assert_eq!((found.name(Field::Total), found.name(Field::Location)), ("PAID", "Shop"));
        let missing = find("Sale Date,Sale ID,Item Total,Location", &format).unwrap_err();
        assert!(missing.to_string().contains("lacks \"Shop\", \"Paid\""), "{missing}");
    }
}
