//! `takings-importer`: reads the command line, runs it, exits with its code.

use std::process::ExitCode;

use clap::Parser;
use importer::cli::{Cli, argument_error};
use telemetry::traces::Traces;
use tracing::Instrument as _;

fn main() -> ExitCode {
    let arguments: Vec<_> =
        std::env::args_os().map(|argument| argument.to_string_lossy().into_owned()).collect();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return argument_error(&error, &arguments),
    };
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new()?;
    let (traces, sent) = Traces::from_environment("takings-importer", runtime.handle().clone());
    telemetry::logs::init_with(&cli.logs, telemetry::Stream::Stderr, traces.layer())
        .map_err(anyhow::Error::msg)?;
    if let Err(error) = sent {
        tracing::warn!("{error}");
    }
    let run = async {
        let cancel = telemetry::shutdown::on_signal()?;
        anyhow::Ok(cli.run(&cancel).await)
    };
    let code = runtime.block_on(run.instrument(traces.span()));
    traces.finish();
    // A thread that reads from a source which hangs must not hold up the exit.
    runtime.shutdown_background();
    code
}
