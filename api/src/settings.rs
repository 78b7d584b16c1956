//! Settings: a flag and an environment variable each. Secrets are never printed.

use std::{net::SocketAddr, num::ParseIntError, path::PathBuf, time::Duration};

use clap::{Args, Parser, builder::RangedI64ValueParser};
use ledger::postgres::{DatabaseUrl, LedgerError, PoolSettings};
use telemetry::{AdminSettings, LogSettings};

/// Answers for the revenue over HTTP.
#[derive(Clone, Debug, Parser)]
#[command(name = "takings-api", version)]
pub struct Settings {
    /// Address and port of the API.
    #[arg(long, env = "TAKINGS_LISTEN", default_value = "0.0.0.0:8080")]
    pub listen: SocketAddr,
    /// Seconds that requests under way have to finish after SIGTERM.
    #[arg(long, env = "TAKINGS_SHUTDOWN_TIMEOUT", default_value = "30", value_parser = seconds)]
    pub shutdown_timeout: Duration,
    /// Seconds that a connection may take to send a request's head; also how long an idle
    /// connection is kept. More than what the load balancer in front keeps one.
    #[arg(long, env = "TAKINGS_HEADER_TIMEOUT", default_value = "75", value_parser = seconds)]
    pub header_timeout: Duration,
    /// Mebibytes of figures that are kept in memory; 0: each question goes to the database.
    #[arg(long, env = "TAKINGS_MEMORY_MEBIBYTES", default_value_t = 64)]
    pub memory: u64,
    /// Where the figures are read.
    #[command(flatten)]
    pub database: DatabaseSettings,
    /// What uploads may do.
    #[command(flatten)]
    pub uploads: UploadSettings,
    /// The admin port.
    #[command(flatten)]
    pub admin: AdminSettings,
    /// The log.
    #[command(flatten)]
    pub logs: LogSettings,
}

/// Where the figures are read.
#[derive(Args, Clone, Debug)]
pub struct DatabaseSettings {
    /// Connection string of a role that reads.
    #[arg(long = "database-url", env = "DATABASE_URL", hide_env_values = true)]
    url: Option<String>,
    /// File that holds the connection string.
    #[arg(long = "database-url-file", env = "DATABASE_URL_FILE")]
    url_file: Option<PathBuf>,
    /// Connections at once.
    #[arg(
        long = "database-connections",
        env = "TAKINGS_DATABASE_CONNECTIONS",
        default_value_t = 10,
        value_parser = at_least_one()
    )]
    connections: u32,
    /// Seconds to wait for a connection before the answer is 503.
    #[arg(
        long = "database-acquire-timeout",
        env = "TAKINGS_DATABASE_ACQUIRE_TIMEOUT",
        default_value = "3",
        value_parser = seconds
    )]
    acquire_timeout: Duration,
    /// Seconds that one query may take before the answer is 503.
    #[arg(
        long = "database-statement-timeout",
        env = "TAKINGS_DATABASE_STATEMENT_TIMEOUT",
        default_value = "10",
        value_parser = seconds
    )]
    statement_timeout: Duration,
}

/// What uploads may do.
#[derive(Args, Clone, Debug)]
pub struct UploadSettings {
    /// Connection string of a role that imports; without it uploads answer 503.
    #[arg(long, env = "TAKINGS_IMPORT_DATABASE_URL", hide_env_values = true)]
    import_database_url: Option<String>,
    /// File that holds the connection string of a role that imports.
    #[arg(long, env = "TAKINGS_IMPORT_DATABASE_URL_FILE")]
    import_database_url_file: Option<PathBuf>,
    /// Folder whose CSV files `GET /api/import-sales/` imports.
    #[arg(long, env = "TAKINGS_IMPORT_FOLDER")]
    pub import_folder: Option<PathBuf>,
    /// Uploads at once; one more is told to come back.
    #[arg(
        long,
        env = "TAKINGS_UPLOADS_AT_ONCE",
        default_value_t = 2,
        value_parser = at_least_one()
    )]
    pub uploads_at_once: u32,
    /// Bytes that an upload's body may have.
    #[arg(long, env = "TAKINGS_UPLOAD_MAX_BYTES", default_value_t = 1 << 30)]
    pub upload_max_bytes: u64,
    /// Seconds that an upload may pause before it is given up.
    #[arg(long, env = "TAKINGS_UPLOAD_IDLE_TIMEOUT", default_value = "30", value_parser = seconds)]
    pub upload_idle_timeout: Duration,
    /// Seconds that an upload's body may take as a whole, and its load.
    #[arg(long, env = "TAKINGS_UPLOAD_TIMEOUT", default_value = "3600", value_parser = seconds)]
    pub upload_timeout: Duration,
}

impl DatabaseSettings {
    /// The connection string.
    pub fn url(&self) -> Result<DatabaseUrl, LedgerError> {
        DatabaseUrl::from_settings(self.url.as_deref(), self.url_file.as_deref())
    }

    /// How the pool behaves: it gives up in time, so that a database that is away is told.
    #[must_use]
    pub fn pool(&self) -> PoolSettings {
        PoolSettings {
            max_connections: self.connections,
            acquire_timeout: self.acquire_timeout,
            statement_timeout: self.statement_timeout,
            ..PoolSettings::default()
        }
    }

    /// How long a read may take as a whole, also where the network swallows what is sent.
    #[must_use]
    pub fn read_timeout(&self) -> Duration {
        self.acquire_timeout + self.statement_timeout
    }
}

impl UploadSettings {
    /// The connection string of the importing role, where there is one.
    pub fn url(&self) -> Result<Option<DatabaseUrl>, LedgerError> {
        let (url, file) =
            (self.import_database_url.as_deref(), self.import_database_url_file.as_deref());
        if url.is_none() && file.is_none() {
            return Ok(None);
        }
        DatabaseUrl::from_settings(url, file).map(Some)
    }
}

fn at_least_one() -> RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

fn seconds(text: &str) -> Result<Duration, ParseIntError> {
    text.parse::<u32>().map(|seconds| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn flags_and_variables_do_not_contradict_each_other() {
        Settings::command().debug_assert();
    }

    #[test]
    fn a_pool_without_room_is_refused() {
        for flag in ["--database-connections=0", "--uploads-at-once=0", "--uploads-at-once=x"] {
            assert!(Settings::try_parse_from(["takings-api", flag]).is_err(), "{flag}");
        }
    }

    #[test]
    fn uploads_are_off_without_a_second_connection_string() {
        let settings =
            Settings::parse_from(["takings-api", "--database-url", "postgres://localhost/takings"]);
        assert!(settings.uploads.url().unwrap().is_none());
    }
}
