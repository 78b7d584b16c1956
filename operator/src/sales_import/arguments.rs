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
    sales_import::{Columns, DateOrder},
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
        format!("--delimiter={}", delimiter(spec)),
        format!("--date-order={}", date_order(spec.format.date_order)),
        format!("--requested-by={}/{}", identity.namespace, identity.name),
    ];
    arguments.extend(columns(&spec.format.columns));
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

/// Only the columns that have other names than in the sales report.
fn columns(columns: &Columns) -> Vec<String> {
    let (named, default) = (columns.named(), Columns::default());
    let others = named.iter().zip(default.named());
    others
        .filter(|(column, default)| *column != default)
        .map(|((field, header), _)| format!("--column={field}={header}"))
        .collect()
}

/// A tab by its name, so that the Job's YAML can be read.
fn delimiter(spec: &SalesImportSpec) -> &str {
    match spec.format.delimiter.as_str() {
        "\t" => "tab",
        other => other,
    }
}

fn date_order(order: DateOrder) -> &'static str {
    match order {
        DateOrder::MonthFirst => "month-first",
        DateOrder::DayFirst => "day-first",
        DateOrder::YearFirst => "year-first",
    }
}
