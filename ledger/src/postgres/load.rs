//! A load: accepted lines on their way into the ledger, within one database transaction.
//!
//! In come chunks of sales and rejects, then the totals; out goes a final outcome. Nothing is
//! visible before publish has committed, and dropping a [`Load`] leaves nothing behind.

use std::collections::BTreeMap;

use jiff::civil::Date;
use sqlx::{Postgres, Transaction, types::Json};

use super::{
    Ledger, LedgerError, OpenRun, Refusal,
    run::{add_rejects, line_number, signed},
};
use crate::{Digest, Outcome, Reject, RejectReason, Sale, outcome::Reason};

/// How much is sent to the server in one message.
const MESSAGE_BYTES: usize = 256 * 1024;

/// Lines that are in the database, but not yet in the ledger.
#[derive(Debug)]
pub struct Load {
    ledger: Ledger,
    run: OpenRun,
    key: i32,
    transaction: Transaction<'static, Postgres>,
}

/// What the file was, once it has been read to its end.
#[derive(Clone, Debug)]
pub struct Totals {
    /// SHA-256 of the decompressed bytes.
    pub digest: Digest,
    /// Decompressed bytes.
    pub bytes: u64,
    /// Records read.
    pub lines_read: u64,
    /// Records rejected; all of them were given to [`Load::write`].
    pub lines_rejected: u64,
    /// First day of the accepted lines.
    pub first_sale_date: Option<Date>,
    /// Last day of the accepted lines.
    pub last_sale_date: Option<Date>,
    /// The first rejected lines, for a refusal: at most 10,000.
    pub rejects: Vec<Reject>,
    /// All rejected lines by reason.
    pub reject_counts: BTreeMap<RejectReason, u64>,
}

impl Ledger {
    /// Opens the transaction that the lines of a run go into.
    pub async fn load(&self, run: &OpenRun) -> Result<Load, LedgerError> {
        let mut transaction = self.pool.begin().await?;
        let key =
            sqlx::query_scalar("SELECT takings.open_load()").fetch_one(&mut *transaction).await?;
        Ok(Load { ledger: self.clone(), run: run.clone(), key, transaction })
    }
}

impl Load {
    /// Writes one chunk: some thousand lines, so that memory stays bounded.
    pub async fn write(&mut self, sales: &[Sale], rejects: &[Reject]) -> Result<(), LedgerError> {
        add_rejects(&mut self.transaction, &self.run, rejects).await?;
        if sales.is_empty() {
            return Ok(());
        }
        let rows = self.rows(sales)?;
        let statement = format!(
            "COPY takings.sale_{} (dataset_id, load_id, line, sale_date, order_id, product, \
             location, payment_method, client, quantity, unit_price, line_total) \
             FROM STDIN (FORMAT csv)",
            self.run.dataset_id
        );
        let mut copy = self.transaction.copy_in_raw(&statement).await?;
        for message in rows.chunks(MESSAGE_BYTES) {
            copy.send(message).await?;
        }
        copy.finish().await?;
        Ok(())
    }

    /// Publishes what was written, or refuses it: the run's end, whichever it is. A `COMMIT`
    /// whose answer was lost is an error; who begins the run again learns how it ended.
    pub async fn publish(mut self, totals: Totals) -> Result<Outcome, LedgerError> {
        match self.publish_load(&totals).await {
            Ok(()) => {
                self.transaction.commit().await?;
                self.ledger.outcome(self.run.imported_file_id).await
            }
            Err(error) => {
                let Self { ledger, run, transaction, .. } = self;
                // What can't be rolled back is gone with its connection.
                let _ = transaction.rollback().await;
                ledger.end_after_load(&run, error, totals).await
            }
        }
    }

    async fn publish_load(&mut self, totals: &Totals) -> Result<(), LedgerError> {
        sqlx::query("SELECT takings.publish_load($1, $2, $3, $4, $5, $6, $7)")
            .bind(self.run.imported_file_id)
            .bind(self.key)
            .bind(&totals.digest.0[..])
            .bind(signed(totals.bytes))
            .bind(signed(totals.lines_read))
            .bind(signed(totals.lines_rejected))
            .bind(Json(&totals.reject_counts))
            .execute(&mut *self.transaction)
            .await?;
        Ok(())
    }

    /// The sales as CSV rows. An empty field is NULL: no text of a [`Sale`] is empty.
    fn rows(&self, sales: &[Sale]) -> Result<Vec<u8>, LedgerError> {
        let mut writer = csv::Writer::from_writer(Vec::with_capacity(sales.len() * 128));
        let dataset_id = self.run.dataset_id.to_string();
        let load_id = self.key.to_string();
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let number =
            |field: &Option<crate::Decimal>| field.map_or_else(String::new, |n| n.to_string());
        for sale in sales {
            let written = writer.write_record([
                &dataset_id,
                &load_id,
                &line_number(sale.line).to_string(),
                &sale.sale_date.to_string(),
                &sale.order_id,
                &text(&sale.product),
                &text(&sale.location),
                &text(&sale.payment_method),
                &text(&sale.client),
                &number(&sale.quantity),
                &number(&sale.unit_price),
                &sale.line_total.to_string(),
            ]);
            written.map_err(|error| LedgerError::Unreadable(error.to_string()))?;
        }
        writer.into_inner().map_err(|error| LedgerError::Unreadable(error.to_string()))
    }
}

impl Ledger {
    async fn end_after_load(
        &self,
        run: &OpenRun,
        error: LedgerError,
        totals: Totals,
    ) -> Result<Outcome, LedgerError> {
        if matches!(error, LedgerError::AlreadyLoaded) {
            let found = self.publish_already_loaded(run, &totals.digest, totals.bytes).await?;
            // Gone again within this moment, by a revert: a retry loads the file.
            return found.ok_or(error);
        }
        self.end_after(run, error, Some(Refusal::of(totals))).await
    }
}

impl Refusal {
    /// What is known of a file that was read to its end.
    #[must_use]
    pub fn of(totals: Totals) -> Self {
        Self {
            digest: Some(totals.digest),
            bytes: totals.bytes,
            lines_read: totals.lines_read,
            lines_rejected: totals.lines_rejected,
            first_sale_date: totals.first_sale_date,
            last_sale_date: totals.last_sale_date,
            rejects: totals.rejects,
            reject_counts: totals.reject_counts,
            ..Self::unread(Reason::Internal, "")
        }
    }
}
