//! What is done to the ledger on purpose: granting datasets, reverting imports, removing what was
//! left behind.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Row, types::Json};

use super::{
    Ledger, LedgerError,
    compare::{COMPARISONS, Intended},
    figures::SqlFigures,
    marks::Marks,
    run::signed,
};
use crate::{Dataset, Decimal, ImportId, OnOverlap, Run};

/// What a revert took out of the figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reverted {
    /// The import.
    pub import_id: ImportId,
    /// The run whose load was live.
    pub run: Run,
    /// The key of that load.
    pub load: i32,
    /// Where it was.
    pub dataset: Dataset,
    /// How many lines it had imported.
    pub lines: u64,
    /// The sum of their totals.
    pub revenue: Decimal,
    /// Who reverted it.
    pub reverted_by: String,
    /// Why.
    pub reason: String,
    /// Imports that had left lines to it: run them again, else those lines are missing.
    pub skipped_by: Vec<SkippedBy>,
}

/// An import that had skipped lines because another had them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SkippedBy {
    /// The import.
    pub import_id: ImportId,
    /// Its run.
    pub run: Run,
    /// Its file's name.
    pub filename: String,
    /// Who asked for it.
    pub requested_by: String,
}

/// How long what counts nowhere is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// A run without an end, since it was last seen at work.
    pub unended_runs: Duration,
    /// The lines of a load, since it was reverted or a later run took its place; `None`: for ever.
    pub ended_loads: Option<Duration>,
    /// What stood in a rejected line, since its run ended; `None`: for ever.
    pub reject_values: Option<Duration>,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Maintained {
    /// Runs without an end that were given up.
    pub abandoned_runs: i64,
    /// Loads that were removed, since no run will ever publish them.
    pub swept_loads: i64,
    /// Loads that were live once: their record stays, without lines.
    pub purged_loads: i64,
    /// Lines that went with both.
    pub removed_lines: i64,
    /// Rejected lines that stay on record without what stood there.
    pub purged_rejects: i64,
}

impl Ledger {
    /// Gives up runs that have no end, removes what runs have left behind and what is no longer to
    /// be kept, a dataset in a transaction. For the owner.
    pub async fn maintain(&self, retention: &Retention) -> Result<Maintained, LedgerError> {
        let datasets: Vec<i32> = sqlx::query_scalar("SELECT dataset_id FROM takings.dataset")
            .fetch_all(&self.pool)
            .await?;
        let mut sum = Maintained::default();
        for dataset_id in datasets {
            let maintained = self.maintain_dataset(dataset_id, retention).await?;
            sum.abandoned_runs += maintained.abandoned_runs;
            sum.swept_loads += maintained.swept_loads;
            sum.purged_loads += maintained.purged_loads;
            sum.removed_lines += maintained.removed_lines;
            sum.purged_rejects += maintained.purged_rejects;
        }
        Ok(sum)
    }

    async fn maintain_dataset(
        &self,
        dataset_id: i32,
        retention: &Retention,
    ) -> Result<Maintained, LedgerError> {
        let seconds = |age: Duration| signed(age.as_secs());
        let row = sqlx::query(
            "SELECT * FROM takings.maintain($1, $2 * interval '1 second',
                $3 * interval '1 second', $4 * interval '1 second')",
        )
        .bind(dataset_id)
        .bind(seconds(retention.unended_runs))
        .bind(retention.ended_loads.map(seconds))
        .bind(retention.reject_values.map(seconds))
        .fetch_one(&self.pool)
        .await?;
        Ok(Maintained {
            abandoned_runs: row.try_get("abandoned_runs")?,
            swept_loads: row.try_get("swept_loads")?,
            purged_loads: row.try_get("purged_loads")?,
            removed_lines: row.try_get("removed_lines")?,
            purged_rejects: row.try_get("purged_rejects")?,
        })
    }

    /// Takes what an import has live out of the figures; its record stays. Repeated, it returns
    /// the same.
    pub async fn revert(
        &self,
        import_id: ImportId,
        reason: &str,
        by: &str,
    ) -> Result<Reverted, LedgerError> {
        for _ in 0..COMPARISONS {
            match self.compare_and_revert(import_id, reason, by).await {
                Err(LedgerError::LoadsChanged) => {}
                result => return result,
            }
        }
        Err(LedgerError::LoadsChanged)
    }

    async fn compare_and_revert(
        &self,
        import_id: ImportId,
        reason: &str,
        by: &str,
    ) -> Result<Reverted, LedgerError> {
        let row = sqlx::query("SELECT * FROM takings.revertible_load($1)")
            .bind(import_id.0)
            .fetch_one(&self.pool)
            .await?;
        let load_id: i32 = row.try_get("load_id")?;
        let intended = Intended {
            dataset_id: row.try_get("dataset_id")?,
            arriving: None,
            is_one_chunk: false,
            leaving: import_id.0,
            on_overlap: OnOverlap::Fail,
        };
        let comparison = self.compare(intended, &mut Marks::new(None)).await?;
        let across = comparison.meeting.across.clone().trimmed();
        let row = SqlFigures::new(&across)
            .query("SELECT takings.revert_load($8, $9, $10, $11, {figures})")
            .bind(load_id)
            .bind(reason.to_owned())
            .bind(by.to_owned())
            .bind(comparison.version)
            .fetch_one(&self.pool)
            .await?;
        let Json(reverted) = row.try_get(0)?;
        self.until_all_replicas_know().await?;
        Ok(reverted)
    }

    /// Lets a role load into a dataset, which is made where it is new. For the owner.
    pub async fn grant_importer(&self, role: &str, dataset: &Dataset) -> Result<(), LedgerError> {
        self.require_role(role).await?;
        self.require_admin("takings_importer").await?;
        sqlx::query("SELECT takings.grant_dataset($1, $2)")
            .bind(role)
            .bind(dataset.as_str())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Lets a role read all figures, as the API does. For the owner.
    pub async fn grant_reader(&self, role: &str) -> Result<(), LedgerError> {
        self.require_role(role).await?;
        self.require_admin("takings_api").await?;
        let quoted: String =
            sqlx::query_scalar("SELECT quote_ident($1)").bind(role).fetch_one(&self.pool).await?;
        // GRANT takes no parameters; the name was quoted by the server itself.
        sqlx::query(AssertSqlSafe(format!("GRANT takings_api TO {quoted}")))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// From PostgreSQL 16 on, a role is handed out by who made it, or was given it so.
    async fn require_admin(&self, group: &str) -> Result<(), LedgerError> {
        let refused: Option<String> = sqlx::query_scalar(
            "SELECT current_user::text WHERE NOT pg_has_role($1, 'MEMBER WITH ADMIN OPTION')
                AND current_setting('server_version_num')::integer >= 160000",
        )
        .bind(group)
        .fetch_optional(&self.pool)
        .await?;
        refused.map_or(Ok(()), |owner| {
            Err(LedgerError::NotGranted(format!(
                "The database role {owner} may not hand out the role {group}, which somebody else \
                 has made for another ledger on this server: have a superuser run GRANT \
                 takings_importer, takings_api TO {owner} WITH ADMIN OPTION."
            )))
        })
    }

    async fn require_role(&self, role: &str) -> Result<(), LedgerError> {
        let there: bool =
            sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)")
                .bind(role)
                .fetch_one(&self.pool)
                .await?;
        if there { Ok(()) } else { Err(LedgerError::UnknownRole(role.into())) }
    }
}
