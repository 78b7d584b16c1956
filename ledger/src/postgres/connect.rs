//! From a connection string to a pool. In comes a URL or the file that holds it; out goes a
//! [`Ledger`] that connects when it is first used. A password never reaches a message.

use std::{fmt, path::Path, str::FromStr, time::Duration};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use super::{Ledger, LedgerError, no_delay::send_at_once};

/// Where the database is and who logs in. Shown without its password.
#[derive(Clone)]
pub struct DatabaseUrl(PgConnectOptions);

/// A connection that was used so shortly before is not asked whether it still lives: that takes a
/// round trip, and if it does not, the statement says so.
const LIVES: Duration = Duration::from_millis(100);

/// How many connections, and how long to wait.
#[derive(Clone, Debug)]
pub struct PoolSettings {
    /// Most connections open at once.
    pub max_connections: u32,
    /// Longest wait for a connection, a new one included.
    pub acquire_timeout: Duration,
    /// Longest time a statement may take; zero is no limit.
    pub statement_timeout: Duration,
    /// The database refuses every write.
    pub read_only: bool,
}

impl Default for PoolSettings {
    /// For a program that runs one load: its transactions, and a connection beside them.
    fn default() -> Self {
        Self {
            max_connections: 4,
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Duration::ZERO,
            read_only: false,
        }
    }
}

impl DatabaseUrl {
    /// Reads `postgres://user:password@host/database?sslmode=verify-full&sslrootcert=…`.
    pub fn new(url: &str) -> Result<Self, LedgerError> {
        // The cause is left out: it may quote the URL, and with it the password.
        PgConnectOptions::from_str(url.trim()).map(Self).map_err(|_| LedgerError::InvalidUrl)
    }

    /// From the URL itself (`DATABASE_URL`), or from a file that holds it (`DATABASE_URL_FILE`),
    /// such as a mounted Secret. The file wins, since it can be renewed.
    pub fn from_settings(url: Option<&str>, file: Option<&Path>) -> Result<Self, LedgerError> {
        match (file, url) {
            (Some(file), _) => {
                let text = std::fs::read_to_string(file).map_err(|source| {
                    LedgerError::UnreadableUrlFile { path: file.to_owned(), source }
                })?;
                Self::new(&text)
            }
            (None, Some(url)) => Self::new(url),
            (None, None) => Err(LedgerError::MissingUrl),
        }
    }

    /// Host, port and database, for logs and errors.
    #[must_use]
    pub fn place(&self) -> String {
        let database = self.0.get_database().unwrap_or_default();
        format!("{}:{}/{database}", self.0.get_host(), self.0.get_port())
    }

    pub(super) fn options(&self) -> PgConnectOptions {
        self.0.clone().application_name("takings").disable_statement_logging()
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUrl({})", self.place())
    }
}

impl Ledger {
    /// A ledger that connects when it is first used.
    #[must_use]
    pub fn connect_lazy(url: &DatabaseUrl, settings: &PoolSettings) -> Self {
        let (timeout, read_only) = (settings.statement_timeout, settings.read_only);
        let options = url.options();
        let port = options.get_port();
        let pool = PgPoolOptions::new()
            .max_connections(settings.max_connections)
            .acquire_timeout(settings.acquire_timeout)
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > LIVES {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    // Slower where it can't be done, and as right.
                    if let Err(error) = send_at_once(port) {
                        tracing::debug!(%error, "Nagle's algorithm stays on");
                    }
                    // Set after connecting: poolers refuse unknown start-up options.
                    let mut settings = format!("SET statement_timeout = {}", timeout.as_millis());
                    if read_only {
                        settings += "; SET default_transaction_read_only = on";
                    }
                    sqlx::raw_sql(AssertSqlSafe(settings)).execute(connection).await?;
                    Ok(())
                })
            })
            .connect_lazy_with(options);
        Self { pool }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), LedgerError> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes all connections, after what is under way has ended.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Connections open, and those of them idle: for metrics.
    #[must_use]
    pub fn connections(&self) -> (u32, usize) {
        (self.pool.size(), self.pool.num_idle())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_shown() {
        let url = DatabaseUrl::new("postgres://shop:s3cret@db:5433/takings").unwrap();
        assert_eq!(format!("{url:?}"), "DatabaseUrl(db:5433/takings)");
        let error = DatabaseUrl::new("postgres://shop:s3cret@db:port/takings").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let file = Path::new("/nonexistent/url");
        let error = DatabaseUrl::from_settings(None, Some(file)).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/url"));
        assert!(matches!(DatabaseUrl::from_settings(None, None), Err(LedgerError::MissingUrl)));
    }
}
