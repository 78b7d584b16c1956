//! `takings-importer`: reads the command line, runs it, exits with its code.

use std::process::ExitCode;

use clap::Parser;
use importer::cli::{Cli, argument_error};

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
    telemetry::logs::init(&cli.logs, telemetry::Stream::Stderr).map_err(anyhow::Error::msg)?;
    let runtime = tokio::runtime::Runtime::new()?;
    let code = runtime.block_on(async {
        let cancel = telemetry::shutdown::on_signal()?;
        anyhow::Ok(cli.run(&cancel).await)
    });
    // A thread that reads from a source which hangs must not hold up the exit.
    runtime.shutdown_background();
    code
}
