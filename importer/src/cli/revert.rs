//! `takings-importer revert`: by hand, or for a SalesImport that is being deleted.

use clap::Args;
use ledger::{
    Currency, Dataset, ImportId, Outcome, Run,
    outcome::{Reason, RunResult},
    postgres::{Ledger, LedgerError, Reverted},
};
use tokio_util::sync::CancellationToken;

use super::{DatabaseArgs, failed, hang_up, stopped_by};

#[derive(Args, Debug)]
pub(super) struct RevertArgs {
    /// The import.
    #[arg(long, env = "TAKINGS_IMPORT_ID")]
    import_id: ImportId,
    /// Why, for the record.
    #[arg(long, env = "TAKINGS_REASON")]
    reason: String,
    /// Who asks for it, for the record.
    #[arg(long, env = "TAKINGS_REQUESTED_BY", default_value = "command line")]
    requested_by: String,
    /// The import's newest run: unless it has published, it never will. The answer is an outcome
    /// then, also where nothing was there to be reverted.
    #[arg(long, env = "TAKINGS_RUN")]
    pub(super) run: Option<Run>,
    /// The dataset that this run loads into.
    #[arg(long, env = "TAKINGS_DATASET", default_value = "default")]
    dataset: Dataset,
}

impl RevertArgs {
    pub(super) async fn revert(
        &self,
        database: &DatabaseArgs,
    ) -> anyhow::Result<serde_json::Value> {
        let ledger = database.ledger()?;
        let reverted = ledger.revert(self.import_id, &self.reason, &self.requested_by).await?;
        hang_up(&ledger).await;
        Ok(serde_json::to_value(reverted)?)
    }

    pub(super) async fn end_and_revert(
        &self,
        run: Run,
        database: &DatabaseArgs,
        cancel: &CancellationToken,
    ) -> Outcome {
        let (identity, dataset) = ((self.import_id, run), self.dataset.clone());
        let done = stopped_by(cancel, async {
            let ledger = database.ledger()?;
            let message = self.reverted(&ledger, run).await?;
            hang_up(&ledger).await;
            let words = (RunResult::Reverted, Reason::Reverted);
            Ok(Outcome::bare(identity, (dataset.clone(), Currency::default()), words, message))
        });
        done.await.unwrap_or_else(|error| failed(identity, (dataset, Currency::default()), &error))
    }

    /// The run can't publish afterwards what is reverted before.
    async fn reverted(&self, ledger: &Ledger, run: Run) -> Result<String, LedgerError> {
        ledger.settle(self.import_id, run, &self.dataset).await?;
        match ledger.revert(self.import_id, &self.reason, &self.requested_by).await {
            Ok(reverted) => Ok(sentence(&reverted)),
            Err(LedgerError::NothingToRevert(_)) => {
                Ok("Nothing of the import was in the ledger.".into())
            }
            Err(error) => Err(error),
        }
    }
}

fn sentence(reverted: &Reverted) -> String {
    let Reverted { lines, revenue, dataset, skipped_by, .. } = reverted;
    let taken = format!(
        "Its {lines} lines, a revenue of {revenue}, are out of the figures of the dataset {dataset}."
    );
    if skipped_by.is_empty() {
        return taken;
    }
    let others: Vec<_> = skipped_by
        .iter()
        .map(|other| match other.requested_by.as_str() {
            "" => other.import_id.to_string(),
            name => name.to_owned(),
        })
        .collect();
    format!(
        "{taken} Lines that others had left to it are missing now, so run these again: {}.",
        others.join(", ")
    )
}
