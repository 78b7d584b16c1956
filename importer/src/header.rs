//! The header's names in, the positions of our fields out.

use crate::{
    format::{Delimiter, Field, Format, fold},
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
    #[error(
        "The file has no header: it is empty, or all its lines are blank, comments or skipped. A \
         sales file starts with a line that names its columns."
    )]
    Empty,
    /// Nothing that ends within the first mebibytes.
    #[error(
        "No header was found within the first 2 MiB of the file: a sales file starts with a line \
         that names its columns."
    )]
    TooFar,
    /// Columns that must be there are not.
    #[error("{}", .0.sentence())]
    Missing(Missing),
    /// A field's column is there twice, or under two of its names.
    #[error(
        "The header on line {line} has {} more than once, as {}: which one counts can't be known. \
         Rename or remove the others in the file, or name only one of them in the settings.",
        field.as_str(), listed(names)
    )]
    Duplicate {
        /// What both would fill.
        field: Field,
        /// Their names.
        names: Vec<String>,
        /// The line of the header.
        line: u32,
    },
    /// Two delimiters read the header equally well.
    #[error(
        "The header can be read with the delimiter {one} and with {other}: say which one holds \
         (format.delimiter, --delimiter)."
    )]
    Undecidable {
        /// One of them.
        one: Delimiter,
        /// The other.
        other: Delimiter,
    },
    /// The first line of the file says another delimiter than the settings.
    #[error(
        "The first line of the file says that {said} separates its fields, and the settings say \
         {declared}: correct one of them (format.delimiter, --delimiter)."
    )]
    Contradicted {
        /// By a line such as `sep=;`.
        said: Delimiter,
        /// By the settings.
        declared: Delimiter,
    },
    /// One character for two purposes.
    #[error(
        "The character {0} separates the fields and can't begin comments too: correct \
         format.comment (--comment) or format.delimiter (--delimiter)."
    )]
    CommentSeparates(Delimiter),
}

/// The columns that a header lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The fields that are not filled.
    pub fields: Vec<Field>,
    /// The names that were looked for, those of one field together.
    pub wanted: Vec<String>,
    /// The line of the header.
    pub line: u32,
    /// The columns that are there.
    pub found: Vec<String>,
    /// Where a header was found that lacks nothing.
    pub elsewhere: Option<Elsewhere>,
}

/// A line that is a header if the settings say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// Which line it is.
    pub line: u32,
    /// What separates its fields.
    pub delimiter: Delimiter,
}

impl Columns {
    /// Finds our fields in a header, by names that are [folded](fold). A column that the format
    /// names must be there under one of its names, other columns are left alone.
    pub fn find(header: &Record<'_>, format: &Format) -> Result<Self, HeaderError> {
        let (line, width) = (header.line(), header.width());
        let names: Vec<_> = (0..width).map(|index| name(header.field(index))).collect();
        let folded: Vec<_> = names.iter().map(|name| fold(name)).collect();
        let mut places = [None; Field::ALL.len()];
        let mut missing = Vec::new();
        for (place, field) in places.iter_mut().zip(Field::ALL) {
            let wanted: Vec<_> = format.columns(field).map(fold).collect();
            let found: Vec<_> = (0..width).filter(|&at| wanted.contains(&folded[at])).collect();
            match found[..] {
                [only] => *place = Some(only),
                [] if field.is_required() || format.columns.contains_key(&field) => {
                    missing.push(field);
                }
                [] => {}
                _ => {
                    let names = found.iter().map(|&at| names[at].clone()).collect();
                    return Err(HeaderError::Duplicate { field, names, line });
                }
            }
        }
        if missing.is_empty() {
            return Ok(Self { width, places, names });
        }
        let wanted =
            |field: &Field| format.columns(*field).map(quoted).collect::<Vec<_>>().join(" or ");
        Err(HeaderError::Missing(Missing {
            wanted: missing.iter().map(wanted).collect(),
            fields: missing,
            line,
            found: names,
            elsewhere: None,
        }))
    }

    /// A field's bytes in a record; empty where the file has no such column.
    #[must_use]
    pub fn value<'a>(&self, record: &Record<'a>, field: Field) -> &'a [u8] {
        self.places[field as usize].map_or(&[], |index| record.field(index))
    }

    /// The same as text; `None` where it is not UTF-8.
    #[inline]
    #[must_use]
    pub fn text<'a>(&self, record: &Record<'a>, field: Field) -> Option<&'a str> {
        self.places[field as usize].map_or(Some(""), |index| record.text(index))
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

impl Missing {
    fn sentence(&self) -> String {
        // The advice comes before what may be long and is cut off elsewhere.
        format!(
            "The header on line {} lacks {}. {} What it has: {}.",
            self.line,
            self.wanted.join(", "),
            self.advice(),
            listed(&self.found),
        )
    }

    fn advice(&self) -> String {
        match self.elsewhere {
            Some(Elsewhere { line, delimiter }) if line == self.line => format!(
                "With the delimiter {delimiter} it lacks nothing: declare it (format.delimiter, \
                 --delimiter), or leave it open."
            ),
            Some(Elsewhere { line, .. }) => format!(
                "Line {line} has them: if it is the header, say how many lines stand before it \
                 (format.skipLines or --skip-lines: {}), since none is left out unasked.",
                line - 1
            ),
            None if self.found.iter().any(|name| name.contains('\u{fffd}')) => {
                "Its text is not UTF-8: say how it is encoded (format.encoding, --encoding), or \
                 export it again as UTF-8."
                    .into()
            }
            None => "Correct the file, or say what the columns are called.".into(),
        }
    }
}

fn listed(names: &[String]) -> String {
    let mut shown: Vec<_> = names.iter().take(MAX_SHOWN).map(|name| quoted(name)).collect();
    if names.len() > MAX_SHOWN {
        shown.push(format!("and {} more", names.len() - MAX_SHOWN));
    }
    shown.join(", ")
}

fn quoted(name: &str) -> String {
    format!("{:?}", name.chars().take(MAX_SHOWN_CHARACTERS).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::Records;

    fn with_record<T>(text: &str, use_it: impl FnOnce(&Record<'_>) -> T) -> T {
        let mut records = Records::new(text.as_bytes(), 1, &Format::default());
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
        assert!(message.contains("What it has: \"<html>\", \"Sale Date\""), "{message}");
        let names = ["Paid", "Betrag"].map(str::to_owned).to_vec();
        let format = Format { columns: [(Field::Total, names)].into(), ..Format::default() };
        let message = find("Sale Date,Sale ID,Caf\u{fffd}", &format).unwrap_err().to_string();
        assert!(message.contains("lacks \"Paid\" or \"Betrag\""), "{message}");
        assert!(message.contains("format.encoding"), "{message}");
    }

    #[test]
    fn a_foreign_header_of_any_size_makes_a_short_message() {
        let names: Vec<_> = (0..10_000).map(|n| format!("{n}{}", "\u{7}é".repeat(20))).collect();
        let message = error(&names.join(",")).to_string();
        assert!(message.len() < 10_000 && message.contains("and 9975 more"), "{message}");
    }

    fn duplicate(header: &str, format: &Format) -> (Field, Vec<String>) {
        match find(header, format) {
            Err(HeaderError::Duplicate { field, names, line: 1 }) => (field, names),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_column_that_we_read_must_not_be_there_twice() {
        let format = Format::default();
        for (header, field, other) in [
            ("Sale Date,Sale ID,Item Total,item_total ", Field::Total, "item_total"),
            ("Sale Date,Sale ID,Item Total,Location,location", Field::Location, "location"),
        ] {
            let (found, names) = duplicate(header, &format);
            assert_eq!((found, names[1].as_str()), (field, other));
        }
        assert!(find("Sale Date,Sale ID,Item Total,Notes,Notes,,", &format).is_ok());
    }

    fn named(columns: &[(Field, &[&str])]) -> Format {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let columns = columns.iter().map(|(field, names)| (*field, owned(names))).collect();
        Format { columns, ..Format::default() }
    }

    #[test]
    fn a_column_named_by_the_format_is_taken_and_must_be_there() {
        let format = named(&[(Field::Total, &["Paid"]), (Field::Location, &["Shop"])]);
        let found = find("Sale Date,Sale ID,Item Total,PAID,Shop", &format).unwrap();
        assert_eq!((found.name(Field::Total), found.name(Field::Location)), ("PAID", "Shop"));
        let missing = find("Sale Date,Sale ID,Item Total,Location", &format).unwrap_err();
        assert!(missing.to_string().contains("lacks \"Shop\", \"Paid\""), "{missing}");
    }

    #[test]
    fn a_field_of_several_names_takes_the_only_one_that_is_there() {
        let format = named(&[(Field::Total, &["Item Total", "Betrag", "Summe"])]);
        for name in ["Item Total", "betrag", "SUMME"] {
            let found = find(&format!("Sale Date,Sale ID,{name}"), &format).unwrap();
            assert_eq!(found.name(Field::Total), name);
        }
        let (_, names) = duplicate("Sale Date,Sale ID,Summe,Betrag", &format);
        assert_eq!(names, ["Summe", "Betrag"]);
    }
}
