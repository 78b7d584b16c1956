//! Figures as parameters of a statement: seven arrays that the database puts together.

use sqlx::{AssertSqlSafe, Postgres, postgres::PgArguments, query::Query};

use crate::order_days::Figures;

/// The seven parameters that every such statement begins with.
const FIGURES: &str = "ROW(
    ARRAY(SELECT date '2000-01-01' + day FROM unnest($1::integer[]) day),
    $2::text[]::numeric[], $3::bigint[], $4::bigint[],
    ARRAY(SELECT date '2000-01-01' + day FROM unnest($5::integer[]) day),
    ARRAY(SELECT date '2000-01-01' + day FROM unnest($6::integer[]) day),
    $7::bigint[])::takings.figures";

/// Figures, column by column.
#[derive(Clone, Debug, Default)]
pub(super) struct SqlFigures {
    days: Vec<i32>,
    revenues: Vec<String>,
    line_counts: Vec<i64>,
    order_counts: Vec<i64>,
    first_dates: Vec<i32>,
    second_dates: Vec<i32>,
    pair_counts: Vec<i64>,
}

impl SqlFigures {
    /// Of figures.
    pub(super) fn new(figures: &Figures) -> Self {
        let days = || figures.days.values();
        let pairs = || figures.pairs.keys();
        Self {
            days: figures.days.keys().copied().collect(),
            revenues: days().map(|day| day.revenue.to_string()).collect(),
            line_counts: days().map(|day| day.lines).collect(),
            order_counts: days().map(|day| day.orders).collect(),
            first_dates: pairs().map(|pair| pair.0).collect(),
            second_dates: pairs().map(|pair| pair.1).collect(),
            pair_counts: figures.pairs.values().copied().collect(),
        }
    }

    /// A statement in which `{figures}` stands for them. Its own parameters begin with `$8`.
    pub(super) fn query(self, statement: &str) -> Query<'static, Postgres, PgArguments> {
        // Nothing but the constant above is put in.
        sqlx::query(AssertSqlSafe(statement.replace("{figures}", FIGURES)))
            .bind(self.days)
            .bind(self.revenues)
            .bind(self.line_counts)
            .bind(self.order_counts)
            .bind(self.first_dates)
            .bind(self.second_dates)
            .bind(self.pair_counts)
    }
}
