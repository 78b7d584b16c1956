//! `rejects`: an import's rejected lines as CSV on standard output, for whoever corrects the file.
//!
//! A list that is whole ends with a line's end. One that a fault cuts off ends with a quote that is
//! never closed, so that nobody takes it for the whole, and nothing else comes to standard output.
//!
//! A value that a spreadsheet program would take for a formula gets an apostrophe before it, as
//! OWASP advises on CSV injection.

use std::io::{self, Write};

use clap::Args;
use ledger::{ImportId, postgres::Ledger};

use super::{DatabaseArgs, hang_up};

/// How many lines are asked for at once.
const PAGE: u32 = 1_000;

#[derive(Args, Debug)]
pub(super) struct RejectsArgs {
    /// The import.
    #[arg(long, env = "TAKINGS_IMPORT_ID")]
    import_id: ImportId,
}

impl RejectsArgs {
    /// Prints those of the import's newest run; false where there is no such import.
    pub(super) async fn print(&self, database: &DatabaseArgs) -> anyhow::Result<bool> {
        let ledger = database.ledger()?;
        ledger.check_schema().await?;
        let Some(import) = ledger.import(self.import_id).await? else {
            tracing::error!("There is no import {} in this ledger.", self.import_id);
            return Ok(false);
        };
        print(&ledger, import.id, io::stdout().lock()).await?;
        hang_up(&ledger).await;
        Ok(true)
    }
}

/// A list on its way out.
struct List<W: Write>(Option<csv::Writer<W>>);

impl<W: Write> List<W> {
    fn write(&mut self, record: [&str; 4]) -> csv::Result<()> {
        self.0.as_mut().map_or(Ok(()), |csv| csv.write_record(record))
    }

    /// It is whole.
    fn end(mut self) -> io::Result<()> {
        self.0.take().map_or(Ok(()), |mut csv| csv.flush())
    }
}

/// It is cut off, unless it was ended.
impl<W: Write> Drop for List<W> {
    fn drop(&mut self) {
        let to = self.0.take().and_then(|csv| csv.into_inner().ok());
        if let Some(mut to) = to {
            // Nobody is left to tell if this fails.
            let _ = to.write_all(b"\"").and_then(|()| to.flush());
        }
    }
}

async fn print(ledger: &Ledger, imported_file_id: i64, to: impl Write) -> anyhow::Result<()> {
    let mut written = List(Some(csv::Writer::from_writer(to)));
    written.write(["line", "column", "value", "reason"])?;
    let mut after = None;
    loop {
        let rejects = ledger.rejects(imported_file_id, PAGE, after).await?;
        for reject in &rejects {
            let value = reject.value.as_deref().unwrap_or_default();
            let (line, column, value) =
                (reject.line.to_string(), plain(&reject.column), plain(value));
            written.write([&line, &column, &value, &reject.reason])?;
        }
        match rejects.last() {
            Some(last) => after = Some(last.line),
            None => return Ok(written.end()?),
        }
    }
}

/// A text that is no formula.
fn plain(text: &str) -> String {
    let apostrophe = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("{apostrophe}{text}")
}

#[cfg(test)]
mod tests {
    use super::{List, plain};

    #[test]
    fn a_list_that_does_not_come_to_its_end_ends_within_quotes() {
        let written = |is_whole| {
            let mut bytes = Vec::new();
            let mut list = List(Some(csv::Writer::from_writer(&mut bytes)));
            list.write(["7", "a", "b", "c"]).unwrap();
            if is_whole {
                list.end().unwrap();
            } else {
                drop(list);
            }
            String::from_utf8(bytes).unwrap()
        };
        assert_eq!([written(true), written(false)], ["7,a,b,c\n", "7,a,b,c\n\""]);
    }

    #[test]
    fn no_value_is_a_formula() {
        for (text, shown) in
            [("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"), ("-12,5", "'-12,5"), ("a=b", "a=b")]
        {
            assert_eq!(plain(text), shown);
        }
    }
}
