//! Rounds of one kind of fault: files that a test has broken off in come here, are loaded again,
//! and all that is promised is looked at.

use std::{process::Output, time::Duration};

use harness::postgres::{Server, SmallDisk};
use ledger::{
    Outcome,
    outcome::RunResult,
    postgres::{DatabaseUrl, Ledger, PoolSettings},
};
use tokio::{process::Command, time::Instant};

use super::{
    books::Books,
    files::{Files, Import},
    proxy::Proxy,
};
use crate::{sales::Random, support::Shop};

/// Small, so that there is much between which to break.
const CHUNK_BYTES: u64 = 12_000;
const FILE: &str = "sales.csv";
/// About so many a file has.
pub const CHUNKS: u64 = 14;
const CONNECTIONS: u64 = 2;
/// Then the next ledger is begun, since each round looks at all that its ledger holds.
const ROUNDS_A_LEDGER: u32 = 8;
/// No load takes so long: it hangs.
const PATIENCE: Duration = Duration::from_mins(3);

/// Room for all that a ledger comes to hold.
const DISK_BYTES: u64 = 64 << 20;

/// Where the ledger is.
#[derive(Clone, Copy, PartialEq)]
pub enum Place {
    /// On the server that all tests share.
    Shared,
    /// On a server of its own, with durable settings.
    Own,
    /// On one whose tables lie on a small disk.
    SmallDisk,
}

/// Rounds of one kind of fault.
pub struct Campaign {
    // Before the shop, whose server's folder holds it.
    disk: Option<SmallDisk>,
    pub shop: Shop,
    pub random: Random,
    name: &'static str,
    place: Place,
    wanted: u32,
    seed: u64,
    files: Files,
    /// How many lines were ever sent to this ledger.
    copied: u64,
    /// How long a load takes that nothing breaks.
    whole: Duration,
    rounds: u32,
    rounds_here: u32,
    struck: u32,
    published: u32,
    kept: usize,
}

impl Campaign {
    /// Begins; `wanted` is how often a load is to be broken off, in the short form and in the long.
    pub async fn begin(name: &'static str, place: Place, wanted: (u32, u32)) -> Self {
        let setting = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let seed = setting("TAKINGS_TORTURE_SEED").map_or_else(
            || std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), name) % 1_000_000,
            |seed| seed.parse().expect("TAKINGS_TORTURE_SEED is a number"),
        );
        let is_long = setting("TAKINGS_TORTURE").is_some_and(|form| form == "long");
        eprintln!("{name}: TAKINGS_TORTURE_SEED={seed}");
        let own =
            name.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let (shop, disk) = open(place).await;
        let mut campaign = Self {
            disk,
            shop,
            random: Random(own),
            name,
            place,
            wanted: if is_long { wanted.1 } else { wanted.0 },
            seed,
            files: Files::default(),
            copied: 0,
            whole: Duration::ZERO,
            rounds: 0,
            rounds_here: 0,
            struck: 0,
            published: 0,
            kept: 0,
        };
        campaign.first().await;
        campaign
    }

    /// Whether there is more to do; where there is, a ledger that is not too large yet.
    pub async fn goes_on(&mut self) -> bool {
        if self.struck >= self.wanted {
            let Self { name, struck, rounds, published, kept, seed, .. } = self;
            eprintln!(
                "{name}: {struck} of {rounds} loads were broken off, {published} of them had \
                 published, {kept} chunks were kept (seed {seed})"
            );
            return false;
        }
        assert!(self.rounds < 5 * self.wanted + 20, "{}: nothing breaks loads off", self.name);
        self.make_room().await;
        true
    }

    /// Begins the next ledger where this one is large.
    pub async fn make_room(&mut self) {
        if self.rounds_here >= ROUNDS_A_LEDGER {
            self.disk = None;
            (self.shop, self.disk) = open(self.place).await;
            (self.files, self.copied, self.rounds_here) = (Files::default(), 0, 0);
            self.first().await;
        }
    }

    /// How many rounds are wanted.
    pub fn wanted(&self) -> u32 {
        self.wanted
    }

    /// What the ledger must hold.
    pub fn books(&self) -> &Books {
        &self.files.books
    }

    /// How long a load takes that nothing breaks.
    pub fn whole(&self) -> Duration {
        self.whole
    }

    /// The disk that its ledger lies on.
    pub fn disk(&self) -> &SmallDisk {
        self.disk.as_ref().unwrap()
    }

    /// How many loads were broken off so far.
    pub fn struck(&self) -> u32 {
        self.struck
    }

    /// Loads a file that nothing breaks, and learns how long that takes.
    async fn first(&mut self) {
        self.shop.ledger.close().await;
        let import = self.import();
        let started = Instant::now();
        let output = self.load(&import).output().await.unwrap();
        self.whole = started.elapsed();
        self.end(import, &output).await;
        self.rounds -= 1;
    }

    /// A random moment of a load.
    pub fn moment(&mut self) -> Duration {
        let micros = u64::try_from(self.whole.as_micros()).unwrap();
        Duration::from_micros(self.random.below(micros))
    }

    /// The next file: a new one, or one that has to do with those before.
    pub fn import(&mut self) -> Import {
        let import = self.files.next(&mut self.random);
        self.written(import)
    }

    /// A new file.
    pub fn new_import(&mut self) -> Import {
        let import = self.files.new_import(&mut self.random);
        self.written(import)
    }

    fn written(&self, import: Import) -> Import {
        self.shop.write(FILE, &import.text);
        import
    }

    /// The importer, ready to load a file.
    pub fn load(&self, import: &Import) -> Command {
        let (id, run) = (import.id.to_string(), import.run.to_string());
        let chunk_bytes = CHUNK_BYTES.to_string();
        let mut command = self.shop.program(&["load", "--import-id", &id, "--run", &run]);
        command.arg("--file").arg(self.shop.folder.join(FILE));
        command.args(["--chunk-bytes", &chunk_bytes, "--on-overlap", import.on_overlap]);
        command
    }

    /// The same, over a proxy.
    pub fn load_over(&self, proxy: &Proxy, import: &Import) -> Command {
        let (before, _) = self.shop.database.url.rsplit_once('@').unwrap();
        let (address, database) = (proxy.address, &self.shop.database.name);
        let mut command = self.load(import);
        command.env("DATABASE_URL", format!("{before}@{address}/{database}?sslmode=disable"));
        command
    }

    /// Loads again what was broken off, or was not, and looks at all that is promised.
    pub async fn end(&mut self, import: Import, first: &Output) {
        let about = format!("{} round {}: {first:?}", self.name, self.rounds);
        let (is_published, kept) = self.chunks(&import);
        let again = ended(self.load(&import)).await;
        let told = outcome(&again).unwrap_or_else(|| panic!("{about}\n{again:?}"));
        assert!(
            matches!(told.result, RunResult::Published | RunResult::AlreadyLoaded),
            "{about}\n{told:?}"
        );
        match first.status.code() {
            Some(0) => {
                assert_eq!(outcome(first).as_ref(), Some(&told), "{about}");
                // Too late: loads are quicker than that, now.
                self.whole = self.whole * 4 / 5;
            }
            // A signal, or a fault that a retry may mend.
            None | Some(1) => {
                self.struck += 1;
                self.whole = self.whole * 21 / 20;
                self.published += u32::from(is_published);
                self.kept += kept.len();
            }
            Some(_) => panic!("{about}"),
        }
        self.wait_for_backends(&about).await;
        self.check_work(&import, &kept, &about);
        self.count(Some(import));
        self.check(&about).await;
    }

    /// Looks at all that is promised where a run was settled with this answer.
    pub async fn settled(&mut self, import: Import, answer: &Outcome) {
        let about = format!("{} round {}: {answer:?}", self.name, self.rounds);
        let again = ended(self.load(&import)).await;
        assert_eq!(outcome(&again).as_ref(), Some(answer), "{about}\n{again:?}");
        self.wait_for_backends(&about).await;
        // What an importer wrote while it was swept is left to this.
        let maintained = ended(self.shop.program(&["maintain"])).await;
        assert_eq!(maintained.status.code(), Some(0), "{about}\n{maintained:?}");
        let is_abandoned = answer.result == RunResult::Abandoned;
        // So that about as many are settled too early as too late.
        self.whole = self.whole * if is_abandoned { 9 } else { 7 } / 8;
        self.count((!is_abandoned).then_some(import));
        self.check(&about).await;
    }

    /// Notes in the books what a round has brought.
    fn count(&mut self, published: Option<Import>) {
        match published {
            Some(import) => self.files.published(import),
            None => self.files.abandoned(),
        }
        (self.rounds, self.rounds_here) = (self.rounds + 1, self.rounds_here + 1);
    }

    /// Compares the ledger with the books.
    async fn check(&mut self, about: &str) {
        let url = DatabaseUrl::new(&self.shop.database.url).unwrap();
        self.shop.ledger = Ledger::connect_lazy(&url, &PoolSettings::default());
        self.shop.assert_holds(&self.files.books.expected()).await;
        // Who terminates the importer's connections takes all for the importer's.
        self.shop.ledger.close().await;
        let verified = ended(self.shop.program(&["verify"])).await;
        assert_eq!(verified.status.code(), Some(0), "{about}\n{verified:?}");
        let orphans = self.shop.sql(
            "WITH counts AS (SELECT load_id FROM takings.load WHERE state NOT IN ('loading', 'dropped'))
             SELECT (SELECT count(*) FROM takings.load WHERE load_id NOT IN (TABLE counts)),
                (SELECT count(*) FROM takings.sale WHERE load_id NOT IN (TABLE counts)),
                (SELECT count(*) FROM takings.order_block WHERE load_id NOT IN (TABLE counts)),
                (SELECT count(*) FROM takings.load_chunk WHERE load_id NOT IN (TABLE counts)),
                (SELECT count(*) FROM takings.superseded WHERE by_load_id NOT IN (TABLE counts)),
                (SELECT count(*) FROM takings.imported_file WHERE status = 'Running')",
        );
        assert_eq!(orphans, "0|0|0|0|0|0", "{about}");
    }

    /// Whether a run is published, and its chunks, each with the transaction that wrote it.
    fn chunks(&self, import: &Import) -> (bool, Vec<String>) {
        let chunks = self.shop.sql(&format!(
            "SELECT load_id, chunk, load_chunk.xmin
             FROM takings.load_chunk JOIN (
                SELECT load.load_id FROM takings.load JOIN takings.imported_file USING (imported_file_id)
                WHERE import_id = '{id}' AND run = {run}) loads USING (load_id)
             WHERE chunk >= 0
             UNION ALL
             SELECT 0, 0, '0' FROM takings.imported_file
             WHERE import_id = '{id}' AND run = {run} AND status = 'Published'",
            id = import.id,
            run = import.run
        ));
        let mut chunks: Vec<_> = chunks.lines().map(str::to_owned).collect();
        let is_published = chunks.pop_if(|chunk| chunk == "0|0|0").is_some();
        (is_published, chunks)
    }

    /// What was in the database stays as it is, and no more than what was on its way is done anew.
    fn check_work(&mut self, import: &Import, kept: &[String], about: &str) {
        let (_, chunks) = self.chunks(import);
        assert!(kept.iter().all(|chunk| chunks.contains(chunk)), "{about}\n{kept:?} {chunks:?}");
        // All lines that were ever sent, those of broken transactions too; and most of a chunk.
        let counts = self.shop.sql(
            "SELECT (SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'sale_1'),
                (SELECT coalesce(max(lines_read), 0) FROM takings.load_chunk)",
        );
        let (copied, chunk) = counts.split_once('|').unwrap();
        let (copied, chunk) = (copied.parse::<u64>().unwrap(), chunk.parse::<u64>().unwrap());
        let before = std::mem::replace(&mut self.copied, copied);
        // A server that has crashed begins to count anew.
        if self.place != Place::Own {
            let most = import.text.lines().count() as u64 - 1 + CONNECTIONS * chunk;
            assert!(copied - before <= most, "{about}\n{before} {copied} lines, at most {most}");
        }
    }

    /// A backend acts on what it has got also when its importer is gone.
    async fn wait_for_backends(&self, about: &str) {
        let started = Instant::now();
        let backends = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'takings'";
        while self.shop.sql(backends) != "0" {
            assert!(started.elapsed() < PATIENCE, "{about}\nits connections stay");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn open(place: Place) -> (Shop, Option<SmallDisk>) {
    if place == Place::Shared {
        return (Shop::open().await, None);
    }
    let server = Server::own().unwrap();
    let disk = (place == Place::SmallDisk).then(|| server.small_disk(DISK_BYTES).unwrap());
    if disk.is_some() {
        server.sql("postgres", "ALTER ROLE postgres SET default_tablespace = small").unwrap();
    }
    (Shop::open_at(server).await, disk)
}

/// Runs a command to its end, which must come.
pub async fn ended(mut command: Command) -> Output {
    tokio::time::timeout(PATIENCE, command.output()).await.expect("it hangs").unwrap()
}

pub fn outcome(output: &Output) -> Option<Outcome> {
    serde_json::from_slice(&output.stdout).ok()
}
