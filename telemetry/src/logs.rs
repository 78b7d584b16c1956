//! Log lines: JSON for machines by default, text for people.
//!
//! A JSON line is flat: `timestamp`, `level`, `message`, `target`, the event's fields, and
//! under `span` the fields of the innermost span (a request id, an import).

use std::io;

use clap::{Args, ValueEnum};
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt::MakeWriter, layer::SubscriberExt as _};

/// The target of spans that are for traces alone, so that the fields of the span around them stay
/// in the log lines.
pub const SPANS: &str = "takings::trace";

/// What records spans beside the log lines.
pub type SpanLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// How and how much to log.
#[derive(Args, Clone, Debug)]
pub struct LogSettings {
    /// What to log: error, warn, info, debug, trace, or a filter such as `info,operator=debug`.
    #[arg(long, env = "TAKINGS_LOG", default_value = "info", global = true)]
    pub log_level: String,
    /// How log lines look.
    #[arg(long, env = "TAKINGS_LOG_FORMAT", default_value = "json", global = true)]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// Text for people.
    Text,
}

/// Where log lines go. A program whose standard output is a result logs to standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Starts logging, once a process.
///
/// # Errors
/// A sentence where the filter is none, or where the process logs already.
pub fn init(settings: &LogSettings, stream: Stream) -> Result<(), String> {
    init_with(settings, stream, None)
}

/// The same, and records spans.
///
/// # Errors
/// As [`init`].
pub fn init_with(
    settings: &LogSettings,
    stream: Stream,
    spans: Option<SpanLayer>,
) -> Result<(), String> {
    let lines = match stream {
        Stream::Stdout => lines(settings, io::stdout)?,
        Stream::Stderr => lines(settings, io::stderr)?,
    };
    tracing::subscriber::set_global_default(subscriber(lines, spans))
        .map_err(|error| format!("logging can't be started: {error}"))
}

fn subscriber(lines: SpanLayer, spans: Option<SpanLayer>) -> impl Subscriber + Send + Sync {
    let layers: Vec<_> = [lines].into_iter().chain(spans).collect();
    Registry::default().with(layers)
}

fn lines<W>(settings: &LogSettings, writer: W) -> Result<SpanLayer, String>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let directives = format!("{},{SPANS}=off", settings.log_level);
    let filter = EnvFilter::builder().parse(directives).map_err(|error| {
        let level = &settings.log_level;
        format!("the log level {level:?} is no filter such as info or info,operator=debug: {error}")
    })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    Ok(match settings.log_format {
        LogFormat::Text => lines.with_ansi(false).with_filter(filter).boxed(),
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_current_span(true);
            lines.with_span_list(false).with_filter(filter).boxed()
        }
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().map_err(|_| io::Error::other("poisoned"))?.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn settings(log_level: &str) -> LogSettings {
        LogSettings { log_level: log_level.into(), log_format: LogFormat::Json }
    }

    #[test]
    fn a_json_line_is_flat_and_carries_the_fields_of_its_span() {
        let lines = Lines::default();
        let writer = lines.clone();
        let lines_of = super::lines(&settings("info"), move || writer.clone()).unwrap();
        let subscriber = subscriber(lines_of, None);
        tracing::subscriber::with_default(subscriber, || {
            let _span = tracing::info_span!("request", request_id = "r1").entered();
            let _inner = tracing::info_span!(target: SPANS, "chunk", number = 1).entered();
            tracing::info!(status = 200, "answered");
            tracing::debug!("not shown");
        });
        let bytes = lines.0.lock().unwrap().clone();
        let line: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(line["message"], "answered");
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["status"], 200);
        assert_eq!(line["span"]["request_id"], "r1");
        assert!(line["timestamp"].is_string() && line["target"].is_string());
    }

    #[test]
    fn a_filter_that_is_none_is_named_in_the_error() {
        let error = lines(&settings("in fo=="), io::sink).err().unwrap();
        assert!(error.contains("in fo=="), "{error}");
    }
}
