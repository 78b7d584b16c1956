//! The command line: what was typed in, an exit code out.
//!
//! Each flag has an environment variable. The outcome goes to standard output and to the
//! container's termination message, log lines go to standard error.

mod list;
mod load;
mod rejects;
mod report;
mod rescue;
mod revert;
mod source;
mod watch;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::anyhow;
use clap::{Args, Parser, Subcommand, builder::FalseyValueParser};
use ledger::{
    Currency, Dataset, ImportId, Outcome, Run,
    outcome::RunResult,
    postgres::{DatabaseUrl, Ledger, LedgerError, PoolSettings, Retention, Verified},
};
use tokio_util::sync::CancellationToken;

pub use load::LoadArgs;
pub use rescue::argument_error;

use list::ListArgs;
use rejects::RejectsArgs;
use report::Report;
use revert::RevertArgs;

use crate::CONNECTIONS;

/// Loads sales files into the ledger, each exactly once.
#[derive(Parser, Debug)]
#[command(name = "takings-importer", version)]
pub struct Cli {
    /// Logging.
    #[command(flatten)]
    pub logs: telemetry::LogSettings,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    report: Report,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args, Debug)]
struct DatabaseArgs {
    /// The database, as `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    database_url: Option<String>,
    /// A file that holds the database URL, such as a mounted Secret; it wins over the URL.
    #[arg(long, env = "DATABASE_URL_FILE", global = true)]
    database_url_file: Option<PathBuf>,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Makes or renews the ledger's tables. With the owner's URL.
    Migrate,
    /// Lets a database role load into a dataset, or read all figures. With the owner's URL.
    Grant(GrantArgs),
    /// Loads one file.
    Load(Box<LoadArgs>),
    /// Lists new files: the name of the source is a pattern such as exports/*.csv. Needs no database.
    List(Box<ListArgs>),
    /// Ends a run of which nobody knows the end: tells what it published, or gives it up.
    Settle(SettleArgs),
    /// Takes what an import has loaded out of the figures again; its record stays.
    Revert(RevertArgs),
    /// Prints an import's rejected lines as CSV. With any URL that may read them.
    Rejects(RejectsArgs),
    /// Removes what runs have left behind that ended otherwise, and what is no longer to be kept.
    /// With the owner's URL.
    Maintain(MaintainArgs),
    /// Recomputes all that is published from the lines themselves, and tells what disagrees. With
    /// the owner's URL.
    Verify,
}

#[derive(Args, Debug)]
struct GrantArgs {
    /// The role, which must exist.
    #[arg(long, env = "TAKINGS_ROLE")]
    role: String,
    /// The dataset that it may load into; made where it is new.
    #[arg(long, env = "TAKINGS_DATASET", required_unless_present = "reader")]
    dataset: Option<Dataset>,
    /// It may read all figures, as the API does.
    #[arg(long, env = "TAKINGS_READER", value_parser = FalseyValueParser::new())]
    reader: bool,
}

#[derive(Args, Debug)]
struct SettleArgs {
    /// The import.
    #[arg(long, env = "TAKINGS_IMPORT_ID")]
    import_id: ImportId,
    /// The run to end.
    #[arg(long, env = "TAKINGS_RUN")]
    run: Run,
    /// The dataset that it loads into.
    #[arg(long, env = "TAKINGS_DATASET", default_value = "default")]
    dataset: Dataset,
}

#[derive(Args, Debug)]
struct MaintainArgs {
    /// A run without an end is given up so many hours after it was last seen at work.
    #[arg(long, env = "TAKINGS_ABANDON_AFTER", value_name = "HOURS", default_value = "24")]
    abandon_after: u32,
    /// The lines of an import that was reverted, or whose later run took its place, are removed so
    /// many days after that; its record stays [default: they are kept].
    #[arg(long, env = "TAKINGS_KEEP_REVERTED_FOR", value_name = "DAYS")]
    keep_reverted_for: Option<u32>,
    /// What stood in rejected lines is removed so many days after their run ended; line, column
    /// and reason stay [default: it is kept].
    #[arg(long, env = "TAKINGS_KEEP_REJECT_VALUES_FOR", value_name = "DAYS")]
    keep_reject_values_for: Option<u32>,
}

impl Cli {
    /// Runs the command. 0: done. 1: a fault, worth a retry. 2: it can't be done as asked, or what
    /// was verified disagrees.
    pub async fn run(self, cancel: &CancellationToken) -> ExitCode {
        let Self { database, report, command, .. } = self;
        let done = match command {
            Command::Load(args) => {
                return report.outcome(&args.load(&database, cancel).await);
            }
            Command::List(args) => return report.listed(&args.list(cancel).await),
            Command::Settle(args) => {
                return report.outcome(&args.settle(&database, cancel).await);
            }
            Command::Migrate => stopped_by(cancel, migrate(&database)).await,
            Command::Grant(args) => stopped_by(cancel, args.grant(&database)).await,
            Command::Revert(args) => match args.run {
                Some(run) => {
                    return report.outcome(&args.end_and_revert(run, &database, cancel).await);
                }
                None => stopped_by(cancel, args.revert(&database)).await,
            },
            Command::Rejects(args) => {
                return match stopped_by(cancel, args.print(&database)).await {
                    Ok(found) => ExitCode::from(if found { 0 } else { 2 }),
                    Err(error) => report::fault(&error),
                };
            }
            Command::Verify => {
                return match stopped_by(cancel, verify(&database)).await {
                    Ok(verified) => report.verified(&verified),
                    Err(error) => report.error(&error),
                };
            }
            Command::Maintain(args) => stopped_by(cancel, args.maintain(&database)).await,
        };
        match done {
            Ok(document) => report.document(&document),
            Err(error) => report.error(&error),
        }
    }
}

impl DatabaseArgs {
    fn url(&self) -> Result<DatabaseUrl, LedgerError> {
        let file = self.database_url_file.as_deref();
        DatabaseUrl::from_settings(self.database_url.as_deref(), file)
    }

    fn ledger(&self) -> Result<Ledger, LedgerError> {
        self.ledger_for(CONNECTIONS, false)
    }

    /// For so many transactions at once; read only, it can't write.
    fn ledger_for(&self, max_connections: u32, read_only: bool) -> Result<Ledger, LedgerError> {
        let settings = PoolSettings { max_connections, read_only, ..PoolSettings::default() };
        Ok(Ledger::connect_lazy(&self.url()?, &settings))
    }
}

/// Says goodbye to the database, which logs it otherwise, but waits for nothing that hangs.
async fn hang_up(ledger: &Ledger) {
    let _ = tokio::time::timeout(Duration::from_secs(1), ledger.close()).await;
}

async fn migrate(database: &DatabaseArgs) -> anyhow::Result<serde_json::Value> {
    let applied = Ledger::migrate(&database.url()?).await?;
    Ok(serde_json::json!({ "migrationsApplied": applied }))
}

async fn verify(database: &DatabaseArgs) -> anyhow::Result<Vec<Verified>> {
    let ledger = database.ledger()?;
    ledger.check_schema().await?;
    let verified = ledger.verify().await?;
    hang_up(&ledger).await;
    Ok(verified)
}

impl GrantArgs {
    async fn grant(&self, database: &DatabaseArgs) -> anyhow::Result<serde_json::Value> {
        let ledger = database.ledger()?;
        if let Some(dataset) = &self.dataset {
            ledger.grant_importer(&self.role, dataset).await?;
        }
        if self.reader {
            ledger.grant_reader(&self.role).await?;
        }
        hang_up(&ledger).await;
        let (role, dataset) = (&self.role, &self.dataset);
        Ok(serde_json::json!({ "role": role, "dataset": dataset, "reader": self.reader }))
    }
}

impl MaintainArgs {
    async fn maintain(&self, database: &DatabaseArgs) -> anyhow::Result<serde_json::Value> {
        let ledger = database.ledger()?;
        let days = |days: u32| Duration::from_hours(24 * u64::from(days));
        let retention = Retention {
            unended_runs: Duration::from_hours(self.abandon_after.into()),
            ended_loads: self.keep_reverted_for.map(days),
            reject_values: self.keep_reject_values_for.map(days),
        };
        let maintained = ledger.maintain(&retention).await?;
        hang_up(&ledger).await;
        Ok(serde_json::to_value(maintained)?)
    }
}

impl SettleArgs {
    async fn settle(&self, database: &DatabaseArgs, cancel: &CancellationToken) -> Outcome {
        let settled = stopped_by(cancel, async {
            let ledger = database.ledger()?;
            let outcome = ledger.settle(self.import_id, self.run, &self.dataset).await?;
            hang_up(&ledger).await;
            Ok(outcome)
        });
        settled.await.unwrap_or_else(|error| {
            let identity = (self.import_id, self.run);
            failed(identity, (self.dataset.clone(), Currency::default()), &error)
        })
    }
}

async fn stopped_by<T>(
    cancel: &CancellationToken,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(anyhow!("The command was stopped by a signal. Run it again.")),
        done = work => done,
    }
}

/// The outcome of a command that could not even ask the ledger.
fn failed(
    identity: (ImportId, Run),
    stream: (Dataset, Currency),
    error: &anyhow::Error,
) -> Outcome {
    let (is_retryable, reason) = match error.downcast_ref::<LedgerError>() {
        Some(error) => (error.is_retryable(), error.reason()),
        None => (true, ledger::outcome::Reason::Internal),
    };
    let result = if is_retryable { RunResult::Fault } else { RunResult::Refused };
    Outcome::bare(identity, stream, (result, reason), error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_fits_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_setting_has_an_environment_variable() {
        fn check(command: &clap::Command) {
            for argument in command.get_arguments().filter(|argument| !argument.is_positional()) {
                let is_ours = !["help", "version"].contains(&argument.get_id().as_str());
                assert!(!is_ours || argument.get_env().is_some(), "{argument}");
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }

    #[test]
    fn help_shows_no_secret_of_the_environment() {
        let mut command = Cli::command();
        command.build();
        for argument in command
            .get_arguments()
            .chain(command.get_subcommands().flat_map(clap::Command::get_arguments))
        {
            let is_url = ["database_url", "url"].contains(&argument.get_id().as_str());
            assert!(!is_url || argument.is_hide_env_values_set(), "{argument}");
        }
    }

    #[test]
    fn a_grant_is_of_a_dataset_or_of_reading_or_of_both() {
        let grant = ["takings-importer", "grant", "--role", "shop"];
        let parse = |more: &[&str]| Cli::try_parse_from([&grant[..], more].concat());
        assert!(parse(&["--dataset", "pier"]).is_ok());
        assert!(parse(&["--reader"]).is_ok());
        assert!(parse(&["--dataset", "pier", "--reader"]).is_ok());
        assert!(parse(&[]).is_err());
    }

    #[test]
    fn a_load_needs_exactly_one_source() {
        let parse =
            |more: &[&str]| Cli::try_parse_from([&["takings-importer", "load"], more].concat());
        assert!(parse(&["--file", "a.csv"]).is_ok());
        assert!(parse(&["--url", "https://files/a.csv"]).is_ok());
        assert!(parse(&[]).is_err());
        assert!(parse(&["--file", "a.csv", "--url", "https://files/a.csv"]).is_err());
    }
}
