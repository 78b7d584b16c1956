//! `takings-operator`: parses the command line, runs, says what went wrong.

use std::io::Write as _;

use anyhow::Context as _;
use clap::Parser as _;
use operator::{
    cli::{Cli, Command},
    crd, run,
};
use telemetry::{Stream, logs, shutdown};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    if let Some(Command::Crd) = cli.command {
        let yaml = crd::yaml()?;
        return std::io::stdout().write_all(yaml.as_bytes()).context("The CRD can't be printed.");
    }
    logs::init(&cli.logs, Stream::Stdout).map_err(anyhow::Error::msg)?;
    run::run(cli.operator, shutdown::on_signal()?).await
}
