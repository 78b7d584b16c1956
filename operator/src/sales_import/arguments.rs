//! The importer's command line. Pure: a spec in, arguments out.
//!
//! Every value is an argument of its own after `--flag=`, so that no value can be taken for a flag.

use ledger::Dataset;

use super::{
    job::{ImporterSettings, SOURCE_ROOT},
    name::Identity,
};
use crate::crd::{
    SalesImportSpec, Source,
    format::{DateOrder, Encoding, Format},
};

/// `takings-importer load …`
pub(crate) fn load(
    spec: &SalesImportSpec,
    identity: &Identity,
    run: u32,
    settings: &ImporterSettings,
) -> Vec<String> {
    let mut arguments = vec![
        "load".to_owned(),
        format!("--import-id={}", identity.import_id),
        format!("--run={run}"),
        format!("--dataset={}", spec.dataset),
        format!("--currency={}", spec.currency),
        format!("--on-overlap={}", spec.on_overlap),
        format!("--max-rejected={}", spec.max_rejected),
        format!("--requested-by={}/{}", identity.namespace, identity.name),
    ];
    arguments.extend(format(&spec.format));
    arguments.extend(source(&spec.source, settings));
    arguments
}

/// `takings-importer settle …`
pub(crate) fn settle(identity: &Identity, run: u32, dataset: &Dataset) -> Vec<String> {
    vec![
        "settle".to_owned(),
        format!("--import-id={}", identity.import_id),
        format!("--run={run}"),
        format!("--dataset={dataset}"),
    ]
}

fn source(source: &Source, settings: &ImporterSettings) -> Vec<String> {
    let file =
        |path: &str| vec![format!("--file={SOURCE_ROOT}/{path}"), format!("--root={SOURCE_ROOT}")];
    if let Some(volume) = &source.volume {
        return file(&volume.path);
    }
    if let Some(config_map) = &source.config_map {
        return file(&config_map.key);
    }
    let mut arguments: Vec<_> =
        source.http.iter().map(|http| format!("--url={}", http.url)).collect();
    if settings.allow_http {
        arguments.push("--allow-http".into());
    }
    arguments.extend(settings.network_allow.iter().map(|host| format!("--allow-network={host}")));
    arguments
}

fn format(format: &Format) -> Vec<String> {
    let mut arguments = vec![
        format!("--encoding={}", encoding(format.encoding)),
        format!("--date-order={}", date_order(format.date_order)),
    ];
    // A tab by its name, so that the Job's YAML can be read.
    let delimiter = format.delimiter.as_deref().map(|one| if one == "\t" { "tab" } else { one });
    arguments.extend(delimiter.map(|one| format!("--delimiter={one}")));
    arguments.extend(format.comment.iter().map(|one| format!("--comment={one}")));
    if format.skip_lines > 0 {
        arguments.push(format!("--skip-lines={}", format.skip_lines));
    }
    let columns = format.named_columns().into_iter();
    arguments.extend(columns.map(|(field, name)| format!("--column={field}={name}")));
    arguments
}

fn encoding(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => "utf-8",
        Encoding::Utf16Le => "utf-16le",
        Encoding::Utf16Be => "utf-16be",
        Encoding::Windows1252 => "windows-1252",
    }
}

fn date_order(order: DateOrder) -> &'static str {
    match order {
        DateOrder::MonthFirst => "month-first",
        DateOrder::DayFirst => "day-first",
        DateOrder::YearFirst => "year-first",
        DateOrder::Auto => "auto",
    }
}
