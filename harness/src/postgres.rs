//! A PostgreSQL server for tests and for `make run`.
use anyhow::{Result, bail};
use std::path::PathBuf;

/// A running PostgreSQL server.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// The server that all tests share; starts it where it does not run.
    pub fn shared() -> Result<Self> {
        bail!("not yet")
    }

    /// A server of the caller's own with durable settings, gone when dropped.
    pub fn own() -> Result<Self> {
        Self::own_at("127.0.0.1")
    }

    /// As [`Server::own`], listening on `address`.
    pub fn own_at(_address: &str) -> Result<Self> {
        bail!("not yet")
    }

    /// The superuser's URL to a database.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        database.to_owned()
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        0
    }

    /// The certificate of the authority that signed the server's certificate.
    #[must_use]
    pub fn ca_certificate(&self) -> PathBuf {
        PathBuf::new()
    }

    /// A fresh, empty database, dropped with the returned value.
    pub fn create_database(&self) -> Result<Database> {
        bail!("not yet")
    }

    /// Stops the server as an administrator would, cutting its connections.
    pub fn stop(&self) -> Result<()> {
        bail!("not yet")
    }

    /// Kills the server as a power cut would.
    pub fn kill(&self) -> Result<()> {
        bail!("not yet")
    }

    /// Starts the server again on its port, with its data.
    pub fn start(&self) -> Result<()> {
        bail!("not yet")
    }
}

/// A database that is dropped with this value.
#[derive(Debug)]
pub struct Database {
    /// The superuser's URL.
    pub url: String,
    /// Its name, random.
    pub name: String,
}
