//! The database of `make run`: a PostgreSQL on this machine where its cluster reaches that, else
//! one in a Pod. Logins and Secrets as the chart's README says.

use super::{NAMESPACE, place::Place};
use anyhow::{Context, Result, bail};
use harness::{cache, postgres::Server};
use serde_json::{Value, json};
use std::process::Command;

/// Which server.
pub(crate) enum Database {
    Host(Server),
    Pod,
}

/// A login: its name, its Secret and namespace, what it may beside logging in.
struct Login {
    name: &'static str,
    secret: &'static str,
    namespace: &'static str,
    attributes: &'static str,
}

const LOGINS: [Login; 4] = [
    Login {
        name: "owner",
        secret: "takings-owner",
        namespace: NAMESPACE,
        attributes: "CREATEROLE",
    },
    Login { name: "reader", secret: "takings-api", namespace: NAMESPACE, attributes: "" },
    Login { name: "uploads", secret: "takings-uploads", namespace: NAMESPACE, attributes: "" },
    Login { name: "shop", secret: "takings-importer", namespace: "default", attributes: "" },
];

/// Datasets of the examples.
const DATASETS: [&str; 2] = ["default", "cafe"];

/// Makes the database, its logins and their Secrets.
pub(super) fn create(place: &Place) -> Result<()> {
    let password = password()?;
    let mut objects = vec![namespace(&place.database)];
    for login in &LOGINS {
        objects.push(secret(place, login, &password)?);
    }
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    place.apply(&list.to_string())?;
    if let Database::Pod = place.database {
        place.apply(include_str!("postgres.yaml"))?;
        let rollout = ["-n", NAMESPACE, "rollout", "status", "deployment/postgres"];
        place.kubectl(&[&rollout[..], &["--timeout=3m"]].concat())?;
    }
    let roles: Vec<_> = LOGINS.iter().map(|login| role(login, &password)).collect();
    place.sql("postgres", &format!("{}\n{DATABASE}", roles.join("\n")))
}

/// Lets the logins do their work; once the schema is there.
pub(super) fn grant(place: &Place) -> Result<()> {
    let shop =
        DATASETS.map(|dataset| format!("SELECT takings.grant_dataset('shop', '{dataset}');"));
    let others = "GRANT takings_api TO reader; SELECT takings.grant_dataset('uploads', 'default');";
    place.sql("takings", &format!("{others}\n{}", shop.join("\n")))
}

const DATABASE: &str = "SELECT 'CREATE DATABASE takings OWNER owner'
    WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'takings') \\gexec";

fn role(login: &Login, password: &str) -> String {
    let Login { name, attributes, .. } = login;
    format!(
        "SELECT 'CREATE ROLE {name}' WHERE to_regrole('{name}') IS NULL \\gexec\n\
         ALTER ROLE {name} LOGIN {attributes} PASSWORD '{password}';"
    )
}

impl Place {
    /// Runs SQL as the superuser.
    fn sql(&self, database: &str, sql: &str) -> Result<()> {
        match &self.database {
            Database::Host(server) => server.sql(database, sql).map(drop),
            Database::Pod => {
                let mut psql: Command = self.command(self.kubectl_program());
                psql.args(["-n", NAMESPACE, "exec", "-i", "deployment/postgres", "--", "psql"]);
                psql.args(["-U", "postgres", "-v", "ON_ERROR_STOP=1", "-d", database]);
                harness::program::run_with_input(&mut psql, sql).map(drop)
            }
        }
    }
}

/// All of Takings is restricted; the image of PostgreSQL begins as root.
fn namespace(database: &Database) -> Value {
    let level = if let Database::Host(_) = database { "restricted" } else { "baseline" };
    let labels = json!({"pod-security.kubernetes.io/enforce": level});
    let metadata = json!({"name": NAMESPACE, "labels": labels});
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
}

fn secret(place: &Place, login: &Login, password: &str) -> Result<Value> {
    let name = login.name;
    let data = match &place.database {
        Database::Host(server) => {
            let place = format!("{}:{}", server.address(), server.port());
            let trust = "sslmode=verify-full&sslrootcert=/etc/takings/database/ca.crt";
            let url = format!("postgres://{name}:{password}@{place}/takings?{trust}");
            json!({"DATABASE_URL": url, "ca.crt": cache::read(&server.ca_certificate())?})
        }
        Database::Pod => {
            let place = format!("postgres.{NAMESPACE}.svc/takings?sslmode=disable");
            json!({"DATABASE_URL": format!("postgres://{name}:{password}@{place}")})
        }
    };
    let metadata = json!({"name": login.secret, "namespace": login.namespace});
    Ok(json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}))
}

/// One for all logins, the same in each run, so that a second one changes nothing.
fn password() -> Result<String> {
    let file = cache::folder("run")?.join("password");
    if !file.exists() {
        cache::write_secret(&file, cache::random(16)?)?;
    }
    let password = cache::read(&file).context("no password")?;
    if password.is_empty() {
        bail!("{} is empty: remove it", file.display());
    }
    Ok(password)
}
