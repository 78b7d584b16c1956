//! The command line: each setting a flag and an environment variable.

use std::num::NonZeroUsize;

use clap::{ArgAction, Args, Parser, Subcommand};
use k8s_openapi::jiff::SignedDuration;
use telemetry::{AdminSettings, LogSettings};

use crate::{
    leader::LeaderArguments,
    sales_import::{ImporterSettings, Limits, Settings},
};

/// Turns SalesImports into importer Jobs and their outcomes into statuses.
#[derive(Debug, Parser)]
#[command(name = "takings-operator", version)]
pub struct Cli {
    /// What to do; `run` where nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings of `run`.
    #[command(flatten)]
    pub operator: OperatorSettings,
    /// Log settings.
    #[command(flatten)]
    pub logs: LogSettings,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Reconcile SalesImports and their schedules until a signal comes.
    Run,
    /// Print the CustomResourceDefinitions as YAML. Needs no cluster.
    Crd,
}

/// How to run.
#[derive(Args, Clone, Debug)]
pub struct OperatorSettings {
    /// Namespaces whose SalesImports are reconciled. None: those of all namespaces.
    #[arg(long, env = "TAKINGS_WATCH_NAMESPACES", value_delimiter = ',', value_name = "NAMESPACE")]
    pub watch_namespaces: Vec<String>,
    /// Seconds that Jobs, with their Pods' logs, are kept after their import has finished.
    #[arg(
        long,
        env = "TAKINGS_JOB_TTL_SECONDS",
        default_value_t = 3_600,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(i64).range(0..=31_536_000)
    )]
    pub job_ttl_seconds: i64,
    /// Imports that run at a time, in all; the others wait for their turn. Each has some three
    /// connections to its database.
    #[arg(long, env = "TAKINGS_MAX_RUNNING", default_value = "20", value_name = "COUNT")]
    pub max_running: NonZeroUsize,
    /// Imports that run at a time in one namespace.
    #[arg(
        long,
        env = "TAKINGS_MAX_RUNNING_PER_NAMESPACE",
        default_value = "10",
        value_name = "COUNT"
    )]
    pub max_running_per_namespace: NonZeroUsize,
    /// What every importer is told.
    #[command(flatten)]
    pub importer: ImporterArguments,
    /// How the operator that reconciles is elected.
    #[command(flatten)]
    pub leader: LeaderArguments,
    /// The admin port.
    #[command(flatten)]
    pub admin: AdminSettings,
}

/// What every importer is told.
#[derive(Args, Clone, Debug)]
pub struct ImporterArguments {
    /// Image of the importers.
    #[arg(
        long,
        env = "TAKINGS_IMPORTER_IMAGE",
        default_value = concat!("ghcr.io/takings/takings-importer:", env!("CARGO_PKG_VERSION")),
        value_name = "IMAGE"
    )]
    pub importer_image: String,
    /// When the image is pulled: Always, `IfNotPresent` or Never. None: the cluster's default.
    #[arg(long, env = "TAKINGS_IMPORTER_IMAGE_PULL_POLICY", value_name = "POLICY")]
    pub importer_image_pull_policy: Option<String>,
    /// Secrets, in each SalesImport's namespace, that the image is pulled with.
    #[arg(
        long,
        env = "TAKINGS_IMPORTER_IMAGE_PULL_SECRETS",
        value_delimiter = ',',
        value_name = "NAME"
    )]
    pub importer_image_pull_secrets: Vec<String>,
    /// Let sources be fetched without TLS.
    #[arg(long, env = "TAKINGS_ALLOW_HTTP", action = ArgAction::Set, num_args = 0..=1,
        default_value_t = false, default_missing_value = "true", value_name = "BOOL")]
    pub allow_http: bool,
    /// Private hosts and CIDRs that remote sources may lead to, such as 10.1.2.0/24.
    #[arg(long, env = "TAKINGS_NETWORK_ALLOW", value_delimiter = ',', value_name = "HOST_OR_CIDR")]
    pub allow_network: Vec<String>,
}

impl OperatorSettings {
    /// What the controller needs of them.
    #[must_use]
    pub fn controller(&self) -> Settings {
        let importer = &self.importer;
        let policy = importer.importer_image_pull_policy.clone();
        Settings {
            importer: ImporterSettings {
                image: importer.importer_image.clone(),
                image_pull_policy: policy.filter(|policy| !policy.is_empty()),
                image_pull_secrets: named(&importer.importer_image_pull_secrets),
                allow_http: importer.allow_http,
                network_allow: named(&importer.allow_network),
            },
            job_ttl: SignedDuration::from_secs(self.job_ttl_seconds),
        }
    }

    /// How many imports may run at a time.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let (total, per_namespace) = (self.max_running, self.max_running_per_namespace);
        Limits { total: total.get(), per_namespace: per_namespace.get() }
    }

    /// The namespaces to watch; one `None` for all.
    #[must_use]
    pub fn namespaces(&self) -> Vec<Option<String>> {
        match named(&self.watch_namespaces) {
            names if names.is_empty() => vec![None],
            names => names.into_iter().map(Some).collect(),
        }
    }
}

/// An empty environment variable is a list of nothing, not of one empty name.
fn named(names: &[String]) -> Vec<String> {
    names.iter().map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nothing_said_means_all_namespaces_and_no_http() {
        let cli = Cli::parse_from(["takings-operator"]);
        assert_eq!(cli.operator.namespaces(), [None]);
        assert!(!cli.operator.controller().importer.allow_http);
        assert_eq!(cli.operator.controller().job_ttl, SignedDuration::from_hours(1));
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let cli = Cli::parse_from([
            "takings-operator",
            "--watch-namespaces=shop,kiosk",
            "--allow-network=",
            "--allow-http",
        ]);
        assert_eq!(cli.operator.namespaces(), [Some("shop".into()), Some("kiosk".into())]);
        let importer = cli.operator.controller().importer;
        assert!(importer.network_allow.is_empty() && importer.allow_http);
    }
}
