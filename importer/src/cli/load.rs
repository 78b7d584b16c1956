//! `load`: what was typed, and what it means.

use std::{collections::BTreeMap, time::Duration};

use clap::{Args, builder::FalseyValueParser};
use ledger::{Currency, Dataset, ImportId, MaxRejected, OnOverlap, Outcome, Run};
use tokio_util::sync::CancellationToken;

use super::{DatabaseArgs, failed, hang_up, source::SourceArgs, watch::WatchArgs};
use crate::{
    CHUNK_BYTES, CLAIM_TIMEOUT, CONNECTIONS, LoadRequest,
    decompress::Limits,
    encoding::Encoding,
    format::{Comment, DateOrder, Delimiter, Field, Format, parse_column},
};

/// What to load, from where, and how.
#[derive(Args, Debug)]
pub struct LoadArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// The dataset that it belongs to.
    #[arg(long, env = "TAKINGS_DATASET", default_value = "default")]
    dataset: Dataset,
    /// The currency of all its amounts (ISO 4217).
    #[arg(long, env = "TAKINGS_CURRENCY", default_value = "SGD")]
    currency: Currency,
    /// What happens to an order-day that is there with other lines: fail, skip or replace.
    #[arg(long, env = "TAKINGS_ON_OVERLAP", default_value = "fail")]
    on_overlap: OnOverlap,
    /// How many lines may be rejected: a count such as 10, or a percentage such as 2%.
    #[arg(long, env = "TAKINGS_MAX_REJECTED", default_value = "0")]
    max_rejected: MaxRejected,
    /// Reads, checks and compares the whole file, says what a load would do, and changes nothing.
    #[arg(long, env = "TAKINGS_DRY_RUN", value_parser = FalseyValueParser::new())]
    dry_run: bool,
    #[command(flatten)]
    format: FormatArgs,
    /// The import; a random one if not given. The same import and run load once at most.
    #[arg(long, env = "TAKINGS_IMPORT_ID")]
    import_id: Option<ImportId>,
    /// The import's run, from 1: a later one replaces what an earlier one loaded.
    #[arg(long, env = "TAKINGS_RUN", default_value = "1")]
    run: Run,
    /// Who asks for it, for the record.
    #[arg(long, env = "TAKINGS_REQUESTED_BY", default_value = "command line")]
    requested_by: String,
    /// The request that brought it, for the record.
    #[arg(long, env = "TAKINGS_REQUEST_ID", default_value = "")]
    request_id: String,
    /// Most bytes that a compressed file may unpack to.
    #[arg(long, env = "TAKINGS_MAX_UNPACKED_BYTES", default_value_t = Limits::default().unpacked_bytes)]
    max_unpacked_bytes: u64,
    /// How many times larger than itself a compressed file may unpack to.
    #[arg(long, env = "TAKINGS_MAX_COMPRESSION_RATIO", default_value_t = Limits::default().ratio)]
    max_compression_ratio: u64,
    /// About how many bytes of the file are loaded in one transaction.
    #[arg(long, env = "TAKINGS_CHUNK_BYTES", default_value_t = CHUNK_BYTES, value_parser = clap::value_parser!(u32).range(1024..=256 << 20))]
    chunk_bytes: u32,
    /// How many transactions at once: more than the cores of both sides gains nothing.
    #[arg(long, env = "TAKINGS_CONNECTIONS", default_value_t = CONNECTIONS, value_parser = clap::value_parser!(u32).range(1..=16))]
    connections: u32,
    /// Longest wait, in seconds, for another import that is loading the same file into the dataset;
    /// then it is loaded beside that one, and counts once all the same.
    #[arg(long, env = "TAKINGS_CLAIM_TIMEOUT", value_name = "SECONDS", default_value_t = CLAIM_TIMEOUT.as_secs())]
    claim_timeout: u64,
    #[command(flatten)]
    watch: WatchArgs,
}

#[derive(Args, Debug)]
struct FormatArgs {
    /// How characters are encoded: utf-8, utf-16le, utf-16be or windows-1252. A byte order mark
    /// says it as well.
    #[arg(long, env = "TAKINGS_ENCODING", default_value = "utf-8")]
    encoding: Encoding,
    /// The order of a date's numbers: month-first, day-first or year-first, or auto, which reads a
    /// file twice and takes the order that all its dates prove. ISO dates fit always.
    #[arg(long, env = "TAKINGS_DATE_ORDER", default_value = "month-first")]
    date_order: DateOrder,
    /// What separates fields: one character, or the word tab. Not given: a comma, a semicolon, a
    /// tab or a bar, whichever the header shows.
    #[arg(long, env = "TAKINGS_DELIMITER")]
    delimiter: Option<Delimiter>,
    /// A character that makes a line a comment where it is its first, such as #. Not given: there
    /// are no comments.
    #[arg(long, env = "TAKINGS_COMMENT")]
    comment: Option<Comment>,
    /// How many lines stand before the header, whatever they hold.
    #[arg(long, env = "TAKINGS_SKIP_LINES", value_name = "LINES", default_value = "0", value_parser = clap::value_parser!(u32).range(..=1_000))]
    skip_lines: u32,
    /// A column with another name than in the sales report, such as total="Amount Paid". May be
    /// repeated, also for one field that has several names; in the environment, one a line.
    #[arg(
        long = "column",
        env = "TAKINGS_COLUMNS",
        value_name = "FIELD=NAME",
        value_parser = parse_column,
        value_delimiter = '\n'
    )]
    columns: Vec<(Field, String)>,
}

impl LoadArgs {
    pub(super) async fn load(self, database: &DatabaseArgs, cancel: &CancellationToken) -> Outcome {
        let request = self.request();
        let identity = (request.import_id, request.run);
        match database.ledger_for(request.connections, self.dry_run) {
            Ok(ledger) => {
                let (source, progress) = (self.source.source(), request.progress.clone());
                let load = Box::pin(crate::load(&ledger, request, source, cancel));
                let outcome = self.watch.watch(progress, load).await;
                hang_up(&ledger).await;
                outcome
            }
            Err(error) => failed(identity, (self.dataset, self.currency), &error.into()),
        }
    }

    fn request(&self) -> LoadRequest {
        let import_id = self.import_id.unwrap_or_else(ImportId::random);
        LoadRequest {
            run: self.run,
            dataset: self.dataset.clone(),
            currency: self.currency.clone(),
            format: self.format.format(),
            on_overlap: self.on_overlap,
            max_rejected: self.max_rejected,
            limits: Limits {
                unpacked_bytes: self.max_unpacked_bytes,
                ratio: self.max_compression_ratio,
            },
            chunk_bytes: self.chunk_bytes,
            connections: self.worthwhile_connections(),
            claim_timeout: Duration::from_secs(self.claim_timeout),
            dry_run: self.dry_run,
            requested_by: self.requested_by.clone(),
            request_id: self.request_id.clone(),
            ..LoadRequest::new(import_id)
        }
    }

    /// One for a file of one chunk: a second connection would take longer to make than to use.
    fn worthwhile_connections(&self) -> u32 {
        let is_short = |bytes| bytes <= u64::from(self.chunk_bytes);
        if self.source.file_bytes().is_some_and(is_short) { 1 } else { self.connections }
    }
}

impl FormatArgs {
    fn format(&self) -> Format {
        let mut columns: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (field, name) in &self.columns {
            columns.entry(*field).or_default().push(name.clone());
        }
        Format {
            encoding: self.encoding,
            delimiter: self.delimiter,
            comment: self.comment,
            skip_lines: self.skip_lines,
            date_order: self.date_order,
            columns,
        }
    }
}
