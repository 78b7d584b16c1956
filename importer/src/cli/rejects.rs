//! `rejects`: an import's rejected lines as CSV on standard output, for whoever corrects the file.
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

async fn print(ledger: &Ledger, imported_file_id: i64, to: impl Write) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(to);
    csv.write_record(["line", "column", "value", "reason"])?;
    let mut after = None;
    loop {
        let rejects = ledger.rejects(imported_file_id, PAGE, after).await?;
        for reject in &rejects {
            let value = reject.value.as_deref().unwrap_or_default();
            let (line, column, value) =
                (reject.line.to_string(), plain(&reject.column), plain(value));
            csv.write_record([&line, &column, &value, &reject.reason])?;
        }
        match rejects.last() {
            Some(last) => after = Some(last.line),
            None => return Ok(csv.flush()?),
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
    use super::plain;

    #[test]
    fn no_value_is_a_formula() {
        for (text, shown) in
            [("=cmd|'/C calc'!A0", "'=cmd|'/C calc'!A0"), ("-12,5", "'-12,5"), ("a=b", "a=b")]
        {
            assert_eq!(plain(text), shown);
        }
    }
}
