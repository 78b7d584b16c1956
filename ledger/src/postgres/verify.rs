//! Whether the ledger is what it should be: the lines in, what disagrees with them out.
//!
//! Each file of `invariants/` is a sentence and a query for what breaks it. They read the lines
//! themselves, all of them, in one snapshot; nothing is written or locked.

use serde::Serialize;
use sqlx::{AssertSqlSafe, Row};

use super::{Ledger, LedgerError};

/// How many violations of an invariant are told.
const EXAMPLES: usize = 5;

const INVARIANTS: [(&str, &str); 11] = [
    ("daily_figures", include_str!("../../invariants/daily_figures.sql")),
    ("order_day_pairs", include_str!("../../invariants/order_day_pairs.sql")),
    ("imported_lines", include_str!("../../invariants/imported_lines.sql")),
    ("load_figures", include_str!("../../invariants/load_figures.sql")),
    ("load_chunks", include_str!("../../invariants/load_chunks.sql")),
    ("unique_lines", include_str!("../../invariants/unique_lines.sql")),
    ("live_order_days", include_str!("../../invariants/live_order_days.sql")),
    ("lines_read", include_str!("../../invariants/lines_read.sql")),
    ("live_loads", include_str!("../../invariants/live_loads.sql")),
    ("known_loads", include_str!("../../invariants/known_loads.sql")),
    ("one_currency", include_str!("../../invariants/one_currency.sql")),
];

/// An invariant, and how often it is broken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// The name of its file.
    pub name: &'static str,
    /// What it says.
    pub invariant: &'static str,
    /// 0: it holds.
    pub violations: i64,
    /// The first of them.
    pub examples: Vec<String>,
}

impl Ledger {
    /// Checks all invariants at one moment. For a role that may read all tables, as the owner.
    pub async fn verify(&self) -> Result<Vec<Verified>, LedgerError> {
        let mut snapshot =
            self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
        // Sums over all lines take as long as they take.
        sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *snapshot).await?;
        let mut verified = Vec::with_capacity(INVARIANTS.len());
        for (name, query) in INVARIANTS {
            let statement = format!(
                "SELECT count(*), coalesce((array_agg(name || ': ' || what))[:{EXAMPLES}], '{{}}')
                 FROM ({query}) violations LEFT JOIN takings.dataset USING (dataset_id)"
            );
            let row = sqlx::query(AssertSqlSafe(statement)).fetch_one(&mut *snapshot).await?;
            let (violations, examples) = (row.try_get(0)?, row.try_get(1)?);
            verified.push(Verified { name, invariant: sentence(query), violations, examples });
        }
        snapshot.commit().await?;
        Ok(verified)
    }
}

/// The comment with which an invariant begins.
fn sentence(query: &'static str) -> &'static str {
    let line = query.lines().next().unwrap_or_default();
    line.trim_start_matches("--").trim()
}
