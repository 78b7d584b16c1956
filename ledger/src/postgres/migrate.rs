//! The schema: embedded migrations, and the check that a program and a database fit.

use sqlx::{
    Connection, PgConnection, Row, SqlSafeStr,
    migrate::{Migrate, Migration, MigrationType, Migrator},
    postgres::PgConnectOptions,
};

use super::{DatabaseUrl, Ledger, LedgerError, no_delay::connecting};

/// Every migration in order: version, what it is, its SQL. Append only, once released.
const MIGRATIONS: [(i64, &str, &str); 10] = [
    (1, "roles", include_str!("../../../migrations/0001_roles.sql")),
    (2, "tables", include_str!("../../../migrations/0002_tables.sql")),
    (3, "grants", include_str!("../../../migrations/0003_grants.sql")),
    (4, "runs", include_str!("../../../migrations/0004_runs.sql")),
    (5, "load", include_str!("../../../migrations/0005_load.sql")),
    (6, "compare", include_str!("../../../migrations/0006_compare.sql")),
    (7, "publish", include_str!("../../../migrations/0007_publish.sql")),
    (8, "revert", include_str!("../../../migrations/0008_revert.sql")),
    (9, "dry run", include_str!("../../../migrations/0009_dry_run.sql")),
    (10, "replicas", include_str!("../../../migrations/0010_replicas.sql")),
];
/// The oldest and the newest schema that this program works with.
const OLDEST: i64 = 10;
const NEWEST: i64 = 10;

impl Ledger {
    /// Brings the database to the newest schema, as its owner. Returns how many migrations that
    /// took. Several at once wait for each other.
    pub async fn migrate(url: &DatabaseUrl) -> Result<u64, LedgerError> {
        let options: PgConnectOptions = url.options();
        let mut connection = PgConnection::connect_with(&options).await?;
        let before = applied(&mut connection).await?;
        migrator().run_direct(None, &mut connection, false).await.map_err(|error| match error {
            sqlx::migrate::MigrateError::Execute(source) => LedgerError::from(source),
            other => LedgerError::Migrate(other),
        })?;
        let after = applied(&mut connection).await?;
        connection.close().await?;
        Ok(after.saturating_sub(before))
    }

    /// Refuses a schema outside the versions that this program knows.
    pub async fn check_schema(&self) -> Result<(), LedgerError> {
        // The first that a program asks of the database.
        let port = self.pool.connect_options().get_port();
        let mut connection = connecting(port, Box::pin(self.pool.acquire())).await?;
        // Without parameters it need not be prepared.
        let newest = "SELECT max(version) FROM takings.schema_migration WHERE success";
        let found: Option<i64> =
            sqlx::raw_sql(newest).fetch_one(&mut *connection).await?.try_get(0)?;
        match found.ok_or(LedgerError::SchemaMissing)? {
            OLDEST..=NEWEST => Ok(()),
            found => Err(LedgerError::SchemaMismatch { found, oldest: OLDEST, newest: NEWEST }),
        }
    }
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS
        .into_iter()
        .map(|(version, name, sql)| {
            let sql = sql.into_sql_str();
            Migration::new(version, name.into(), MigrationType::Simple, sql, false)
        })
        .collect();
    let mut migrator = Migrator::with_migrations(migrations);
    migrator.create_schema("takings");
    migrator.dangerous_set_table_name("takings.schema_migration");
    migrator
}

async fn applied(connection: &mut PgConnection) -> Result<u64, LedgerError> {
    let there: bool =
        sqlx::query_scalar("SELECT to_regclass('takings.schema_migration') IS NOT NULL")
            .fetch_one(&mut *connection)
            .await?;
    if !there {
        return Ok(0);
    }
    let count = connection.list_applied_migrations("takings.schema_migration").await;
    count.map(|list| list.len() as u64).map_err(LedgerError::Migrate)
}
