//! The release: the chart, with the images and the database of this place.

use super::{NAMESPACE, database::Database, place::Place, repository};
use anyhow::{Context, Result};
use harness::{images::Images, program};
use serde_json::{Value, json};
use std::process::Command;

const SERVICE: &str = "service/takings-api";

/// Installs or upgrades it; the chart first brings the schema up to date.
pub(super) fn install(place: &Place) -> Result<()> {
    forget_interrupted(place)?;
    let chart = repository("charts/takings");
    let upgrade = ["upgrade", "--install", "takings", &chart.to_string_lossy(), "-n", NAMESPACE];
    let values = values(place)?.to_string();
    let arguments = [&upgrade[..], &["--timeout", "5m", "-f", "-"]].concat();
    let installed = place.helm(&arguments, Some(&values));
    installed.map(drop).map_err(|error| match migration_log(place) {
        Some(log) => {
            error.context(format!("the migration says:\n{log}\n(`make clean` begins anew)"))
        }
        None => error,
    })
}

/// helm refuses a release whose last installation was interrupted, for ever.
fn forget_interrupted(place: &Place) -> Result<()> {
    let pending = ["list", "--pending", "--short", "-n", NAMESPACE];
    let pending = place.helm(&pending, None)?;
    if place.is_local() && pending.lines().any(|release| release == "takings") {
        place.helm(&["uninstall", "takings", "-n", NAMESPACE, "--wait"], None)?;
    }
    Ok(())
}

/// What a failed migration said last; a successful one is gone.
fn migration_log(place: &Place) -> Option<String> {
    let logs = ["-n", NAMESPACE, "logs", "job/takings-migrate", "--tail=3"];
    place.kubectl(&logs).ok().map(|log| log.trim().to_owned())
}

/// Waits until all of it runs.
pub(super) fn wait(place: &Place) -> Result<()> {
    for name in ["takings-operator", "takings-api-blue"] {
        let deployment = format!("deployment/{name}");
        place.kubectl(&["-n", NAMESPACE, "rollout", "status", &deployment, "--timeout=3m"])?;
    }
    Ok(())
}

/// Asks the API through its Service: the command for people, and the answer.
pub(super) fn ask(place: &Place, path: &str) -> Result<(String, String)> {
    if !place.is_local() {
        let proxy = format!("/api/v1/namespaces/{NAMESPACE}/services/takings-api:80/proxy{path}");
        let answer = place.kubectl(&["get", "--raw", &proxy])?;
        return Ok((format!("kubectl get --raw '{proxy}'"), answer));
    }
    let ip = ["-n", NAMESPACE, "get", SERVICE, "-o", "jsonpath={.spec.clusterIP}"];
    let url = format!("http://{}{path}", place.kubectl(&ip)?);
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--fail-with-body", "--max-time", "10"]);
    curl.args(["--retry", "5", "--retry-connrefused"]);
    Ok((format!("curl '{url}'"), program::run(curl.arg(&url))?))
}

fn values(place: &Place) -> Result<Value> {
    let mut values = json!({
        "api": {"uploads": {"existingSecret": "takings-uploads"}},
        "database": {},
        "importer": {},
        "operator": {},
    });
    if let Database::Host(server) = &place.database {
        values["database"] = json!({
            "caKey": "ca.crt",
            "migrations": {"caKey": "ca.crt"},
            "maintenance": {"caKey": "ca.crt"},
        });
        values["networkPolicy"] = json!({"databasePorts": [server.port()]});
        // Files may be fetched from this machine, such as from `python3 -m http.server`.
        values["importer"] = json!({"allowHttp": true, "network": {"allow": [server.address()]}});
    }
    if let Some(images) = &place.images {
        set_images(&mut values, images)?;
    }
    Ok(values)
}

fn set_images(values: &mut Value, images: &Images) -> Result<()> {
    for (part, image) in [("importer", &images.importer), ("operator", &images.operator)] {
        let (repository, tag) = split(image)?;
        values[part]["image"] = json!({"registry": "", "repository": repository, "tag": tag});
    }
    let (repository, tag) = split(&images.api)?;
    values["api"]["image"] = json!({"registry": "", "repository": repository});
    values["api"]["blueGreen"] = json!({"slots": {"blue": {"image": {"tag": tag}}}});
    Ok(())
}

/// An image's name and its tag.
fn split(image: &str) -> Result<(&str, &str)> {
    image.rsplit_once(':').with_context(|| format!("the image {image} has no tag"))
}
