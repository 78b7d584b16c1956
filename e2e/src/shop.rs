//! A shop: a namespace with a database login of its own that may load into datasets of its own.
//! Each test has one, so that tests can run side by side.

use crate::{
    install::{namespace, secret},
    takings::Takings,
};
use anyhow::{Context, Result, bail};
use harness::cache;
use serde_json::{Value, json};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// How long anything may take that a test waits for. No test measures time: this only ends it.
const PATIENCE: Duration = Duration::from_mins(3);

/// A namespace that imports.
#[derive(Debug)]
pub struct Shop {
    /// The release it imports with.
    pub takings: &'static Takings,
    /// Its namespace.
    pub namespace: String,
    /// Its dataset, of the same name.
    pub dataset: String,
    /// Its database login.
    pub login: String,
    /// Its password.
    pub password: String,
}

impl Shop {
    /// A new shop.
    pub fn open(name: &str) -> Result<Self> {
        let takings = Takings::shared()?;
        let unique = format!("{name}-{}", cache::random(3)?);
        let shop = Self {
            takings,
            namespace: unique.clone(),
            login: unique.replace('-', "_"),
            dataset: unique,
            password: cache::random(16)?,
        };
        let Self { login, password, .. } = &shop;
        takings.sql(&format!("CREATE ROLE {login} LOGIN PASSWORD '{password}'"))?;
        shop.grant(&shop.dataset)?;
        takings.apply("default", &namespace(&shop.namespace).to_string())?;
        shop.apply(&secret(&takings.server, "takings-importer", login, password)?)?;
        Ok(shop)
    }

    /// Lets the shop load into one more dataset.
    pub fn grant(&self, dataset: &str) -> Result<()> {
        let grant = format!("SELECT takings.grant_dataset('{}', '{dataset}')", self.login);
        self.takings.sql(&grant).map(drop)
    }

    /// Applies an object in the shop's namespace.
    pub fn apply(&self, object: &Value) -> Result<()> {
        self.takings.apply(&self.namespace, &object.to_string())
    }

    /// Puts a file into a ConfigMap of its name, under the key `file.csv`.
    pub fn put(&self, name: &str, csv: &str) -> Result<()> {
        self.apply(&json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name},
            "data": {"file.csv": csv},
        }))
    }

    /// The same as the source of an import.
    #[must_use]
    pub fn source(name: &str) -> Value {
        json!({"configMap": {"name": name, "key": "file.csv"}})
    }

    /// Applies a SalesImport of the shop's dataset.
    pub fn import(&self, name: &str, mut spec: Value) -> Result<()> {
        spec["dataset"] = json!(self.dataset);
        self.apply(&json!({
            "apiVersion": "takings.dev/v1alpha1",
            "kind": "SalesImport",
            "metadata": {"name": name},
            "spec": spec,
        }))
    }

    /// The uid of a SalesImport.
    pub fn uid(&self, name: &str) -> Result<String> {
        let import = self.takings.read(&self.namespace, &["salesimport", name])?;
        Ok(import["metadata"]["uid"].as_str().context("no uid")?.to_owned())
    }

    /// Waits for the end of a SalesImport and returns its status.
    pub fn finished(&self, name: &str) -> Result<Value> {
        let finished = |status: &Value| is_true(status, "Finished");
        self.status_when(name, "Finished", finished)
    }

    /// Waits until a SalesImport's status is as the test wants it, and returns it.
    pub fn status_when(
        &self,
        name: &str,
        wanted: &str,
        is_wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let object = self.takings.read(&self.namespace, &["salesimport", name])?;
            if is_wanted(&object["status"]) {
                return Ok(object["status"].clone());
            }
            if Instant::now() > deadline {
                bail!("{name} is not {wanted}, but: {:#}", object["status"]);
            }
            sleep(Duration::from_millis(500));
        }
    }

    /// Runs kubectl in the shop's namespace.
    pub fn kubectl(&self, arguments: &[&str]) -> Result<()> {
        let command = [&["-n", &self.namespace], arguments].concat();
        self.takings.cluster.kubectl(&command).map(drop)
    }

    /// The Jobs of the shop.
    pub fn jobs(&self) -> Result<Vec<Value>> {
        let jobs = self.takings.read(&self.namespace, &["jobs"])?;
        Ok(jobs["items"].as_array().cloned().unwrap_or_default())
    }

    /// The reasons of the events about a SalesImport.
    pub fn events(&self, name: &str) -> Result<Vec<String>> {
        let about = format!("involvedObject.kind=SalesImport,involvedObject.name={name}");
        let events = self.takings.read(&self.namespace, &["events", "--field-selector", &about])?;
        let events = events["items"].as_array().cloned().unwrap_or_default();
        let reason = |event: &Value| event["reason"].as_str().map(str::to_owned);
        Ok(events.iter().filter_map(reason).collect())
    }

    /// The revenue of the shop's dataset, as all replicas answer it.
    pub fn revenue(&self) -> Result<Value> {
        self.takings.revenue(&self.dataset)
    }

    /// Removes the namespace, at the end of a test that passed: what failed stays to be looked at
    /// until the next process cleans up.
    pub fn close(self) -> Result<()> {
        let delete = ["delete", "namespace", &self.namespace, "--wait=false"];
        self.takings.cluster.kubectl(&delete).map(drop)
    }
}

/// Whether a status has a condition that is true.
#[must_use]
pub fn is_true(status: &Value, condition: &str) -> bool {
    find(status, condition)["status"] == "True"
}

/// A condition's reason, such as `Published`; empty where it is not there.
#[must_use]
pub fn reason<'a>(status: &'a Value, condition: &str) -> &'a str {
    find(status, condition)["reason"].as_str().unwrap_or_default()
}

/// What the conditions say, in a sentence; empty where there are none.
#[must_use]
pub fn message(status: &Value) -> &str {
    find(status, "Finished")["message"].as_str().unwrap_or_default()
}

fn find<'a>(status: &'a Value, condition: &str) -> &'a Value {
    let conditions = status["conditions"].as_array();
    let found = conditions.into_iter().flatten().find(|each| each["type"] == condition);
    found.unwrap_or(&Value::Null)
}
