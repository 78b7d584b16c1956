//! The stages joined: from a request and a source to an outcome.

use std::{
    fs::File,
    io::{Read, Seek},
};

use ledger::{
    Currency, Dataset, ImportId, MaxRejected, OnOverlap, Outcome, Run,
    outcome::RunResult,
    postgres::{Begun, Ledger, Load, OpenRun, RunRequest},
};
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    decompress::{Limits, decompress},
    digest,
    error::LoadError,
    failpoint::hit,
    format::{DateOrder, Format},
    read::{End, read},
    source::{Opened, Reader, Source},
    survey::{self, DateOrderError},
    tally::{Chunk, Tally},
};

/// Chunks that wait between reading and loading.
const CHUNKS_AHEAD: usize = 2;
/// A log line tells how far a load is each time it has read so many lines more.
const PROGRESS_LINES: u64 = 1_000_000;

/// What to load, and how.
#[derive(Clone, Debug)]
pub struct LoadRequest {
    /// The SalesImport's uid, or a random one.
    pub import_id: ImportId,
    /// The number of the try, from 1.
    pub run: Run,
    /// Where the sales go.
    pub dataset: Dataset,
    /// The currency of all amounts.
    pub currency: Currency,
    /// How the file is to be read.
    pub format: Format,
    /// What happens to order-days that are there with other lines.
    pub on_overlap: OnOverlap,
    /// How many lines may be rejected.
    pub max_rejected: MaxRejected,
    /// Where unpacking a compressed file ends.
    pub limits: Limits,
    /// Who asked for it.
    pub requested_by: String,
    /// The request that brought it.
    pub request_id: String,
}

impl LoadRequest {
    /// The first run of an import, with every setting at its default.
    #[must_use]
    pub fn new(import_id: ImportId) -> Self {
        Self {
            import_id,
            run: Run::default(),
            dataset: Dataset::default(),
            currency: Currency::default(),
            format: Format::default(),
            on_overlap: OnOverlap::default(),
            max_rejected: MaxRejected::default(),
            limits: Limits::default(),
            requested_by: String::new(),
            request_id: String::new(),
        }
    }
}

/// Loads one file, exactly once. Faults are outcomes too; only a published or refused run is
/// final, and its outcome is the same whenever it is asked for again.
pub async fn load(
    ledger: &Ledger,
    request: LoadRequest,
    source: Source,
    cancel: &CancellationToken,
) -> Outcome {
    let identity = (request.import_id, request.run);
    let stream = (request.dataset.clone(), request.currency.clone());
    // Ends the reading whichever way this function ends.
    let reading = cancel.child_token();
    let _stop_reading = reading.clone().drop_guard();
    let ended = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(LoadError::Stopped),
        ended = run(ledger, request, source, &reading) => ended,
    };
    ended.unwrap_or_else(|error| {
        let result = if error.is_retryable() { RunResult::Fault } else { RunResult::Refused };
        Outcome::bare(identity, stream, (result, error.reason()), error.to_string())
    })
}

async fn run(
    ledger: &Ledger,
    request: LoadRequest,
    source: Source,
    cancel: &CancellationToken,
) -> Result<Outcome, LoadError> {
    ledger.check_schema().await?;
    let run = match ledger.begin(run_request(&request, &source)).await? {
        Begun::Ended(outcome) => return Ok(outcome),
        Begun::Open(run) => run,
    };
    tracing::info!(
        import_id = %request.import_id,
        run = request.run.0,
        dataset = %request.dataset,
        "loading {source}"
    );
    hit("after-begin").await;
    let mut tally = Tally::default();
    match publish(ledger, &run, &request, source, cancel, &mut tally).await {
        Err(error) if error.is_retryable() || matches!(error, LoadError::Ledger(_)) => Err(error),
        Err(error) => Ok(ledger.refuse(&run, tally.into_refusal(&error)).await?),
        Ok(outcome) => Ok(outcome),
    }
}

async fn publish(
    ledger: &Ledger,
    run: &OpenRun,
    request: &LoadRequest,
    source: Source,
    cancel: &CancellationToken,
    tally: &mut Tally,
) -> Result<Outcome, LoadError> {
    let mut opened = source.open().await?;
    if let Opened::File(file) = &mut opened {
        let End { digest, bytes } = digest_first(file, request.limits, cancel).await?;
        if let Some(outcome) = ledger.publish_already_loaded(run, &digest, bytes).await? {
            return Ok(outcome);
        }
    }
    let (sender, mut chunks) = mpsc::channel(CHUNKS_AHEAD);
    let file = match &opened {
        Opened::File(file) => Some(file.try_clone()?),
        Opened::Stream { .. } => None,
    };
    let (format, limits) = (with_date_order(file, request, cancel).await?, request.limits);
    let reader = opened.reader(cancel.clone());
    let reading = tokio::task::spawn_blocking(move || read(reader, &format, limits, &sender));
    let load = copy(ledger, run, &mut chunks, tally, request.max_rejected).await?;
    let End { digest, bytes } = joined(reading).await?;
    tally.end(digest, bytes);
    tally.check(request.max_rejected)?;
    let load = match load {
        Some(load) => load,
        None => ledger.load(run).await?,
    };
    hit("before-publish").await;
    let outcome = load.publish(std::mem::take(tally).into_totals(digest)).await?;
    hit("after-publish").await;
    Ok(outcome)
}

/// Writes all chunks into one transaction, opened with the first of them. Once too many lines
/// are rejected it is rolled back, and the rest of the file is only counted.
async fn copy(
    ledger: &Ledger,
    run: &OpenRun,
    chunks: &mut mpsc::Receiver<Chunk>,
    tally: &mut Tally,
    max_rejected: MaxRejected,
) -> Result<Option<Load>, LoadError> {
    let mut load = None;
    while let Some(chunk) = chunks.recv().await {
        let before = tally.lines_read();
        tally.add(&chunk);
        if tally.lines_read() / PROGRESS_LINES > before / PROGRESS_LINES {
            let import_id = run.request.import_id;
            tracing::info!(%import_id, lines_read = tally.lines_read(), "still loading");
        }
        if tally.is_hopeless(max_rejected) {
            load = None;
            continue;
        }
        let load = match &mut load {
            Some(load) => load,
            None => load.insert(ledger.load(run).await?),
        };
        load.write(&chunk.sales, &chunk.rejects).await?;
        hit("mid-copy").await;
    }
    Ok(load)
}

/// The digest of a file that can be read twice: what is there already need not be loaded.
async fn digest_first(
    file: &mut File,
    limits: Limits,
    cancel: &CancellationToken,
) -> Result<End, LoadError> {
    let reader = Opened::File(file.try_clone()?).reader(cancel.clone());
    let end = joined(tokio::task::spawn_blocking(move || digest_of(reader, limits))).await?;
    file.rewind()?;
    Ok(end)
}

/// The format with the order of the dates, where that is to be found in the file.
async fn with_date_order(
    file: Option<File>,
    request: &LoadRequest,
    cancel: &CancellationToken,
) -> Result<Format, LoadError> {
    let (format, limits) = (request.format.clone(), request.limits);
    if format.date_order != DateOrder::Auto {
        return Ok(format);
    }
    let mut file = file.ok_or(DateOrderError::ReadOnce)?;
    let reader = Opened::File(file.try_clone()?).reader(cancel.clone());
    let survey = move || survey::with_date_order(reader, &format, limits);
    let format = joined(tokio::task::spawn_blocking(survey)).await?;
    file.rewind()?;
    Ok(format)
}

fn digest_of(reader: Reader, limits: Limits) -> Result<End, LoadError> {
    let mut reader = decompress(reader, limits)?;
    let (digest, bytes) = digest::of(reader.by_ref())?;
    Ok(End { digest, bytes })
}

async fn joined<T>(task: JoinHandle<Result<T, LoadError>>) -> Result<T, LoadError> {
    task.await.map_err(|error| LoadError::Internal(error.to_string()))?
}

fn run_request(request: &LoadRequest, source: &Source) -> RunRequest {
    RunRequest {
        import_id: request.import_id,
        run: request.run,
        dataset: request.dataset.clone(),
        currency: request.currency.clone(),
        filename: source.filename(),
        source: source.to_string(),
        format: request.format.canonical(),
        on_overlap: request.on_overlap,
        max_rejected: request.max_rejected,
        requested_by: request.requested_by.clone(),
        request_id: request.request_id.clone(),
    }
}
