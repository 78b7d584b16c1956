//! The figures of a question: from memory where they may be given out, else from the ledger.

use std::sync::Arc;

use ledger::{Currency, Dataset, postgres::DailyRevenue};

use crate::{
    memory::{Figures, Total},
    params::DateRange,
    problem::Problem,
    state::App,
};

impl App {
    /// The figures of a range, and the dataset's currency.
    pub(crate) async fn total(
        &self,
        dataset: &Dataset,
        range: DateRange,
    ) -> Result<(Option<Currency>, Total), Problem> {
        if let Some(figures) = self.remembered(dataset).await? {
            return Ok((figures.currency().cloned(), figures.total(range)));
        }
        let found = self.read(self.ledger.revenue(dataset, range.first, range.last)).await?;
        let total = Total {
            revenue: found.revenue,
            line_count: found.line_count,
            order_count: found.order_count,
        };
        Ok((found.currency, total))
    }

    /// The days of a range that have sales, ascending, and the dataset's currency.
    pub(crate) async fn days(
        &self,
        dataset: &Dataset,
        range: DateRange,
    ) -> Result<(Option<Currency>, Vec<DailyRevenue>), Problem> {
        if let Some(figures) = self.remembered(dataset).await? {
            return Ok((figures.currency().cloned(), figures.days(range).to_vec()));
        }
        let currency = self.read(self.ledger.currency(dataset)).await?;
        Ok((currency, self.read(self.ledger.daily(dataset, range.first, range.last)).await?))
    }

    /// A dataset's figures from memory, where they may be given out.
    async fn remembered(&self, dataset: &Dataset) -> Result<Option<Arc<Figures>>, Problem> {
        let figures = self.read(self.memory.figures(dataset)).await?;
        let source = if figures.is_some() { "memory" } else { "ledger" };
        self.metrics.answers.with_label_values(&[source]).inc();
        Ok(figures)
    }
}
