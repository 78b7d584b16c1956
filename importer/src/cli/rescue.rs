//! Arguments that can't be read: the user hears it on standard error as usual, and whoever
//! started the run hears it as its outcome, as far as the run can be told from what was typed.

use std::process::ExitCode;

use clap::error::ErrorKind;
use ledger::{
    Currency, Dataset, ImportId, Outcome, Run,
    outcome::{Reason, RunResult},
};

use super::report::Report;

/// Answers for arguments that are wrong, or ask for help: the exit code.
#[must_use]
pub fn argument_error(error: &clap::Error, arguments: &[String]) -> ExitCode {
    // Nobody is left to tell if this fails.
    let _ = error.print();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return ExitCode::SUCCESS;
    }
    let environment = |name: &str| std::env::var(name).ok();
    if let Some(outcome) = outcome(&error.to_string(), arguments, environment) {
        let termination_log =
            value("--termination-log", "TAKINGS_TERMINATION_LOG", arguments, environment);
        return Report::new(termination_log.map(Into::into)).outcome(&outcome);
    }
    ExitCode::from(RunResult::Refused.exit_code())
}

fn outcome(
    error: &str,
    arguments: &[String],
    environment: impl Fn(&str) -> Option<String> + Copy,
) -> Option<Outcome> {
    let value = |flag, variable| value(flag, variable, arguments, environment);
    let import_id: ImportId = value("--import-id", "TAKINGS_IMPORT_ID")?.parse().ok()?;
    let run: Run =
        value("--run", "TAKINGS_RUN").map_or(Ok(Run::default()), |run| run.parse()).ok()?;
    let dataset: Option<Dataset> =
        value("--dataset", "TAKINGS_DATASET").and_then(|text| text.parse().ok());
    let currency: Option<Currency> =
        value("--currency", "TAKINGS_CURRENCY").and_then(|text| text.parse().ok());
    Some(Outcome::bare(
        (import_id, run),
        (dataset.unwrap_or_default(), currency.unwrap_or_default()),
        (RunResult::Refused, Reason::InvalidArgument),
        sentence(error),
    ))
}

/// The value of a flag as it was typed last, else of its environment variable.
fn value(
    flag: &str,
    variable: &str,
    arguments: &[String],
    environment: impl Fn(&str) -> Option<String>,
) -> Option<String> {
    let typed = arguments.iter().enumerate().rev().find_map(|(index, argument)| {
        match argument.strip_prefix(flag) {
            Some("") => arguments.get(index + 1).cloned(),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        }
    });
    typed.or_else(|| environment(variable))
}

/// The first paragraph of what the parser says, without anything that looks like a URL.
fn sentence(error: &str) -> String {
    let paragraph = error.split("\n\n").next().unwrap_or_default();
    let words = paragraph.trim_start_matches("error:").split_whitespace();
    let plain: Vec<_> =
        words.map(|word| if word.contains("://") { "(a URL)" } else { word }).collect();
    format!("The arguments can't be right: {}.", plain.join(" ").trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    fn arguments(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn rescued(line: &str) -> Option<Outcome> {
        let arguments = arguments(line);
        let error = Cli::try_parse_from(&arguments).unwrap_err();
        outcome(&error.to_string(), &arguments, |_| None)
    }

    #[test]
    fn a_run_that_can_be_told_gets_its_outcome() {
        let id = "00000000-0000-4000-8000-000000000001";
        let line = format!(
            "takings-importer load --file x --import-id {id} --run=3 --dataset shop --max-rejected many"
        );
        let outcome = rescued(&line).unwrap();
        assert_eq!(outcome.import_id.to_string(), id);
        assert_eq!((outcome.run, outcome.dataset.as_str()), (Run(3), "shop"));
        assert_eq!((outcome.result, outcome.reason), (RunResult::Refused, Reason::InvalidArgument));
        assert!(outcome.message.contains("--max-rejected"), "{}", outcome.message);
        assert!(outcome.message.contains("neither a count"), "{}", outcome.message);
        assert!(rescued("takings-importer load --file x --max-rejected many").is_none());
        assert!(rescued("takings-importer load --import-id x --run 1").is_none());
    }

    #[test]
    fn a_password_among_the_arguments_is_not_repeated() {
        let id = "00000000-0000-4000-8000-000000000001";
        let line = format!("takings-importer load --import-id {id} postgres://a:s3cret@db/x");
        assert!(!rescued(&line).unwrap().message.contains("s3cret"));
    }
}
