//! `takings-api`: reads its settings, serves until it is told to stop.

use api::{run, settings::Settings};
use clap::Parser as _;
use telemetry::{Stream, logs};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let settings = Settings::parse();
    logs::init(&settings.logs, Stream::Stdout).map_err(anyhow::Error::msg)?;
    run::until_shutdown(&settings).await
}
