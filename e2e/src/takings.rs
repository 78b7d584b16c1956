//! The release under test, used as its users do: kubectl, HTTP to each replica, SQL.

use crate::{
    http::{self, Answer},
    install,
    shop::is_true,
};
use anyhow::{Context, Result, anyhow, ensure};
use harness::{
    cache::Lock, cluster::Cluster, images::Images, postgres::Server, program, progress, tools,
};
use serde_json::Value;
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
    /// Keeps other processes from installing theirs.
    pub(crate) _lock: Lock,
}

impl Takings {
    /// The release that all tests of this process share; installs it at the first call.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: LazyLock<Result<Takings>> = LazyLock::new(install::takings);
        SHARED.as_ref().map_err(|error| anyhow!("no release to test: {error:?}"))
    }

    /// Applies manifests, JSON or YAML, in a namespace.
    pub fn apply(&self, namespace: &str, manifest: &str) -> Result<()> {
        self.kubectl_with(manifest, &["-n", namespace, "apply", "-f", "-"]).map(drop)
    }

    /// Runs kubectl with that on its standard input, and returns what it printed.
    pub fn kubectl_with(&self, input: &str, arguments: &[&str]) -> Result<String> {
        let mut kubectl = Command::new(tools::path("kubectl")?);
        kubectl.arg("--kubeconfig").arg(self.cluster.kubeconfig()).args(arguments);
        program::run_with_input(&mut kubectl, input)
    }

    /// Reads an object, such as `pod/name`, or a list.
    pub fn read(&self, namespace: &str, what: &[&str]) -> Result<Value> {
        let command = [&["-n", namespace, "get", "-o", "json"], what].concat();
        Ok(serde_json::from_str(&self.cluster.kubectl(&command)?)?)
    }

    /// The address of the API's Service.
    pub fn service(&self) -> Result<String> {
        let service = self.read(NAMESPACE, &["service", "takings-api"])?;
        let address = service["spec"]["clusterIP"].as_str().context("no address")?;
        Ok(format!("{address}:80"))
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

    /// Uploads a file by way of the API's Service. As its clients do, it comes again where the API
    /// asks it to: on a busy machine a connection to the database may take longer than that waits.
    pub fn upload(&self, path: &str, file: (&str, &str)) -> Result<Answer> {
        let service = self.service()?;
        for _ in 0..3 {
            let answer = http::upload(&service, path, file)?;
            if answer.status != 503 {
                return Ok(answer);
            }
            progress::say(&format!("to be uploaded later: {answer:?}\n{}", self.api_log()?));
            sleep(Duration::from_secs(5));
        }
        http::upload(&service, path, file)
    }

    /// The last lines that the API's replicas have logged.
    pub fn api_log(&self) -> Result<String> {
        let of_the_api = ["-l", "app.kubernetes.io/component=api", "--tail=20", "--prefix"];
        self.cluster.kubectl(&[&["-n", NAMESPACE, "logs"], &of_the_api[..]].concat())
    }

    /// Asks each replica of the API the same, and returns the answer that all of them gave.
    pub fn ask(&self, path: &str) -> Result<Answer> {
        let ask_one = |replica: &String| {
            let answer = http::get(replica, path)?;
            ensure!(answer.status != 503, "{replica} can't answer now: {answer:?}");
            Ok(answer)
        };
        let ask_all = || -> Result<Vec<_>> { self.replicas()?.iter().map(ask_one).collect() };
        // A replica may go just then, in an upgrade: its successors are asked instead. And one may
        // say that the database does not answer at the moment: it asks to be asked again.
        let pause = |_: &_| sleep(Duration::from_secs(2));
        let answers = (0..5).find_map(|_| ask_all().inspect_err(pause).ok());
        let mut answers = answers.map_or_else(ask_all, Ok)?;
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
}
