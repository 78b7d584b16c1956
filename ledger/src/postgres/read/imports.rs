//! Imports and their rejected lines.

use jiff::{Timestamp, civil::Date};
use jiff_sqlx::{Date as SqlDate, Timestamp as SqlTimestamp};
use serde::de::{DeserializeOwned, value::StrDeserializer};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{count, parsed, parsed_if_any, unreadable};
use crate::{
    Currency, Dataset, Decimal, Digest, ImportId, Run,
    outcome::RunResult,
    postgres::{Ledger, LedgerError},
};

/// One run of one import, as the ledger holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedFile {
    /// Its key: newer runs have higher ones.
    pub id: i64,
    /// The import.
    pub import_id: ImportId,
    /// The run.
    pub run: Run,
    /// Where its sales go.
    pub dataset: Dataset,
    /// The currency of its amounts.
    pub currency: Currency,
    /// The file's name, without folders.
    pub filename: String,
    /// Where it came from, without secrets.
    pub source: String,
    /// SHA-256 of the decompressed bytes.
    pub digest: Option<Digest>,
    /// Decompressed bytes.
    pub bytes: u64,
    /// `Running`, `Published`, `Refused` or `Abandoned`.
    pub status: String,
    /// How it ended.
    pub result: Option<RunResult>,
    /// Why, in one word.
    pub reason: Option<String>,
    /// Why it is refused, in a sentence.
    pub error_message: Option<String>,
    /// Records read.
    pub lines_read: u64,
    /// Records put into the ledger.
    pub lines_imported: u64,
    /// Records that were there already, or stayed out.
    pub lines_skipped: u64,
    /// Records that can't be sales.
    pub lines_rejected: u64,
    /// Records of a refused file that could have been imported.
    pub lines_valid: u64,
    /// First day of the accepted sales.
    pub first_sale_date: Option<Date>,
    /// Last day of the accepted sales.
    pub last_sale_date: Option<Date>,
    /// Sum of the imported line totals.
    pub revenue: Option<Decimal>,
    /// The key of its load.
    pub load: Option<i32>,
    /// `live`, `retired` or `reverted`.
    pub load_state: Option<String>,
    /// The load that had the same content.
    pub existing_load: Option<i32>,
    /// Who asked for it.
    pub requested_by: String,
    /// The request that brought it.
    pub request_id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

/// One rejected line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedReject {
    /// The physical line on which the record starts.
    pub line: u32,
    /// The column at fault; empty where it is the whole line.
    pub column: String,
    /// What stood there, cut; `None` once it was no longer to be kept.
    pub value: Option<String>,
    /// Why it can't be a sale.
    pub reason: String,
}

/// Which imports to list; what is `None` does not matter.
#[derive(Clone, Debug, Default)]
pub struct ImportFilter {
    /// Of this dataset.
    pub dataset: Option<Dataset>,
    /// With this status.
    pub status: Option<String>,
}

/// Which part of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// At most so many.
    pub limit: u32,
    /// Only those older than the import with this key.
    pub before: Option<i64>,
}

/// What every query here selects; each continues with its own WHERE.
macro_rules! select_imports {
    ($rest:literal) => {
        concat!(
            "SELECT imported_file.*, dataset.name AS dataset, load.state AS load_state,
                trim_scale(revenue)::text AS revenue_text
             FROM takings.imported_file
             JOIN takings.dataset USING (dataset_id)
             LEFT JOIN takings.load ON load.load_id = imported_file.load_id ",
            $rest
        )
    };
}

impl Ledger {
    /// Runs, the newest first.
    pub async fn imports(
        &self,
        filter: &ImportFilter,
        page: Page,
    ) -> Result<Vec<ImportedFile>, LedgerError> {
        let rows = sqlx::query(select_imports!(
            "WHERE ($1::text IS NULL OR dataset.name = $1)
               AND ($2::text IS NULL OR imported_file.status = $2)
               AND ($3::bigint IS NULL OR imported_file.imported_file_id < $3)
             ORDER BY imported_file.imported_file_id DESC LIMIT $4"
        ))
        .bind(filter.dataset.as_ref().map(Dataset::as_str))
        .bind(filter.status.as_deref())
        .bind(page.before)
        .bind(i64::from(page.limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(imported_file).collect()
    }

    /// The newest run of an import.
    pub async fn import(&self, import_id: ImportId) -> Result<Option<ImportedFile>, LedgerError> {
        let row = sqlx::query(select_imports!(
            "WHERE imported_file.import_id = $1
             ORDER BY imported_file.imported_file_id DESC LIMIT 1"
        ))
        .bind(import_id.0)
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(imported_file).transpose()
    }

    /// The rejected lines of a run, in the order of the file. Where the run found its content
    /// loaded already, those of the load it names.
    pub async fn rejects(
        &self,
        imported_file_id: i64,
        limit: u32,
        after_line: Option<u32>,
    ) -> Result<Vec<ListedReject>, LedgerError> {
        let rows = sqlx::query(
            "SELECT line, column_name, value, reason FROM takings.reject
             WHERE imported_file_id = (
                SELECT coalesce(load.imported_file_id, file.imported_file_id)
                FROM takings.imported_file file
                LEFT JOIN takings.load ON load.load_id = file.existing_load_id
                WHERE file.imported_file_id = $1)
               AND line > $2
             ORDER BY line LIMIT $3",
        )
        .bind(imported_file_id)
        .bind(after_line.map_or(0, crate::postgres::run::line_number))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let line: i32 = row.try_get("line")?;
                Ok(ListedReject {
                    line: u32::try_from(line).map_err(|_| unreadable("line", line))?,
                    column: row.try_get("column_name")?,
                    value: row.try_get("value")?,
                    reason: row.try_get("reason")?,
                })
            })
            .collect()
    }
}

fn imported_file(row: &PgRow) -> Result<ImportedFile, LedgerError> {
    let run: i32 = row.try_get("run")?;
    Ok(ImportedFile {
        id: row.try_get("imported_file_id")?,
        import_id: ImportId(row.try_get::<Uuid, _>("import_id")?),
        run: Run(u32::try_from(run).map_err(|_| unreadable("run", run))?),
        dataset: parsed(row, "dataset")?,
        currency: parsed(row, "currency")?,
        filename: row.try_get("filename")?,
        source: row.try_get("source")?,
        digest: digest(row)?,
        bytes: count(row, "bytes")?,
        status: row.try_get("status")?,
        result: word::<RunResult>(row, "result")?,
        reason: row.try_get("reason")?,
        error_message: row.try_get("error_message")?,
        lines_read: count(row, "lines_read")?,
        lines_imported: count(row, "lines_imported")?,
        lines_skipped: count(row, "lines_skipped")?,
        lines_rejected: count(row, "lines_rejected")?,
        lines_valid: count(row, "lines_valid")?,
        first_sale_date: date(row, "first_sale_date")?,
        last_sale_date: date(row, "last_sale_date")?,
        revenue: parsed_if_any(row, "revenue_text")?,
        load: row.try_get("load_id")?,
        load_state: row.try_get("load_state")?,
        existing_load: row.try_get("existing_load_id")?,
        requested_by: row.try_get("requested_by")?,
        request_id: row.try_get("request_id")?,
        started_at: row.try_get::<SqlTimestamp, _>("started_at")?.to_jiff(),
        ended_at: row.try_get::<Option<SqlTimestamp>, _>("ended_at")?.map(SqlTimestamp::to_jiff),
    })
}

fn digest(row: &PgRow) -> Result<Option<Digest>, LedgerError> {
    let bytes: Option<&[u8]> = row.try_get("digest")?;
    let Some(bytes) = bytes else { return Ok(None) };
    bytes.try_into().map(Digest).map(Some).map_err(|_| unreadable("digest", bytes.len()))
}

fn date(row: &PgRow, column: &str) -> Result<Option<Date>, LedgerError> {
    Ok(row.try_get::<Option<SqlDate>, _>(column)?.map(SqlDate::to_jiff))
}

/// One of an enum's words.
fn word<T: DeserializeOwned>(row: &PgRow, column: &str) -> Result<Option<T>, LedgerError> {
    let Some(text): Option<&str> = row.try_get(column)? else { return Ok(None) };
    let reader = StrDeserializer::<serde::de::value::Error>::new(text);
    T::deserialize(reader).map(Some).map_err(|error| unreadable(column, error))
}
