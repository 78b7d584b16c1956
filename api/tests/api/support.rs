//! The program under test, and short ways to talk to it.

mod http;
mod proxy;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use harness::postgres::{Database, Server};
use ledger::postgres::{DatabaseUrl, Ledger, PoolSettings};
use serde_json::Value;

pub(crate) use http::{Answer, BOUNDARY, Request, connect, form, part};
pub(crate) use proxy::Proxy;

/// Two days, two orders, four lines: 24.852 and -196.2.
pub(crate) const SAMPLE: &str = include_str!("support/sample.csv");

/// Longest wait for what must happen soon. Only a broken program waits so long.
const PATIENCE: Duration = Duration::from_mins(3);

/// A running `takings-api`, killed when dropped.
pub(crate) struct TestApi {
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    child: Child,
    lines: Arc<Mutex<Vec<Value>>>,
    database: Option<(Server, Database)>,
}

/// How to start it.
pub(crate) struct Start {
    command: Command,
    database: Option<(Server, Database)>,
}

/// The program on a migrated database of its own, uploads allowed.
pub(crate) fn api() -> TestApi {
    Start::on_a_database().start()
}

impl Start {
    /// With a migrated database, read and written.
    pub(crate) fn on_a_database() -> Self {
        let start = Self::on_an_empty_database();
        migrate(&start.url());
        start
    }

    /// With a database that is not migrated.
    pub(crate) fn on_an_empty_database() -> Self {
        let server = Server::shared().unwrap();
        let database = server.create_database().unwrap();
        let mut start = Self::without_a_database();
        start = start.variable("DATABASE_URL", &database.url);
        start = start.variable("TAKINGS_IMPORT_DATABASE_URL", &database.url);
        start.database = Some((server, database));
        start
    }

    /// With a migrated database behind a network that can fail.
    pub(crate) fn behind_a_proxy() -> (Self, Proxy) {
        let start = Self::on_a_database();
        let (proxy, url) = Proxy::before(&start.url());
        let start = start.variable("DATABASE_URL", &url);
        (start.variable("TAKINGS_IMPORT_DATABASE_URL", &url), proxy)
    }

    /// The database's URL.
    pub(crate) fn url(&self) -> String {
        self.database.as_ref().unwrap().1.url.clone()
    }

    /// Without any setting but the ports.
    pub(crate) fn without_a_database() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_takings-api"));
        command.env_clear().args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
        Self { command, database: None }
    }

    /// With one more variable of the environment.
    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Without a variable.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// With one more flag.
    pub(crate) fn flag(mut self, name: &str, value: &str) -> Self {
        self.command.arg(format!("--{name}={value}"));
        self
    }

    /// Runs the program to its end.
    pub(crate) fn output(mut self) -> Output {
        self.command.output().unwrap()
    }

    /// Starts the program and waits until its ports are open, and until it is ready.
    pub(crate) fn start(self) -> TestApi {
        let api = self.start_unready();
        eventually(|| (api.ask_admin("/readyz").status == 200).then_some(()));
        api
    }

    /// Starts the program and waits until its ports are open.
    pub(crate) fn start_unready(mut self) -> TestApi {
        let mut child = self.command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (written, output) = (Arc::clone(&lines), child.stdout.take().unwrap());
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                written.lock().unwrap().push(line);
            }
        });
        let opened = |message: &str| {
            let line =
                eventually(|| find(&lines.lock().unwrap(), |line| line["message"] == message));
            line["address"].as_str().unwrap().parse().unwrap()
        };
        let (address, admin) = (opened("the API is open"), opened("the admin port is open"));
        TestApi { address, admin, child, lines, database: self.database }
    }
}

impl TestApi {
    pub(crate) fn get(&self, path: &str) -> Answer {
        Request::get(path).send(self.address)
    }

    /// Uploads a file as existing clients do.
    pub(crate) fn upload(&self, filename: &str, content: impl AsRef<[u8]>) -> Answer {
        self.post_file("/api/sales/import-sales/", filename, content)
    }

    pub(crate) fn post_file(
        &self,
        path: &str,
        filename: &str,
        content: impl AsRef<[u8]>,
    ) -> Answer {
        Request::post(path).form(&[part(filename, content.as_ref())]).send(self.address)
    }

    pub(crate) fn ask_admin(&self, path: &str) -> Answer {
        Request::get(path).send(self.admin)
    }

    /// One value out of the database.
    pub(crate) fn sql(&self, sql: &str) -> String {
        let (server, database) = self.database.as_ref().unwrap();
        server.sql(&database.name, sql).unwrap().trim().to_owned()
    }

    /// Takes an import out of the figures, as its owner does.
    pub(crate) fn revert(&self, import_id: &str) {
        let (_, database) = self.database.as_ref().unwrap();
        let url = DatabaseUrl::new(&database.url).unwrap();
        wait_for(async {
            let ledger = Ledger::connect_lazy(&url, &PoolSettings::default());
            ledger.revert(import_id.parse().unwrap(), "a mistake", "").await.unwrap();
        });
    }

    /// How many sales the ledger holds, visible or not, and how many runs have no end.
    pub(crate) fn sales_and_open_runs(&self) -> String {
        self.sql(
            "SELECT (SELECT count(*) FROM takings.sale)
               || ' ' || (SELECT count(*) FROM takings.imported_file WHERE status = 'Running')",
        )
    }

    /// Waits until `/metrics` has this line, or one that begins with it.
    pub(crate) fn metric_becomes(&self, line: &str) {
        let found = || self.ask_admin("/metrics").body.lines().any(|found| found.starts_with(line));
        eventually(|| found().then_some(()));
    }

    /// The log so far, by lines.
    pub(crate) fn log(&self) -> Vec<Value> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for a line of the log.
    pub(crate) fn logged(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(|| find(&self.lines.lock().unwrap(), &wanted))
    }

    /// Waits for the line that the log has for a request.
    pub(crate) fn logged_request(&self, id: &str) -> Value {
        self.logged(|line| line["message"] == "request" && line["request_id"] == id)
    }

    /// Sends a signal, as the kubelet does.
    pub(crate) fn signal(&self, name: &str) {
        let kill =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }

    /// Waits for the end of the process.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        eventually(|| self.child.try_wait().unwrap()).code()
    }
}

impl Drop for TestApi {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until there is something.
pub(crate) fn eventually<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What the compatibility form answers where all is well.
pub(crate) fn success(data: &str) -> String {
    format!(r#"{{"status":200,"message":"success","data":{data}}}"#)
}

/// A sales file of lines (day, order, total).
pub(crate) fn sales(lines: &[(&str, &str, &str)]) -> String {
    let lines = lines.iter().map(|(day, order, total)| format!("{day},{order},{total}\n"));
    format!("Sale Date,Sale ID,Item Total\n{}", lines.collect::<String>())
}

/// The text, compressed.
pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut gzip =
        Command::new("gzip").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    gzip.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    gzip.wait_with_output().unwrap().stdout
}

pub(crate) fn migrate(url: &str) {
    let url = DatabaseUrl::new(url).unwrap();
    wait_for(Ledger::migrate(&url)).unwrap();
}

/// URLs of a role that only reads, and of one that only imports into the dataset.
pub(crate) fn grant(start: &Start, dataset: &str) -> (String, String) {
    let (server, database) = start.database.as_ref().unwrap();
    let login = |kind: &str| {
        let role = format!("{kind}_{}", database.name);
        let create = format!("CREATE ROLE {role} LOGIN PASSWORD 'secret'");
        server.sql(&database.name, &create).unwrap();
        let place = format!("{}:{}/{}", server.address(), server.port(), database.name);
        (format!("postgres://{role}:secret@{place}"), role)
    };
    let ((reads, reader), (imports, importer)) = (login("reads"), login("imports"));
    wait_for(async {
        let url = DatabaseUrl::new(&database.url).unwrap();
        let owner = Ledger::connect_lazy(&url, &PoolSettings::default());
        owner.grant_reader(&reader).await.unwrap();
        owner.grant_importer(&importer, &dataset.parse().unwrap()).await.unwrap();
    });
    (reads, imports)
}

fn wait_for<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn find(lines: &[Value], wanted: impl Fn(&Value) -> bool) -> Option<Value> {
    lines.iter().find(|line| wanted(line)).cloned()
}
