//! What is seen of a load while it runs: a bar on a terminal, log lines elsewhere, and the admin
//! port where one is asked for. Reads counters, and holds up nothing.

use std::{
    io::{IsTerminal as _, Write as _},
    net::SocketAddr,
    time::Duration,
};

use axum::{Json, Router, routing::get};
use clap::Args;
use prometheus::{
    IntGauge, IntGaugeVec, Opts,
    core::{Collector, Desc},
    proto::MetricFamily,
};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::progress::{Progress, Reached, Stage};

/// How often the bar moves.
const BAR_PAUSE: Duration = Duration::from_millis(200);
/// How many characters a full bar has, and a line at most.
const BAR_WIDTH: usize = 20;
const LINE_WIDTH: usize = 79;

/// How a load can be watched.
#[derive(Args, Clone, Debug)]
pub(super) struct WatchArgs {
    /// Address and port of /progress, /metrics and /livez while the load runs, such as
    /// 127.0.0.1:9090. Not given: there are none.
    #[arg(long, env = "TAKINGS_ADMIN_ADDRESS")]
    admin_address: Option<SocketAddr>,
    /// How often a log line tells how far the load is, in seconds; on a terminal a bar does.
    #[arg(long, env = "TAKINGS_PROGRESS_SECONDS", value_name = "SECONDS", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    progress_seconds: u32,
}

impl WatchArgs {
    /// Lets a load be watched until it ends.
    pub(super) async fn watch<T>(self, progress: Progress, load: impl Future<Output = T>) -> T {
        let is_terminal = std::io::stderr().is_terminal();
        let mut watchers = JoinSet::new();
        if let Some(address) = self.admin_address {
            watchers.spawn(serve(address, progress.clone()).in_current_span());
        }
        let pause = Duration::from_secs(self.progress_seconds.into());
        if is_terminal {
            watchers.spawn(draw(progress));
        } else {
            watchers.spawn(log(progress, pause).in_current_span());
        }
        let ended = load.await;
        watchers.shutdown().await;
        if is_terminal {
            show("");
        }
        ended
    }
}

async fn log(progress: Progress, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let Reached { stage, bytes, bytes_read, lines_read, lines_rejected } = progress.reached();
        let stage = stage.as_str();
        tracing::info!(stage, bytes, bytes_read, lines_read, lines_rejected, "still {stage}");
    }
}

async fn draw(progress: Progress) {
    loop {
        tokio::time::sleep(BAR_PAUSE).await;
        show(&bar(progress.reached()));
    }
}

/// Writes over what was shown before, and lets the next log line do the same.
fn show(line: &str) {
    // Who can't be shown it need not be told.
    let _ = write!(std::io::stderr(), "\r{line}\x1b[K\r");
}

fn bar(Reached { stage, bytes, bytes_read, lines_read, lines_rejected }: Reached) -> String {
    let mebibytes = |bytes: u64| format!("{}.{}", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20);
    let read = mebibytes(bytes_read);
    let part = match bytes {
        Some(bytes) => {
            let percent = u128::from(bytes_read.min(bytes)) * 100 / u128::from(bytes);
            let percent = usize::try_from(percent).unwrap_or_default();
            let filled = "#".repeat(percent * BAR_WIDTH / 100);
            format!("[{filled:-<BAR_WIDTH$}] {percent:>3} % of {} MiB", mebibytes(bytes))
        }
        None => format!("{read} MiB"),
    };
    let stage = stage.as_str();
    let mut line = format!("{stage:<10} {part}, {lines_read} lines, {lines_rejected} rejected");
    line.truncate(LINE_WIDTH);
    line
}

async fn serve(address: SocketAddr, progress: Progress) {
    let served = match registry(progress.clone()) {
        Ok(registry) => {
            let reached = async move || Json(progress.reached());
            let routes: Router = telemetry::admin::router(registry, || Ok(()));
            let routes = routes.route("/progress", get(reached));
            telemetry::admin::serve_routes(address, routes, CancellationToken::new()).await
        }
        Err(error) => Err(std::io::Error::other(error)),
    };
    if let Err(error) = served {
        tracing::warn!("the load goes on without the admin port {address}: {error}");
    }
}

fn registry(progress: Progress) -> prometheus::Result<prometheus::Registry> {
    let registry = telemetry::metrics::registry(env!("CARGO_PKG_VERSION"))?;
    registry.register(Box::new(Gauges::new(progress)?))?;
    Ok(registry)
}

/// What a gauge shows.
type Count = fn(&Reached) -> u64;

/// The counters as metrics.
struct Gauges {
    progress: Progress,
    counts: [(IntGauge, Count); 4],
    stage: IntGaugeVec,
}

impl Gauges {
    fn new(progress: Progress) -> prometheus::Result<Self> {
        let gauge = |name, help: &str| IntGauge::new(format!("takings_load_{name}"), help);
        let stage = Opts::new("takings_load_stage", "1 for the stage that the load is at.");
        Ok(Self {
            progress,
            counts: [
                (
                    gauge("bytes", "Bytes of the file as it lies at its source; 0: not known.")?,
                    |reached| reached.bytes.unwrap_or_default(),
                ),
                (gauge("bytes_read", "Bytes of the file read so far.")?, |reached| {
                    reached.bytes_read
                }),
                (gauge("lines_read", "Lines read so far.")?, |reached| reached.lines_read),
                (gauge("lines_rejected", "Lines rejected so far.")?, |reached| {
                    reached.lines_rejected
                }),
            ],
            stage: IntGaugeVec::new(stage, &["stage"])?,
        })
    }
}

impl Collector for Gauges {
    fn desc(&self) -> Vec<&Desc> {
        let counts = self.counts.iter().flat_map(|(gauge, _)| gauge.desc());
        counts.chain(self.stage.desc()).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let reached = self.progress.reached();
        for (gauge, count) in &self.counts {
            gauge.set(i64::try_from(count(&reached)).unwrap_or(i64::MAX));
        }
        for stage in Stage::ALL {
            let is_reached = i64::from(stage == reached.stage);
            self.stage.with_label_values(&[stage.as_str()]).set(is_reached);
        }
        let counts = self.counts.iter().flat_map(|(gauge, _)| gauge.collect());
        counts.chain(self.stage.collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_how_much_of_the_file_is_read_and_fits_a_terminal() {
        let reached = Reached {
            stage: Stage::Loading,
            bytes: Some(3 << 20),
            bytes_read: 3 << 19,
            lines_read: 20_000,
            lines_rejected: 7,
        };
        let bar_of = |bytes| bar(Reached { bytes, ..reached });
        assert_eq!(
            bar_of(Some(3 << 20)),
            "loading    [##########----------]  50 % of 3.0 MiB, 20000 lines, 7 rejected"
        );
        assert_eq!(bar_of(None), "loading    1.5 MiB, 20000 lines, 7 rejected");
        assert!(bar_of(Some(1)).contains("] 100 %"), "a file that grew");
        let most = Reached {
            stage: Stage::Publishing,
            bytes: Some(u64::MAX),
            bytes_read: u64::MAX,
            lines_read: u64::MAX,
            lines_rejected: u64::MAX,
        };
        assert_eq!(bar(most).len(), LINE_WIDTH);
    }
}
