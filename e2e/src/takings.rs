//! The chart, installed once for all tests of a process, with a PostgreSQL on this machine.
//!
//! A cluster has one release of Takings, since its operator watches all namespaces: the tests take
//! the place of the one that `make run` installs, and it takes theirs when it is run again.

use crate::{http, http::Answer, repository, shop::is_true};
use anyhow::{Context, Result, anyhow, bail, ensure};
use harness::{
    cache,
    cluster::Cluster,
    images::{self, Images},
    postgres::Server,
    program, progress, tools,
};
use serde_json::{Value, json};
use std::{process::Command, sync::LazyLock, thread::sleep, time::Duration};

/// The release's name, and its namespace.
pub const NAMESPACE: &str = "takings";
/// The database.
pub const DATABASE: &str = "takings";

/// The release under test.
#[derive(Debug)]
pub struct Takings {
    /// The cluster it runs on.
    pub cluster: Cluster,
    /// Its images, with failpoints.
    pub images: Images,
    /// Its database server, on the address where Pods reach this machine.
    pub server: Server,
}

impl Takings {
    /// The release that all tests of this process share; installs it at the first call.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: LazyLock<Result<Takings>> = LazyLock::new(Takings::install);
        SHARED.as_ref().map_err(|error| anyhow!("no release to test: {error:?}"))
    }

    /// Applies manifests, JSON or YAML, in a namespace.
    pub fn apply(&self, namespace: &str, manifest: &str) -> Result<()> {
        let mut kubectl = Command::new(tools::path("kubectl")?);
        kubectl.arg("--kubeconfig").arg(self.cluster.kubeconfig());
        kubectl.args(["-n", namespace, "apply", "-f", "-"]);
        program::run_with_input(&mut kubectl, manifest).map(drop)
    }

    /// Reads an object, such as `pod/name`, or a list.
    pub fn read(&self, namespace: &str, what: &[&str]) -> Result<Value> {
        let command = [&["-n", namespace, "get", "-o", "json"], what].concat();
        Ok(serde_json::from_str(&self.cluster.kubectl(&command)?)?)
    }

    /// The addresses of the API's replicas that are ready.
    pub fn replicas(&self) -> Result<Vec<String>> {
        let pods = self.read(NAMESPACE, &["pods", "-l", "app.kubernetes.io/component=api"])?;
        let pods = pods["items"].as_array().context("no list of Pods")?;
        let stays = |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_null();
        let ready = pods.iter().filter(stays).filter(|pod| is_true(&pod["status"], "Ready"));
        let address = |pod: &Value| Some(format!("{}:8080", pod["status"]["podIP"].as_str()?));
        let replicas: Vec<_> = ready.filter_map(address).collect();
        ensure!(replicas.len() >= 2, "the API has {} replicas", replicas.len());
        Ok(replicas)
    }

    /// Asks each replica of the API the same, and returns the answer that all of them gave.
    pub fn ask(&self, path: &str) -> Result<Answer> {
        let ask_all = || -> Result<Vec<_>> {
            self.replicas()?.iter().map(|replica| http::get(replica, path)).collect()
        };
        // A replica may go just then, in an upgrade: its successors are asked instead.
        let patient =
            (0..5).find_map(|_| ask_all().inspect_err(|_| sleep(Duration::from_secs(2))).ok());
        let mut answers = patient.map_or_else(ask_all, Ok)?;
        ensure!(answers.windows(2).all(|pair| pair[0] == pair[1]), "they differ: {answers:?}");
        answers.pop().context("no answer")
    }

    /// The revenue of all time, with its counts, that all replicas answer for a dataset.
    pub fn revenue(&self, dataset: &str) -> Result<Value> {
        let range = "from=2000-01-01&to=2099-12-31";
        let answer = self.ask(&format!("/api/v1/revenue?{range}&dataset={dataset}"))?;
        ensure!(answer.status == 200, "{answer:?}");
        Ok(answer.json)
    }

    /// Runs SQL in the database as its superuser.
    pub fn sql(&self, sql: &str) -> Result<String> {
        Ok(self.server.sql(DATABASE, sql)?.trim().to_owned())
    }

    /// A login's connection string, verifying the server's certificate.
    #[must_use]
    pub fn url(&self, login: &str, password: &str) -> String {
        url(&self.server, login, password)
    }

    fn install() -> Result<Self> {
        let cluster = Cluster::shared()?;
        let images = images::build_all()?;
        let server = Server::kept("e2e", &cluster.host_address())?;
        let takings = Self { cluster, images, server };
        progress::during("Install the chart for the end-to-end tests", || {
            takings.clean_up()?;
            takings.create_database()?;
            takings.install_chart()?;
            takings.sql("SELECT takings.grant_dataset('e2e_uploads', 'default')")
        })?;
        Ok(takings)
    }

    /// Removes what an earlier process left.
    fn clean_up(&self) -> Result<()> {
        let uninstall = ["uninstall", NAMESPACE, "-n", NAMESPACE, "--ignore-not-found", "--wait"];
        self.cluster.helm(&uninstall)?;
        let shops = ["delete", "namespace", "-l", "takings.dev/e2e", "--wait=false"];
        self.cluster.kubectl(&shops).map(drop)
    }

    /// A fresh database whose owner is no superuser, with Secrets for it.
    fn create_database(&self) -> Result<()> {
        let password = cache::random(16)?;
        let admin = |sql: &str| self.server.sql("postgres", sql);
        admin(&format!("DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)"))?;
        for (role, attributes) in [
            ("takings_api", "NOLOGIN"),
            ("e2e_owner", "LOGIN CREATEROLE"),
            ("e2e_api", "LOGIN"),
            ("e2e_uploads", "LOGIN"),
        ] {
            admin(&format!(
                "DO $$ BEGIN CREATE ROLE {role} {attributes} PASSWORD '{password}';
                 EXCEPTION WHEN duplicate_object THEN
                    ALTER ROLE {role} {attributes} PASSWORD '{password}';
                 END $$"
            ))?;
        }
        admin("GRANT takings_api TO e2e_api")?;
        admin(&format!("CREATE DATABASE {DATABASE} OWNER e2e_owner"))?;
        self.apply("default", &namespace(NAMESPACE).to_string())?;
        for (secret, login) in [
            ("takings-owner", "e2e_owner"),
            ("takings-api", "e2e_api"),
            ("takings-uploads", "e2e_uploads"),
        ] {
            self.apply(NAMESPACE, &self.secret(secret, login, &password)?.to_string())?;
        }
        Ok(())
    }

    /// A Secret with a login's connection string and the server's authority.
    pub fn secret(&self, name: &str, login: &str, password: &str) -> Result<Value> {
        secret(&self.server, name, login, password)
    }

    fn install_chart(&self) -> Result<()> {
        let images = &self.images;
        let values = json!({
            "database": {"caKey": "ca.crt", "migrations": {"caKey": "ca.crt"}},
            "importer": {
                "image": image(&images.importer)?,
                "network": {"allow": [self.cluster.host_address()]},
                "allowHttp": true,
            },
            "operator": {"image": image(&images.operator)?, "logLevel": "debug,kube=info,hyper=info"},
            "api": {
                "uploads": {"existingSecret": "takings-uploads"},
                "image": without_tag(image(&images.api)?),
                "blueGreen": {"slots": {"blue": {"image": {"tag": tag(&images.api)?}}}},
                "lifecycle": {"preStopSleepSeconds": 3, "minReadySeconds": 0},
            },
        });
        let mut helm = Command::new(tools::path("helm")?);
        helm.arg("--kubeconfig").arg(self.cluster.kubeconfig()).args(["install", NAMESPACE]);
        helm.arg(repository("charts/takings")).args(["-n", NAMESPACE, "-f", "-"]);
        program::run_with_input(helm.args(["--wait", "--timeout", "4m"]), &values.to_string())?;
        Ok(())
    }
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

/// A Secret for a login of a server.
pub fn secret(server: &Server, name: &str, login: &str, password: &str) -> Result<Value> {
    let authority = cache::read(&server.ca_certificate())?;
    Ok(json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "stringData": {"DATABASE_URL": url(server, login, password), "ca.crt": authority},
    }))
}

fn url(server: &Server, login: &str, password: &str) -> String {
    let (address, port) = (server.address(), server.port());
    format!(
        "postgres://{login}:{password}@{address}:{port}/{DATABASE}\
         ?sslmode=verify-full&sslrootcert=/etc/takings/database/ca.crt"
    )
}

/// The chart's values for an image that is on the node already.
fn image(name: &str) -> Result<Value> {
    let (repository, tag) = split(name)?;
    Ok(json!({"registry": "", "repository": repository, "tag": tag, "pullPolicy": "Never"}))
}

fn tag(name: &str) -> Result<&str> {
    Ok(split(name)?.1)
}

fn split(name: &str) -> Result<(&str, &str)> {
    match name.rsplit_once(':') {
        Some(parts) => Ok(parts),
        None => bail!("the image {name} has no tag"),
    }
}

fn without_tag(mut image: Value) -> Value {
    if let Some(image) = image.as_object_mut() {
        image.remove("tag");
    }
    image
}
