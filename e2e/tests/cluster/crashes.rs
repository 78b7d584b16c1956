//! Programs killed at the worst moment, by the failpoints of the test images. The other tests go
//! on meanwhile: what is restarted here must not disturb them.

use anyhow::{Context, Result, ensure};
use e2e::{Policy, Shop, Takings, sales, shop::reason, takings::NAMESPACE};
use harness::progress;
use serde_json::{Value, json};
use std::{
    sync::{PoisonError, RwLock},
    thread::sleep,
    time::{Duration, Instant},
};

/// There is one Deployment of operators to be set up for a crash. Who needs it as it is holds it to
/// read.
pub(crate) static OPERATOR: RwLock<()> = RwLock::new(());
pub(crate) const DEPLOYMENT: &str = "deployment/takings-operator";

#[test]
fn an_importer_killed_after_commit_is_not_repeated() -> Result<()> {
    let shop = Shop::open("killed-after-commit")?;
    let sales = sales::generate(3, 3_000);
    shop.put("report", &sales.csv)?;

    let crashing = crashing_after_commit(&shop)?;
    shop.import(
        "january",
        json!({"source": {"configMap": {"name": "report", "key": "file.csv"}}}),
    )?;
    let retried =
        |status: &Value| status["attempt"] == 1 && reason(status, "Finished") == "Retrying";
    shop.status_when("january", "being retried", retried)?;
    drop(crashing);

    let status = shop.finished("january")?;
    assert_eq!(reason(&status, "Ready"), "Published", "{status:#}");
    assert_eq!((&status["run"], &status["attempt"]), (&json!(1), &json!(2)));
    assert_eq!(status["outcome"]["linesImported"], sales.lines);
    assert_eq!(shop.revenue()?["revenue"], sales.revenue);
    assert_eq!(shop.revenue()?["line_count"], sales.lines);
    shop.close()
}

#[test]
fn an_import_without_retries_is_settled_before_anyone_calls_it_failed() -> Result<()> {
    let shop = Shop::open("settled")?;
    let sales = sales::generate(5, 300);
    shop.put("report", &sales.csv)?;

    let _crashing = crashing_after_commit(&shop)?;
    shop.import(
        "january",
        json!({"retries": 0, "source": {"configMap": {"name": "report", "key": "file.csv"}}}),
    )?;

    let status = shop.finished("january")?;
    assert_eq!(reason(&status, "Ready"), "Published", "{status:#}");
    assert_eq!((&status["run"], &status["attempt"]), (&json!(1), &json!(1)));
    assert_eq!(status["outcome"]["linesImported"], sales.lines);
    // The other Job may be cleaned up by now.
    let jobs = shop.jobs()?;
    let settles = |job: &Value| job["metadata"]["name"].as_str().is_some_and(is_settle);
    assert!(jobs.iter().any(settles), "{jobs:#?}");
    assert_eq!(shop.revenue()?["revenue"], sales.revenue);
    shop.close()
}

fn crashing_after_commit(shop: &Shop) -> Result<Policy> {
    Policy::setting(shop, "january", &[("TAKINGS_FAILPOINT", "after-publish")])
}

fn is_settle(job: &str) -> bool {
    job.ends_with("-1-settle-1")
}

#[test]
fn an_operator_killed_between_job_and_status_makes_no_second_job() -> Result<()> {
    let shop = Shop::open("operator-killed")?;
    let sales = sales::generate(4, 300);
    shop.put("report", &sales.csv)?;

    let _lock = OPERATOR.write().unwrap_or_else(PoisonError::into_inner);
    let crashing = Crashing::set(shop.takings, "TAKINGS_FAILPOINT=after-job-created")?;
    shop.import(
        "january",
        json!({"source": {"configMap": {"name": "report", "key": "file.csv"}}}),
    )?;
    wait_for_restart(shop.takings)?;
    drop(crashing);

    let status = shop.finished("january")?;
    assert_eq!(reason(&status, "Ready"), "Published", "{status:#}");
    assert_eq!(status["attempt"], 1);
    assert_eq!(shop.jobs()?.len(), 1);
    assert_eq!(shop.revenue()?["revenue"], sales.revenue);
    shop.close()
}

/// An operator with a variable set that makes something crash; as before once dropped.
struct Crashing<'a> {
    takings: &'a Takings,
    variable: &'a str,
}

impl<'a> Crashing<'a> {
    fn set(takings: &'a Takings, assignment: &'a str) -> Result<Self> {
        let (variable, _) = assignment.split_once('=').context("no assignment")?;
        let crashing = Self { takings, variable };
        set_env(takings, assignment)?;
        Ok(crashing)
    }
}

impl Drop for Crashing<'_> {
    fn drop(&mut self) {
        if let Err(error) = set_env(self.takings, &format!("{}-", self.variable)) {
            progress::say(&format!("the operator still crashes: {error:?}"));
        }
    }
}

/// Replaces all operators; one of the former could be the leader yet, and act as it was told.
fn set_env(takings: &Takings, change: &str) -> Result<()> {
    let name = |pod: &Value| Some(format!("pod/{}", pod["metadata"]["name"].as_str()?));
    let former: Vec<_> = operators(takings)?.iter().filter_map(name).collect();
    let former: Vec<_> = former.iter().map(String::as_str).collect();
    let kubectl = |arguments: &[&str]| {
        takings.cluster.kubectl(&[&["-n", NAMESPACE], arguments].concat()).map(drop)
    };
    kubectl(&["set", "env", DEPLOYMENT, change])?;
    kubectl(&["rollout", "status", DEPLOYMENT, "--timeout=90s"])?;
    kubectl(&[&["wait", "--for=delete", "--timeout=90s"], &former[..]].concat())
}

fn operators(takings: &Takings) -> Result<Vec<Value>> {
    let pods = takings.read(NAMESPACE, &["pods", "-l", "app.kubernetes.io/component=operator"])?;
    pods["items"].as_array().cloned().context("no list")
}

fn wait_for_restart(takings: &Takings) -> Result<()> {
    let deadline = Instant::now() + Duration::from_mins(2);
    let restarted = |pod: &Value| {
        let restarts = &pod["status"]["containerStatuses"][0]["restartCount"];
        restarts.as_u64().is_some_and(|count| count > 0)
    };
    loop {
        if operators(takings)?.iter().any(restarted) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "the operator does not crash");
        sleep(Duration::from_millis(300));
    }
}
