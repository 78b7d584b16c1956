//! Databases of a server, one for each test.

use super::Server;
use crate::{cache, program};
use anyhow::{Context, Result};
use std::process::Command;

/// A database that is dropped with this value.
#[derive(Debug)]
pub struct Database {
    /// The superuser's URL.
    pub url: String,
    /// Its name, random.
    pub name: String,
    administration: String,
}

impl Database {
    /// `template`: the name of the database to copy, and how.
    pub(super) fn create(server: &Server, template: &str) -> Result<Self> {
        let name = format!("test_{}", cache::random(8)?);
        let administration = server.url("postgres");
        psql(&administration, &format!("CREATE DATABASE {name} TEMPLATE {template}"))?;
        Ok(Self { url: server.url(&name), name, administration })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = psql(&self.administration, &drop);
    }
}

/// Runs SQL and returns the rows, without headers. The URL goes by the environment, since
/// everybody on the machine can read a command line.
pub(super) fn psql(url: &str, sql: &str) -> Result<String> {
    let (scheme_and_login, place) = url.rsplit_once('@').context("an URL without a login")?;
    let (user, password) = scheme_and_login
        .strip_prefix("postgres://")
        .and_then(|login| login.split_once(':'))
        .context("an URL without a password")?;
    // Debian's /usr/bin/psql is a script that takes several times longer to start.
    let mut command = Command::new(super::files::program("psql")?);
    command.env("PGPASSWORD", password).env("PGOPTIONS", "-c client_min_messages=warning");
    command.args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", &format!("postgres://{user}@{place}")]);
    program::run_with_input(&mut command, sql)
}
