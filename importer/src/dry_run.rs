//! A dry run: the same stages as a load, but for a sink that writes nothing and a publish that
//! only says what it would do.

use std::sync::{Arc, Mutex};

use ledger::{
    Outcome,
    postgres::{Begun, DryRun, Ledger, Totals},
};
use tokio_util::sync::CancellationToken;

use crate::{
    LoadRequest, Source,
    error::LoadError,
    pipeline::{Before, counted, is_another, read_before, read_into, run_request},
    progress::Stage,
    sink::Sink,
    tally::Tally,
    write::lock,
};

/// What the outcome of a run would be.
pub(crate) async fn dry_run(
    ledger: &Ledger,
    request: &LoadRequest,
    source: Source,
    cancel: &CancellationToken,
) -> Result<Outcome, LoadError> {
    let run = match ledger.dry_run(run_request(request, &source)).await? {
        Begun::Ended(outcome) => return Ok(outcome),
        Begun::Open(run) => run,
    };
    tracing::info!(dataset = %request.dataset, "reading {source} without loading it");
    let tally = Arc::new(Mutex::new(Tally::of(&request.progress)));
    match read(&run, request, source, cancel, &tally).await {
        Ok(totals) => {
            request.progress.enter(Stage::Comparing);
            Ok(run.end(totals).await?)
        }
        Err(error) if error.is_retryable() || matches!(error, LoadError::Ledger(_)) => Err(error),
        Err(error) => {
            let tally = std::mem::take(&mut *lock(&tally));
            Ok(run.refuse(tally.into_refusal(&error)))
        }
    }
}

async fn read(
    run: &DryRun,
    request: &LoadRequest,
    source: Source,
    cancel: &CancellationToken,
    tally: &Arc<Mutex<Tally>>,
) -> Result<Totals, LoadError> {
    let opened = source.open().await?;
    let Before { format, known } = read_before(request, opened.file()?, cancel).await?;
    let sink = Sink::DryRun(run.clone());
    let reader = counted(opened, request, cancel)?;
    let end = read_into(sink, &Arc::default(), (reader, format), request, tally).await?;
    if is_another(&end, known) {
        return Err(LoadError::SourceChanged);
    }
    let mut tally = lock(tally);
    let totals = tally.verdict(end, request.max_rejected)?;
    Ok(Totals { rejects: tally.first_rejects(), ..totals })
}
