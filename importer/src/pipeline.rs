//! The stages joined: from a request and a source to an outcome.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek},
    sync::{Arc, Mutex},
    time::Duration,
};

use ledger::{
    Currency, Dataset, Digest, ImportId, MaxRejected, OnOverlap, Outcome, Run,
    outcome::RunResult,
    postgres::{Begun, Ledger, LedgerError, Load, LoadedChunk, OpenRun, RunRequest},
};
use telemetry::logs::SPANS;
use tokio::{
    sync::mpsc,
    task::{JoinHandle, spawn_blocking},
};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    claim::{Turn, keep, turn},
    decompress::{Limits, decompress},
    digest,
    dry_run::dry_run,
    error::LoadError,
    failpoint::hit,
    format::{DateOrder, Format},
    progress::{Counted, Progress, Stage},
    read::{End, read},
    sink::Sink,
    source::{Opened, Reader, Source},
    survey::{DateOrderError, Survey, survey},
    tally::Tally,
    write::{lock, write_all},
};

/// Pieces that wait between reading and loading.
const PIECES_AHEAD: usize = 1;
/// Of the file, what is loaded in one transaction, where nothing else is said.
pub const CHUNK_BYTES: u32 = 4 * 1024 * 1024;
/// How many transactions are under way at once: what two cores can feed.
pub const CONNECTIONS: u32 = 2;
/// Longest wait for another import of the same content, where nothing else is said.
pub const CLAIM_TIMEOUT: Duration = Duration::from_mins(10);
/// How long that may show no sign of life.
const CLAIM_DEAD_AFTER: Duration = Duration::from_secs(15);

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
    /// About how much of the file is loaded in one transaction, in bytes.
    pub chunk_bytes: u32,
    /// How many of them at once.
    pub connections: u32,
    /// Longest wait for another import that is loading the same content.
    pub claim_timeout: Duration,
    /// It is not waited for, once it has shown no sign of life for so long.
    pub claim_dead_after: Duration,
    /// Everything but writing: what the run would do, and nothing changed.
    pub dry_run: bool,
    /// Who asked for it.
    pub requested_by: String,
    /// The request that brought it.
    pub request_id: String,
    /// How far it is.
    pub progress: Progress,
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
            chunk_bytes: CHUNK_BYTES,
            connections: CONNECTIONS,
            claim_timeout: CLAIM_TIMEOUT,
            claim_dead_after: CLAIM_DEAD_AFTER,
            dry_run: false,
            requested_by: String::new(),
            request_id: String::new(),
            progress: Progress::default(),
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
    let (is_dry, progress) = (request.dry_run, request.progress.clone());
    let (import_id, number) = identity;
    let span = tracing::info_span!(target: SPANS, "load", %import_id, run = number.0);
    // Ends the reading whichever way this function ends.
    let reading = cancel.child_token();
    let _stop_reading = reading.clone().drop_guard();
    let ended = tokio::select! {
        biased;
        () = cancel.cancelled() => Err(LoadError::Stopped),
        ended = run(ledger, request, source, &reading).instrument(span) => ended,
    };
    progress.enter(Stage::Ended);
    ended.unwrap_or_else(|error| {
        let result = if error.is_retryable() { RunResult::Fault } else { RunResult::Refused };
        let outcome = Outcome::bare(identity, stream, (result, error.reason()), error.to_string());
        if is_dry && result == RunResult::Refused { outcome.of_dry_run() } else { outcome }
    })
}

async fn run(
    ledger: &Ledger,
    request: LoadRequest,
    source: Source,
    cancel: &CancellationToken,
) -> Result<Outcome, LoadError> {
    ledger.check_schema().await?;
    if request.dry_run {
        return dry_run(ledger, &request, source, cancel).await;
    }
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
    let tally = Arc::new(Mutex::new(Tally::of(&request.progress)));
    match publish(ledger, &run, &request, source, cancel, &tally).await {
        // Settled or published by another meanwhile: that end holds.
        Err(LoadError::Ledger(LedgerError::Ended)) => Ok(ledger.ended(&run).await?),
        Err(error) if error.is_retryable() || matches!(error, LoadError::Ledger(_)) => Err(error),
        Err(error) => {
            let tally = std::mem::take(&mut *lock(&tally));
            Ok(ledger.refuse(&run, tally.into_refusal(&error)).await?)
        }
        Ok(outcome) => Ok(outcome),
    }
}

async fn publish(
    ledger: &Ledger,
    run: &OpenRun,
    request: &LoadRequest,
    source: Source,
    cancel: &CancellationToken,
    tally: &Arc<Mutex<Tally>>,
) -> Result<Outcome, LoadError> {
    let opened = source.open().await?;
    let Some(file) = opened.file()? else {
        let before = read_before(request, None, cancel).await?;
        let load = ledger.open_load(run).await?;
        return load_and_publish(load, request, (opened, before), cancel, tally).await;
    };
    let (content, read, load) = match turn((ledger, run), request, &file, cancel).await? {
        Turn::Ended(outcome) => return Ok(*outcome),
        Turn::Load { content, read, load } => (content, read, load),
    };
    let loading = Box::pin(async {
        let before = match read {
            Some(before) => before,
            None => read_before(request, Some(file), cancel).await?,
        };
        let load = match load {
            Some(load) => load,
            None => ledger.open_load(run).await?,
        };
        load_and_publish(load, request, (opened, before), cancel, tally).await
    });
    tokio::select! {
        ended = loading => ended,
        never = keep((ledger, run), &content, request.claim_dead_after) => never,
    }
}

async fn load_and_publish(
    load: Load,
    request: &LoadRequest,
    (opened, Before { format, known }): (Opened, Before),
    cancel: &CancellationToken,
    tally: &Arc<Mutex<Tally>>,
) -> Result<Outcome, LoadError> {
    let loaded = Arc::new(load.loaded().await?);
    hit("after-open").await;
    let sink = Sink::Load(load.clone());
    let reader = counted(opened, request, cancel)?;
    let mut end = read_into(sink, &loaded, (reader, format), request, tally).await;
    if let Ok(read) = &end
        && (lock(tally).lacks(&loaded) || is_another(read, known))
    {
        end = Err(LoadError::SourceChanged);
    }
    if let Err(LoadError::SourceChanged) = end {
        load.give_up().await?;
    }
    let totals = lock(tally).verdict(end?, request.max_rejected)?;
    request.progress.enter(Stage::Comparing);
    hit("before-publish").await;
    let outcome =
        load.publish_telling(totals, || request.progress.enter(Stage::Publishing)).await?;
    hit("after-publish").await;
    Ok(outcome)
}

/// What is loaded, its bytes counted.
pub(crate) fn counted(
    opened: Opened,
    request: &LoadRequest,
    cancel: &CancellationToken,
) -> Result<Counted<Reader>, LoadError> {
    let bytes = opened.bytes()?;
    Ok(request.progress.read(Stage::Loading, bytes, opened.reader(cancel.clone())))
}

/// Reads a file to its end while what it holds goes into a sink.
pub(crate) async fn read_into(
    sink: Sink,
    loaded: &Arc<BTreeMap<u32, LoadedChunk>>,
    (reader, format): (Counted<Reader>, Format),
    request: &LoadRequest,
    tally: &Arc<Mutex<Tally>>,
) -> Result<End, LoadError> {
    let (sender, work) = mpsc::channel(PIECES_AHEAD);
    let (limits, piece_bytes) = (request.limits, request.chunk_bytes as usize);
    let span = tracing::Span::current();
    let reading = spawn_blocking(move || {
        span.in_scope(|| read(reader, &format, limits, piece_bytes, &sender))
    });
    let written = write_all(sink, loaded, request, work, tally).await;
    let read = joined(reading).await;
    written.and(read)
}

/// What is known before a file is loaded.
pub(crate) struct Before {
    pub(crate) format: Format,
    /// Its digest and how many bytes it has.
    pub(crate) known: Option<(Digest, u64)>,
}

/// Reads a file to its end before it is loaded, where its dates are to tell their order.
pub(crate) async fn read_before(
    request: &LoadRequest,
    file: Option<File>,
    cancel: &CancellationToken,
) -> Result<Before, LoadError> {
    let is_open = request.format.date_order == DateOrder::Auto;
    match file {
        Some(file) if is_open => read_whole(request, &file, cancel).await,
        None if is_open => Err(DateOrderError::ReadOnce.into()),
        _ => Ok(Before { format: request.format.clone(), known: None }),
    }
}

/// Reads a file to its end, for its digest and, where that is open, the order of its dates.
pub(crate) async fn read_whole(
    request: &LoadRequest,
    mut file: &File,
    cancel: &CancellationToken,
) -> Result<Before, LoadError> {
    let (mut format, limits) = (request.format.clone(), request.limits);
    let bytes = file.metadata()?.len();
    let reader = Opened::File(file.try_clone()?).reader(cancel.clone());
    let reader = request.progress.read(Stage::Reading, Some(bytes), reader);
    let known = if format.date_order == DateOrder::Auto {
        let (declared, piece_bytes) = (format.clone(), request.chunk_bytes as usize);
        let survey = move || survey(reader, &declared, limits, piece_bytes);
        let Survey { date_order, end } = joined(spawn_blocking(survey)).await?;
        format.date_order = date_order;
        (end.digest, end.bytes)
    } else {
        joined(spawn_blocking(move || digest_of(reader, limits))).await?
    };
    file.rewind()?;
    Ok(Before { format, known: Some(known) })
}

/// Whether a file is not the one that was read before.
pub(crate) fn is_another(end: &End, known: Option<(Digest, u64)>) -> bool {
    known.is_some_and(|known| known != (end.digest, end.bytes))
}

fn digest_of(reader: Counted<Reader>, limits: Limits) -> Result<(Digest, u64), LoadError> {
    let mut reader = decompress(reader, limits)?;
    Ok(digest::of(reader.by_ref())?)
}

pub(crate) async fn joined<T>(task: JoinHandle<Result<T, LoadError>>) -> Result<T, LoadError> {
    task.await.map_err(|error| LoadError::Internal(error.to_string()))?
}

pub(crate) fn run_request(request: &LoadRequest, source: &Source) -> RunRequest {
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
