//! What answers from memory are made of: which datasets there are, and all figures of one. One
//! statement, and so one state of the ledger, each.

use std::collections::HashMap;

use jiff::civil::Date;
use jiff_sqlx::Date as SqlDate;
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{DailyRevenue, Version, parsed_if_any, unreadable};
use crate::{
    Currency, Dataset,
    postgres::{Ledger, LedgerError},
};

/// All datasets in one state of the ledger.
#[derive(Clone, Debug)]
pub struct Datasets {
    /// That state.
    pub version: Version,
    /// By name.
    pub datasets: HashMap<Dataset, DatasetState>,
}

/// The state of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetState {
    /// New with each change of the dataset's figures, and never the same twice.
    pub token: Uuid,
    /// Of its sales; `None` where nothing is live in it.
    pub currency: Option<Currency>,
}

/// All figures of a dataset, in one state of it.
#[derive(Clone, Debug)]
pub struct DatasetFigures {
    /// That state.
    pub state: DatasetState,
    /// The days that have sales, ascending.
    pub days: Vec<DailyRevenue>,
    /// Orders with sales on several days, by the first of two days in succession.
    pub pairs: Vec<OrderDayPair>,
}

/// How many orders have these two as successive days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderDayPair {
    /// The earlier day.
    pub first: Date,
    /// The later day.
    pub second: Date,
    /// Orders.
    pub order_count: u64,
}

impl Ledger {
    /// Which datasets there are, and in which state.
    pub async fn datasets(&self) -> Result<Datasets, LedgerError> {
        let rows = sqlx::query(
            "SELECT ledger_version.version, ledger_version.token AS ledger_token, name, dataset.token,
                currency
             FROM takings.ledger_version LEFT JOIN takings.dataset ON true",
        )
        .fetch_all(&self.pool)
        .await?;
        let first = rows.first().ok_or_else(|| unreadable("ledger_version", "no row"))?;
        let version =
            Version { version: first.try_get("version")?, token: first.try_get("ledger_token")? };
        let mut datasets = HashMap::with_capacity(rows.len());
        for row in &rows {
            let Some(name) = parsed_if_any(row, "name")? else { continue };
            let currency = parsed_if_any(row, "currency")?;
            datasets.insert(name, DatasetState { token: row.try_get("token")?, currency });
        }
        Ok(Datasets { version, datasets })
    }

    /// All figures of a dataset; `None` where there is no such dataset.
    pub async fn figures(&self, dataset: &Dataset) -> Result<Option<DatasetFigures>, LedgerError> {
        let row = sqlx::query(include_str!("figures.sql"))
            .bind(dataset.as_str())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let state = DatasetState {
            token: row.try_get("token")?,
            currency: parsed_if_any(&row, "currency")?,
        };
        let days = dates(&row, "days")?;
        let revenues: Vec<String> = row.try_get("revenues")?;
        let lines: Vec<i64> = row.try_get("line_counts")?;
        let orders: Vec<i64> = row.try_get("order_counts")?;
        let days = days.into_iter().zip(revenues).zip(lines.into_iter().zip(orders));
        let days = days.map(|((date, revenue), (lines, orders))| {
            Ok(DailyRevenue {
                date,
                revenue: revenue.parse().map_err(|error| unreadable("revenue", error))?,
                line_count: unsigned("line_count", lines)?,
                order_count: unsigned("order_count", orders)?,
            })
        });
        let (firsts, seconds) = (dates(&row, "firsts")?, dates(&row, "seconds")?);
        let counts: Vec<i64> = row.try_get("pair_counts")?;
        let pairs = firsts.into_iter().zip(seconds).zip(counts);
        let pairs = pairs.map(|((first, second), orders)| {
            Ok(OrderDayPair { first, second, order_count: unsigned("pair_counts", orders)? })
        });
        let (days, pairs) =
            (days.collect::<Result<_, LedgerError>>()?, pairs.collect::<Result<_, LedgerError>>()?);
        Ok(Some(DatasetFigures { state, days, pairs }))
    }
}

fn dates(row: &PgRow, column: &str) -> Result<Vec<Date>, LedgerError> {
    let dates: Vec<SqlDate> = row.try_get(column)?;
    Ok(dates.into_iter().map(SqlDate::to_jiff).collect())
}

fn unsigned(column: &str, value: i64) -> Result<u64, LedgerError> {
    u64::try_from(value).map_err(|_| unreadable(column, value))
}
