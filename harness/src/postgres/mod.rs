//! A PostgreSQL server for tests and for `make run`.
//!
//! In: Debian's PostgreSQL, or the newer one that `TAKINGS_POSTGRES=18` asks for. Out: a server on
//! a free port, reachable by TCP with a password, with TLS from an authority of its own. Never: the
//! machine's own PostgreSQL, or its data.

mod database;
mod files;
mod release;
mod small_disk;

pub use database::Database;
pub use small_disk::SmallDisk;

use crate::{cache, packages, process::Daemon, program, progress};
use anyhow::{Context, Result};
use files::Durability;
use release::Release;
use rustix::process::Signal;
use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// A running PostgreSQL server.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    address: String,
    port: u16,
    password: String,
    temporary: bool,
}

impl Server {
    /// The server that all tests share; starts it where it does not run.
    pub fn shared() -> Result<Self> {
        Self::find_or_start("shared", "127.0.0.1", Durability::Test)
    }

    /// A server of that name that keeps its data, listening on `address`.
    pub fn kept(name: &str, address: &str) -> Result<Self> {
        Self::find_or_start(name, address, Durability::Full)
    }

    /// A server of the caller's own with durable settings, gone when dropped.
    pub fn own() -> Result<Self> {
        Self::own_at("127.0.0.1")
    }

    /// As [`Server::own`], listening on `address`.
    pub fn own_at(address: &str) -> Result<Self> {
        packages::ensure(packages::DATABASE)?;
        remove_orphans()?;
        let name = format!("own-{}-{}", std::process::id(), cache::random(4)?);
        let mut server = Self::create(&files::base()?.join(name), address, Durability::Full)?;
        server.temporary = true;
        server.start()?;
        Ok(server)
    }

    /// The superuser's URL to a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        let Self { address, port, password, .. } = self;
        format!("postgres://postgres:{password}@{address}:{port}/{database}")
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address it listens on.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The certificate of the authority that signed the server's certificate.
    #[must_use]
    pub fn ca_certificate(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// A fresh, empty database, dropped with the returned value.
    pub fn create_database(&self) -> Result<Database> {
        Database::create(self, "template0")
    }

    /// A copy of a database, to which nobody may be connected; dropped with the returned value.
    pub fn copy_database(&self, database: &Database) -> Result<Database> {
        // By files, since a large one would be written twice through the write-ahead log.
        Database::create(self, &format!("{} STRATEGY file_copy", database.name))
    }

    /// Runs SQL in a database by psql, as the superuser, and returns the bare rows.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String> {
        database::psql(&self.url(database), sql)
    }

    /// As [`Server::sql`], logged in as another role.
    pub fn sql_as(&self, database: &str, role: &str, password: &str, sql: &str) -> Result<String> {
        let place = format!("{}:{}/{database}", self.address, self.port);
        database::psql(&format!("postgres://{role}:{password}@{place}"), sql)
    }

    /// Stops the server as an administrator would, cutting its connections.
    pub fn stop(&self) -> Result<()> {
        stop(&self.folder)
    }

    /// Kills the server with all its processes at once, as a power cut would.
    pub fn kill(&self) -> Result<()> {
        let daemon = daemon(&self.folder);
        let Some(pid) = daemon.pid() else {
            return Ok(());
        };
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        daemon.stop(Signal::KILL, Duration::from_secs(10))?;
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            crate::process::send(child, Signal::KILL);
        }
        Ok(())
    }

    /// Restarts the server as an administrator in a hurry would (`pg_ctl restart -m immediate`):
    /// it ends without a checkpoint, and recovers when it starts.
    pub fn restart_immediately(&self) -> Result<()> {
        daemon(&self.folder).stop(Signal::QUIT, Duration::from_secs(30))?;
        self.start()
    }

    /// A disk of this size that holds a tablespace `small` of this server, gone when dropped.
    pub fn small_disk(&self, bytes: u64) -> Result<SmallDisk> {
        SmallDisk::create(self, bytes)
    }

    /// Starts the server again on its port, with its data; nothing where it runs.
    pub fn start(&self) -> Result<()> {
        let daemon = daemon(&self.folder);
        if daemon.is_running() {
            return Ok(());
        }
        let mut command = files::as_account(&files::program("postgres")?);
        command.arg("-D").arg(self.folder.join("data"));
        daemon.start(&command)?;
        daemon.wait_until(Duration::from_mins(1), || self.is_ready())
    }

    fn find_or_start(name: &str, address: &str, durability: Durability) -> Result<Self> {
        packages::ensure(packages::DATABASE)?;
        let name = Release::chosen()?.named(name);
        let _lock = cache::lock(&format!("postgres-{name}"))?;
        let folder = files::base()?.join(&name);
        let server = match Self::open(&folder) {
            Ok(server) if server.address == address => server,
            _ => progress::during(&format!("Set up PostgreSQL ({name})"), || {
                stop(&folder)?;
                Self::create(&folder, address, durability)
            })?,
        };
        if let Err(error) = server.start() {
            if durability == Durability::Full {
                return Err(error);
            }
            // Without fsync the data may not have survived; another program may have the port.
            return Self::create(&folder, address, durability).and_then(Self::started);
        }
        Ok(server)
    }

    fn started(self) -> Result<Self> {
        self.start()?;
        Ok(self)
    }

    fn create(folder: &Path, address: &str, durability: Durability) -> Result<Self> {
        let port = TcpListener::bind((address, 0))
            .with_context(|| format!("can't listen on {address}"))?
            .local_addr()?
            .port();
        files::create(folder, address, port, durability)?;
        Self::open(folder)
    }

    fn open(folder: &Path) -> Result<Self> {
        let listens = cache::read(&folder.join("address"))?;
        let (address, port) = listens.rsplit_once(':').context("no address:port")?;
        Ok(Self {
            folder: folder.to_owned(),
            address: address.to_owned(),
            port: port.parse()?,
            password: cache::read(&folder.join("password"))?,
            temporary: false,
        })
    }

    fn is_ready(&self) -> bool {
        let Ok(pg_isready) = files::program("pg_isready") else {
            return false;
        };
        let port = self.port.to_string();
        program::run(Command::new(pg_isready).args(["-q", "-h", &self.address, "-p", &port]))
            .is_ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.temporary {
            let _ = self.kill();
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Stops every server of this cache.
pub fn stop_all() -> Result<()> {
    remove_orphans()?;
    for folder in files::servers()? {
        stop(&folder)?;
    }
    Ok(())
}

/// Removes every server of this cache with its data.
pub fn remove_all() -> Result<()> {
    stop_all()?;
    Ok(fs::remove_dir_all(files::base()?)?)
}

/// SIGINT is PostgreSQL's "fast shutdown".
fn stop(folder: &Path) -> Result<()> {
    daemon(folder).stop(Signal::INT, Duration::from_secs(30))
}

/// Ends the temporary servers whose owner was killed before it could.
fn remove_orphans() -> Result<()> {
    for folder in files::servers()? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let owner = name.strip_prefix("own-").and_then(|rest| rest.split_once('-'));
        if owner.is_some_and(|(pid, _)| !Path::new("/proc").join(pid).exists()) {
            stop(&folder)?;
            small_disk::detach(&folder);
            fs::remove_dir_all(&folder)?;
        }
    }
    Ok(())
}

fn daemon(folder: &Path) -> Daemon {
    Daemon::new(folder, "postgres")
}
