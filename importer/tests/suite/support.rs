//! A shop: a ledger in a database of its own, and short ways to load into it and look at it.

use std::{net::SocketAddr, path::PathBuf, process::Stdio, time::Duration};

use axum::Router;
use harness::postgres::{Database, Server};
use importer::{
    HttpSettings, LoadRequest, NetworkRules, Source,
    source::{Credentials, StoreSettings},
};
use ledger::{
    Dataset, ImportId, MaxRejected, OnOverlap, Outcome,
    outcome::{Reason, RunResult},
    postgres::{DatabaseUrl, Ledger, PoolSettings},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::sales::{Expected, Shape, amount};

pub const HEADER: &str = "Sale Date,Sale ID,Item name,Item Total\n";

pub struct Shop {
    pub server: Server,
    pub database: Database,
    pub ledger: Ledger,
    pub folder: PathBuf,
}

impl Shop {
    pub async fn open() -> Self {
        Self::open_at(Server::shared().unwrap()).await
    }

    pub async fn open_at(server: Server) -> Self {
        let database = server.create_database().unwrap();
        let url = DatabaseUrl::new(&database.url).unwrap();
        Ledger::migrate(&url).await.unwrap();
        let ledger = Ledger::connect_lazy(&url, &PoolSettings::default());
        let folder = std::env::temp_dir().join(format!("takings-importer-{}", database.name));
        std::fs::create_dir_all(&folder).unwrap();
        Self { server, database, ledger, folder }
    }

    pub async fn load(&self, request: LoadRequest, source: Source) -> Outcome {
        importer::load(&self.ledger, request, source, &CancellationToken::new()).await
    }

    /// Loads a text as an import of its own.
    pub async fn load_text(&self, text: &str) -> Outcome {
        self.load(request(), upload(text)).await
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn write_generated(&self, name: &str, shape: &Shape) -> (PathBuf, Expected) {
        let mut bytes = Vec::new();
        let expected = crate::sales::write(&mut bytes, shape).unwrap();
        (self.write(name, bytes), expected)
    }

    pub fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.database.name, sql).unwrap().trim().to_owned()
    }

    /// The revenue of the default dataset, ever.
    pub async fn revenue(&self) -> String {
        self.ledger
            .revenue(&Dataset::default(), FIRST_DAY, LAST_DAY)
            .await
            .unwrap()
            .revenue
            .to_string()
    }

    /// Asserts that the ledger holds exactly these sales, by day and in all, as the API would
    /// answer and as the lines sum up.
    pub async fn assert_holds(&self, expected: &Expected) {
        let dataset = Dataset::default();
        let all = self.ledger.revenue(&dataset, FIRST_DAY, LAST_DAY).await.unwrap();
        assert_eq!(
            (all.revenue.to_string(), all.line_count, all.order_count),
            (amount(expected.mills()), expected.lines, expected.orders)
        );
        let daily = self.ledger.daily(&dataset, FIRST_DAY, LAST_DAY).await.unwrap();
        let daily: Vec<_> = daily
            .into_iter()
            .map(|day| (day.date, day.revenue.to_string(), day.line_count, day.order_count))
            .collect();
        let days: Vec<_> = expected
            .days
            .iter()
            .map(|(date, day)| (*date, amount(day.mills), day.lines, day.orders))
            .collect();
        assert_eq!(daily, days);
        let lines = "SELECT trim_scale(coalesce(sum(line_total), 0)), count(*), \
                     count(DISTINCT order_id) FROM takings.live_sale";
        let summed = format!("{}|{}|{}", amount(expected.mills()), expected.lines, expected.orders);
        assert_eq!(self.sql(lines), summed);
    }

    /// The real program, ready to load a file of this shop.
    pub fn program(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_takings-importer"));
        command.args(arguments).env("DATABASE_URL", &self.database.url).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

pub const FIRST_DAY: jiff::civil::Date = jiff::civil::date(1900, 1, 1);
pub const LAST_DAY: jiff::civil::Date = jiff::civil::date(2999, 12, 31);

pub fn request() -> LoadRequest {
    LoadRequest { requested_by: "tests".into(), ..LoadRequest::new(ImportId::random()) }
}

pub fn with_policy(on_overlap: OnOverlap) -> LoadRequest {
    LoadRequest { on_overlap, ..request() }
}

pub fn tolerating(max_rejected: &str) -> LoadRequest {
    let max_rejected: MaxRejected = max_rejected.parse().unwrap();
    LoadRequest { max_rejected, ..request() }
}

pub fn upload(text: &str) -> Source {
    let reader = Box::new(std::io::Cursor::new(text.as_bytes().to_vec()));
    Source::Stream { reader, filename: "upload.csv".into(), read_timeout: Duration::from_secs(10) }
}

/// What tests may reach is on this machine.
pub fn settings() -> HttpSettings {
    HttpSettings {
        allow_http: true,
        network: NetworkRules { allow_loopback: true, ..NetworkRules::default() },
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(5),
        resume_pause: Duration::from_millis(1),
    }
}

/// A URL that is asked for without credentials.
pub fn remote(url: impl Into<String>, settings: HttpSettings) -> Source {
    Source::Url {
        url: url.into(),
        store: StoreSettings::default(),
        credentials: Credentials::default(),
        settings,
    }
}

pub async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

pub fn file(path: &std::path::Path) -> Source {
    Source::File { path: path.to_owned(), root: None }
}

pub fn assert_ended(outcome: &Outcome, result: RunResult, reason: Reason) {
    assert_eq!((outcome.result, outcome.reason), (result, reason), "{outcome:?}");
    let (read, rejected) = (outcome.lines_read, outcome.lines_rejected);
    match result {
        RunResult::Published | RunResult::AlreadyLoaded => {
            assert_eq!(
                read,
                outcome.lines_imported + outcome.lines_skipped + rejected,
                "{outcome:?}"
            );
        }
        RunResult::Refused => {
            assert_eq!(outcome.lines_imported, 0, "{outcome:?}");
            assert_eq!(read, outcome.lines_valid + outcome.lines_skipped + rejected, "{outcome:?}");
        }
        _ => {}
    }
}

pub fn assert_published(outcome: &Outcome, imported: u64, skipped: u64) {
    assert_ended(outcome, RunResult::Published, Reason::Published);
    assert_eq!((outcome.lines_imported, outcome.lines_skipped), (imported, skipped), "{outcome:?}");
}
