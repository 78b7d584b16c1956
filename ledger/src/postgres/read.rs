//! What the API answers from: figures, imports, rejects. Reads only; one statement, and so one
//! consistent view, per answer.

mod datasets;
mod figures;
mod imports;

pub use datasets::{DatasetFigures, DatasetState, Datasets, OrderDayPair};
pub use figures::{DailyRevenue, RevenueFigures, Version};
pub use imports::{ImportFilter, ImportedFile, ListedReject, Page};

use sqlx::{Row, postgres::PgRow};

use super::LedgerError;
use crate::Decimal;

/// A count of PostgreSQL's, which is never negative here.
fn count(row: &PgRow, column: &str) -> Result<u64, LedgerError> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|_| unreadable(column, value))
}

/// A value that was selected as text and is read by its own rules.
fn parsed<T>(row: &PgRow, column: &str) -> Result<T, LedgerError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error| unreadable(column, error))
}

/// The same, where it may be null.
fn parsed_if_any<T>(row: &PgRow, column: &str) -> Result<Option<T>, LedgerError>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text: Option<&str> = row.try_get(column)?;
    text.map(|text| text.parse().map_err(|error| unreadable(column, error))).transpose()
}

fn decimal(row: &PgRow, column: &str) -> Result<Decimal, LedgerError> {
    parsed(row, column)
}

fn unreadable(column: &str, what: impl std::fmt::Display) -> LedgerError {
    LedgerError::Unreadable(format!("{column}: {what}"))
}
