//! A ledger of its own for each test, on the shared PostgreSQL, and short ways to fill it.

use std::{collections::BTreeMap, time::Duration};

use harness::postgres::{Database, Server};
use jiff::civil::{Date, date};
use ledger::{
    Currency, Dataset, Decimal, Digest, ImportId, MaxRejected, OnOverlap, Outcome, Reject, Run,
    Sale,
    postgres::{
        Begun, Claim, DatabaseUrl, Ledger, LedgerError, Load, Names, OpenRun, PoolSettings,
        Retention, RunRequest, Totals,
    },
};

/// All that counts nowhere goes at once, but for runs that may still be at work.
pub(crate) const KEEP_NOTHING: Retention = Retention {
    unended_runs: Duration::from_hours(24),
    ended_loads: Some(Duration::ZERO),
    reject_values: Some(Duration::ZERO),
};

/// A migrated database, dropped at the end of the test.
pub(crate) struct TestLedger {
    pub(crate) ledger: Ledger,
    pub(crate) database: Database,
    pub(crate) server: Server,
}

impl TestLedger {
    pub(crate) async fn new() -> Self {
        let server = Server::shared().unwrap();
        let database = server.create_database().unwrap();
        let url = DatabaseUrl::new(&database.url).unwrap();
        Ledger::migrate(&url).await.unwrap();
        Self { ledger: connect(&database.url), database, server }
    }

    /// One number or text out of the database, as psql prints it.
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.server.sql(&self.database.name, sql).unwrap().trim().to_owned()
    }

    /// A login role of this test, with a password, and the ledger as it sees it.
    pub(crate) fn role(&self, name: &str) -> (String, Ledger) {
        let role = format!("{name}_{}", self.database.name);
        self.sql(&format!("CREATE ROLE {role} LOGIN PASSWORD 'secret'"));
        let url = format!(
            "postgres://{role}:secret@{}:{}/{}",
            self.server.address(),
            self.server.port(),
            self.database.name
        );
        (role, connect(&url))
    }

    pub(crate) async fn load(&self, file: &File) -> Outcome {
        load(&self.ledger, file).await.unwrap()
    }

    /// Revenue, lines and distinct orders of the default dataset between two days of March 2025.
    pub(crate) async fn figures(&self, from: i8, to: i8) -> (String, u64, u64) {
        let figures = self.ledger.revenue(&Dataset::default(), day(from), day(to)).await.unwrap();
        (figures.revenue.to_string(), figures.line_count, figures.order_count)
    }

    /// Rows of all tables that belong to loads.
    pub(crate) fn load_rows(&self) -> String {
        self.sql(
            "SELECT (SELECT count(*) FROM takings.sale), (SELECT count(*) FROM takings.load),
                (SELECT count(*) FROM takings.load_chunk WHERE chunk >= 0),
                (SELECT count(*) FROM takings.order_block)",
        )
    }

    pub(crate) async fn version(&self) -> i64 {
        self.ledger.version().await.unwrap().version
    }
}

pub(crate) fn connect(url: &str) -> Ledger {
    Ledger::connect_lazy(&DatabaseUrl::new(url).unwrap(), &PoolSettings::default())
}

/// Few, so that orders lie in several chunks.
const CHUNK_LINES: usize = 3;

/// A file to load: what an importer would have made of it.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) request: RunRequest,
    pub(crate) sales: Vec<Sale<'static>>,
    pub(crate) rejects: Vec<Reject>,
}

impl File {
    /// A first run of a new import; lines are (day of March 2025, order, total).
    pub(crate) fn new(lines: &[(i8, &str, &str)]) -> Self {
        let sales = lines
            .iter()
            .zip(2..)
            .map(|(&(on, order, total), line)| sale(line, day(on), order, total))
            .collect();
        let request = RunRequest {
            import_id: ImportId::random(),
            run: Run(1),
            dataset: Dataset::default(),
            currency: Currency::default(),
            filename: "march.csv".into(),
            source: "file".into(),
            format: "test".into(),
            on_overlap: OnOverlap::Fail,
            max_rejected: MaxRejected::default(),
            requested_by: "shop/march".into(),
            request_id: String::new(),
        };
        Self { request, sales, rejects: Vec::new() }
    }

    pub(crate) fn on_overlap(mut self, policy: OnOverlap) -> Self {
        self.request.on_overlap = policy;
        self
    }

    pub(crate) fn dataset(mut self, name: &str) -> Self {
        self.request.dataset = name.parse().unwrap();
        self
    }

    pub(crate) fn currency(mut self, code: &str) -> Self {
        self.request.currency = code.parse().unwrap();
        self
    }

    pub(crate) fn run_of(mut self, import_id: ImportId, run: u32) -> Self {
        self.request.import_id = import_id;
        self.request.run = Run(run);
        self
    }

    pub(crate) fn import_id(&self) -> ImportId {
        self.request.import_id
    }

    pub(crate) fn totals(&self) -> Totals {
        Totals {
            digest: self.digest(),
            bytes: 0,
            chunks: u32::try_from(self.sales.chunks(CHUNK_LINES).len().max(1)).unwrap(),
            lines_read: (self.sales.len() + self.rejects.len()) as u64,
            lines_rejected: self.rejects.len() as u64,
            first_sale_date: self.sales.iter().map(|sale| sale.sale_date).min(),
            last_sale_date: self.sales.iter().map(|sale| sale.sale_date).max(),
            rejects: self.rejects.clone(),
            reject_counts: BTreeMap::new(),
        }
    }

    /// Stands for the content: equal lines in equal order give equal digests.
    pub(crate) fn digest(&self) -> Digest {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut digest = [0; 32];
        for (part, seed) in digest.chunks_mut(8).zip(0_u8..) {
            let mut hasher = DefaultHasher::new();
            seed.hash(&mut hasher);
            format!("{:?}{:?}", self.sales, self.rejects).hash(&mut hasher);
            part.copy_from_slice(&hasher.finish().to_le_bytes());
        }
        Digest(digest)
    }
}

/// The whole life of a run, as the importer goes through it.
pub(crate) async fn load(ledger: &Ledger, file: &File) -> Result<Outcome, LedgerError> {
    match ledger.begin(file.request.clone()).await? {
        Begun::Ended(outcome) => Ok(outcome),
        Begun::Open(run) => write_and_publish(ledger, &run, file).await,
    }
}

pub(crate) async fn write_and_publish(
    ledger: &Ledger,
    run: &OpenRun,
    file: &File,
) -> Result<Outcome, LedgerError> {
    match write(ledger, run, file).await {
        Err(LedgerError::Ended) => ledger.ended(run).await,
        written => written?.publish(file.totals()).await,
    }
}

/// Writes all chunks of a file.
pub(crate) async fn write(
    ledger: &Ledger,
    run: &OpenRun,
    file: &File,
) -> Result<Load, LedgerError> {
    let load = ledger.open_load(run).await?;
    let mut names = Names::default();
    let mut pieces = file.sales.chunks(CHUNK_LINES);
    for number in 0..file.totals().chunks {
        let mut chunk = load.chunk(number, 0);
        for sale in pieces.next().unwrap_or_default() {
            chunk.add(sale, &mut names);
        }
        if number == 0 {
            for reject in &file.rejects {
                chunk.rejects.push(reject);
            }
        }
        assert!(load.write(chunk, &mut names).await?);
    }
    Ok(load)
}

pub(crate) async fn open(ledger: &Ledger, file: &File) -> OpenRun {
    match ledger.begin(file.request.clone()).await.unwrap() {
        Begun::Open(run) => run,
        Begun::Ended(outcome) => panic!("the run has ended: {outcome:?}"),
    }
}

/// What each file here is claimed by: of a size that no live load has.
pub(crate) fn claim(dead_after: Duration) -> Claim {
    Claim { content: [7; 32], bytes: Some(7), digest: None, dead_after }
}

pub(crate) fn day(day: i8) -> Date {
    date(2025, 3, day)
}

pub(crate) fn sale(line: u32, sale_date: Date, order_id: &str, total: &str) -> Sale<'static> {
    Sale {
        line,
        sale_date,
        order_id: order_id.to_owned().leak(),
        product: Some("Mineral Water"),
        location: Some("Online Store"),
        payment_method: None,
        client: Some("7"),
        quantity: Some("1".parse().unwrap()),
        unit_price: None,
        line_total: total.parse::<Decimal>().unwrap(),
    }
}
