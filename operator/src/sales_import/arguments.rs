//! The importer's command line. Pure: a spec in, arguments out.
//!
//! Every value is an argument of its own after `--flag=`, so that no value can be taken for a flag.

use ledger::Dataset;

use super::{
    job::{ADMIN_PORT, CREDENTIALS, ImporterSettings, SOURCE_ROOT},
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
        format!("--admin-address=0.0.0.0:{ADMIN_PORT}"),
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

/// `takings-importer revert …`
pub(crate) fn revert(identity: &Identity, run: u32, dataset: &Dataset) -> Vec<String> {
    let Identity { import_id, namespace, name, .. } = identity;
    vec![
        "revert".to_owned(),
        format!("--import-id={import_id}"),
        format!("--run={run}"),
        format!("--dataset={dataset}"),
        format!("--reason=The SalesImport {namespace}/{name} was deleted."),
        format!("--requested-by={namespace}/{name}"),
    ]
}

/// Where the file is, or with a pattern for its name the files are.
pub(crate) fn source(source: &Source, settings: &ImporterSettings) -> Vec<String> {
    let file =
        |path: &str| vec![format!("--file={SOURCE_ROOT}/{path}"), format!("--root={SOURCE_ROOT}")];
    if let Some(volume) = &source.volume {
        return file(&volume.path);
    }
    if let Some(config_map) = &source.config_map {
        return file(&config_map.key);
    }
    let Some(remote) = source.remote() else { return Vec::new() };
    let flag = |name: &str, value: Option<&str>| value.map(|value| format!("--{name}={value}"));
    let mut arguments = vec![format!("--url={}", remote.url)];
    arguments.extend(flag("endpoint", remote.endpoint));
    arguments.extend(flag("region", remote.region));
    arguments.extend(flag("account", remote.account));
    arguments.extend(flag("credentials", remote.credentials.map(|_| CREDENTIALS)));
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn arguments_of(value: Value) -> Vec<String> {
        let settings = ImporterSettings {
            allow_http: true,
            network_allow: vec!["10.1.0.0/16".into()],
            ..ImporterSettings::default()
        };
        source(&serde_json::from_value(value).unwrap(), &settings)
    }

    #[test]
    fn a_file_of_the_cluster_is_opened_beneath_its_mount() {
        let volume = arguments_of(json!({"volume": {"claimName": "files", "path": "a/b.csv"}}));
        assert_eq!(volume, ["--file=/source/a/b.csv", "--root=/source"]);
        let config_map = arguments_of(json!({"configMap": {"name": "sales", "key": "a.csv"}}));
        assert_eq!(config_map, ["--file=/source/a.csv", "--root=/source"]);
    }

    #[test]
    fn a_remote_file_is_told_with_its_place_and_never_with_a_secret() {
        let secret = json!({"name": "s3cret"});
        let rules = ["--allow-http", "--allow-network=10.1.0.0/16"];
        for (source, expected) in [
            (json!({"http": {"url": "https://a/b"}}), vec!["--url=https://a/b"]),
            (
                json!({"http": {"url": "https://a/b", "credentialsSecretRef": secret}}),
                vec!["--url=https://a/b", "--credentials=/etc/takings/source"],
            ),
            (json!({"s3": {"bucket": "b", "key": "k/l"}}), vec!["--url=s3://b/k/l"]),
            (
                json!({"s3": {
                    "bucket": "b", "key": "k", "region": "eu-west-1", "endpoint": "https://s3",
                    "credentialsSecretRef": secret,
                }}),
                vec![
                    "--url=s3://b/k",
                    "--endpoint=https://s3",
                    "--region=eu-west-1",
                    "--credentials=/etc/takings/source",
                ],
            ),
            (json!({"gcs": {"bucket": "b", "key": "k"}}), vec!["--url=gs://b/k"]),
            (
                json!({"azure": {"account": "a", "container": "c", "key": "k"}}),
                vec!["--url=az://c/k", "--account=a"],
            ),
        ] {
            let expected: Vec<_> = expected.into_iter().chain(rules).collect();
            assert_eq!(arguments_of(source), expected);
        }
    }
}
