//! Installs the chart for the tests of one process, as its README says, with a PostgreSQL on this
//! machine.
//!
//! A cluster has one release of Takings, since its operator watches all namespaces: the tests take
//! the place of the one that `make run` installs, and it takes theirs when it is run again.

use crate::{
    repository,
    takings::{DATABASE, NAMESPACE, Takings},
};
use anyhow::{Context, Result};
use harness::{
    cache,
    cluster::Cluster,
    images::{self, Images},
    postgres::Server,
    program, progress, tools,
};
use serde_json::{Value, json};
use std::process::Command;

/// The logins of the release: their Secrets and attributes.
const LOGINS: [(&str, &str, &str); 3] = [
    ("takings-owner", "owner", "CREATEROLE"),
    ("takings-api", "reader", ""),
    ("takings-uploads", "uploads", ""),
];

pub(crate) fn takings() -> Result<Takings> {
    let lock = cache::lock("release")?;
    let cluster = Cluster::shared()?;
    let images = images::build_all()?;
    let server = Server::kept("e2e", &cluster.host_address())?;
    let takings = Takings { cluster, images, server, _lock: lock };
    progress::during("Install the chart for the end-to-end tests", || {
        clean_up(&takings)?;
        create_database(&takings)?;
        install_chart(&takings)?;
        takings.sql("GRANT takings_api TO reader")?;
        takings.sql("SELECT takings.grant_dataset('uploads', 'default')")?;
        let rollout = ["rollout", "status", "deployment/takings-api-blue", "--timeout=2m"];
        takings.cluster.kubectl(&[&["-n", NAMESPACE], &rollout[..]].concat())
    })?;
    Ok(takings)
}

/// A namespace that only takes Pods of the `restricted` Pod Security Standard.
#[must_use]
pub fn namespace(name: &str) -> Value {
    let mut labels = json!({"pod-security.kubernetes.io/enforce": "restricted"});
    if name != NAMESPACE {
        labels["takings.dev/e2e"] = json!("shop");
    }
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

/// A Secret with a login's connection string and the server's authority.
pub fn secret(server: &Server, name: &str, login: &str, password: &str) -> Result<Value> {
    let (address, port) = (server.address(), server.port());
    let url = format!(
        "postgres://{login}:{password}@{address}:{port}/{DATABASE}\
         ?sslmode=verify-full&sslrootcert=/etc/takings/database/ca.crt"
    );
    let authority = cache::read(&server.ca_certificate())?;
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": {"DATABASE_URL": url, "ca.crt": authority},
    }))
}

/// Removes what an earlier process left.
fn clean_up(takings: &Takings) -> Result<()> {
    let uninstall = ["uninstall", NAMESPACE, "-n", NAMESPACE, "--ignore-not-found", "--wait"];
    takings.cluster.helm(&uninstall)?;
    let shops = ["delete", "namespace", "-l", "takings.dev/e2e", "--wait=false"];
    takings.cluster.kubectl(&shops)?;
    let admin = |sql: &str| takings.server.sql("postgres", sql);
    admin(&format!("DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)"))?;
    let roles = "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND NOT rolsuper";
    for role in admin(roles)?.lines() {
        admin(&format!("DROP ROLE {role}"))?;
    }
    Ok(())
}

/// A fresh database whose owner is no superuser, with Secrets for it.
fn create_database(takings: &Takings) -> Result<()> {
    let admin = |sql: &str| takings.server.sql("postgres", sql);
    takings.apply("default", &namespace(NAMESPACE).to_string())?;
    for (name, login, attributes) in LOGINS {
        let password = cache::random(16)?;
        admin(&format!("CREATE ROLE {login} LOGIN {attributes} PASSWORD '{password}'"))?;
        let secret = secret(&takings.server, name, login, &password)?;
        takings.apply(NAMESPACE, &secret.to_string())?;
    }
    admin(&format!("CREATE DATABASE {DATABASE} OWNER owner")).map(drop)
}

fn install_chart(takings: &Takings) -> Result<()> {
    let mut helm = Command::new(tools::path("helm")?);
    helm.arg("--kubeconfig").arg(takings.cluster.kubeconfig()).args(["install", NAMESPACE]);
    helm.arg(repository("charts/takings")).args(["-n", NAMESPACE, "-f", "-"]);
    program::run_with_input(&mut helm, &values(takings)?.to_string()).map(drop)
}

fn values(takings: &Takings) -> Result<Value> {
    let Images { operator, importer, api } = &takings.images;
    let (operator, importer, api) = (split(operator)?, split(importer)?, split(api)?);
    let mut values = json!({
        "networkPolicy": {"databasePorts": [takings.server.port()]},
        "database": {
            "caKey": "ca.crt",
            "migrations": {"caKey": "ca.crt"},
            "maintenance": {"caKey": "ca.crt"},
        },
        "importer": {
            "image": {"repository": importer.0, "tag": importer.1},
            "network": {"allow": [takings.cluster.host_address()]},
            "allowHttp": true,
        },
        "operator": {
            "image": {"repository": operator.0, "tag": operator.1},
            "logLevel": "info,operator=debug",
        },
        "api": {
            "image": {"repository": api.0},
            "blueGreen": {"slots": {"blue": {"image": {"tag": api.1}}}},
            "uploads": {"existingSecret": "takings-uploads"},
            "lifecycle": {"preStopSleepSeconds": 3, "minReadySeconds": 0},
        },
    });
    for program in ["importer", "operator", "api"] {
        values[program]["image"]["registry"] = json!("");
        values[program]["image"]["pullPolicy"] = json!("Never");
    }
    Ok(values)
}

/// An image's name and its tag.
fn split(image: &str) -> Result<(&str, &str)> {
    image.rsplit_once(':').with_context(|| format!("the image {image} has no tag"))
}
