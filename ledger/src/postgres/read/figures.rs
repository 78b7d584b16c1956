//! Revenue: in all and by day. Cost grows with the days asked for, not with the sales.

use jiff::civil::Date;
use jiff_sqlx::{Date as SqlDate, ToSqlx};
use sqlx::Row;
use uuid::Uuid;

use super::{count, decimal, parsed_if_any};
use crate::{
    Currency, Dataset, Decimal,
    postgres::{Ledger, LedgerError},
};

/// The state of the ledger: a number that goes up, and a token that is new with each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Goes up with each change of the figures.
    pub version: i64,
    /// Never the same twice, also after a restore from a backup.
    pub token: Uuid,
}

/// The figures of a range of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevenueFigures {
    /// The dataset's currency; `None` where nothing is live in it.
    pub currency: Option<Currency>,
    /// Sum of the line totals, tax included, refunds negative.
    pub revenue: Decimal,
    /// Lines that count.
    pub line_count: u64,
    /// Distinct orders.
    pub order_count: u64,
    /// The state of the ledger that they were read from.
    pub version: Version,
}

/// The figures of one day that has sales.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyRevenue {
    /// The day.
    pub date: Date,
    /// Sum of the line totals.
    pub revenue: Decimal,
    /// Lines that count.
    pub line_count: u64,
    /// Distinct orders of the day.
    pub order_count: u64,
}

impl Ledger {
    /// The state of the ledger.
    pub async fn version(&self) -> Result<Version, LedgerError> {
        let row = sqlx::query("SELECT version, token FROM takings.ledger_version")
            .fetch_one(&self.pool)
            .await?;
        Ok(Version { version: row.try_get("version")?, token: row.try_get("token")? })
    }

    /// The figures from one day to another, both included.
    pub async fn revenue(
        &self,
        dataset: &Dataset,
        from: Date,
        to: Date,
    ) -> Result<RevenueFigures, LedgerError> {
        let row = sqlx::query(include_str!("revenue.sql"))
            .bind(dataset.as_str())
            .bind(from.to_sqlx())
            .bind(to.to_sqlx())
            .fetch_one(&self.pool)
            .await?;
        Ok(RevenueFigures {
            currency: parsed_if_any(&row, "currency")?,
            revenue: decimal(&row, "revenue")?,
            line_count: count(&row, "line_count")?,
            order_count: count(&row, "order_count")?,
            version: Version { version: row.try_get("version")?, token: row.try_get("token")? },
        })
    }

    /// The figures a day, ascending; days without sales are left out.
    pub async fn daily(
        &self,
        dataset: &Dataset,
        from: Date,
        to: Date,
    ) -> Result<Vec<DailyRevenue>, LedgerError> {
        let rows = sqlx::query(
            "SELECT sale_date, revenue::text AS revenue, line_count, order_count
             FROM takings.daily_revenue JOIN takings.dataset USING (dataset_id)
             WHERE name = $1 AND sale_date BETWEEN $2 AND $3 ORDER BY sale_date",
        )
        .bind(dataset.as_str())
        .bind(from.to_sqlx())
        .bind(to.to_sqlx())
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(DailyRevenue {
                    date: row.try_get::<SqlDate, _>("sale_date")?.to_jiff(),
                    revenue: decimal(row, "revenue")?,
                    line_count: count(row, "line_count")?,
                    order_count: count(row, "order_count")?,
                })
            })
            .collect()
    }

    /// The currency of a dataset; `None` where nothing is live in it.
    pub async fn currency(&self, dataset: &Dataset) -> Result<Option<Currency>, LedgerError> {
        let row = sqlx::query(
            "SELECT (SELECT currency FROM takings.dataset WHERE name = $1) AS currency",
        )
        .bind(dataset.as_str())
        .fetch_one(&self.pool)
        .await?;
        parsed_if_any(&row, "currency")
    }
}
