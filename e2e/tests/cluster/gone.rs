//! What goes away while an importer is at work: its Pod, its Job, its SalesImport, its namespace,
//! the operator, the time. None of it loses or doubles a sale.

use anyhow::Result;
use e2e::{
    FileServer, Shop,
    gate::{Gate, serve_half, wait_for_mid_load},
    sales::{self, Sales},
    shop::{is_true, reason},
    takings::NAMESPACE,
};
use serde_json::{Value, json};
use std::sync::{PoisonError, RwLockReadGuard};

use crate::crashes::{DEPLOYMENT, OPERATOR};

/// Half of it is more than the importer loads in one transaction.
const LINES: u32 = 200_000;

/// An import that is at work, and whose file is served to its end once the gate is open.
pub(crate) struct AtWork {
    pub(crate) shop: Shop,
    pub(crate) sales: Sales,
    pub(crate) gate: Gate,
    pub(crate) web: FileServer,
}

impl AtWork {
    pub(crate) fn begin(name: &str, seed: u32, further: Value) -> Result<Self> {
        let (shop, sales, gate) =
            (Shop::open(name)?, sales::generate(seed, LINES), Gate::default());
        let web = serve_half(&shop.takings.cluster.host_address(), &sales, &gate)?;
        let mut spec = further;
        spec["source"] = json!({"http": {"url": web.url("january.csv")}});
        shop.import("january", spec)?;
        wait_for_mid_load(&shop.takings.server, &shop.dataset)?;
        assert_eq!(shop.revenue()?["line_count"], 0, "a partial import is visible");
        Ok(Self { shop, sales, gate, web })
    }

    /// Waits for its end, which is to be a good one, without a retry counted.
    pub(crate) fn ends_published(self) -> Result<()> {
        let status = self.shop.finished("january")?;
        assert_eq!(reason(&status, "Ready"), "Published", "{status:#}");
        assert_eq!((&status["run"], &status["failures"]), (&json!(1), &Value::Null), "{status:#}");
        assert_eq!(status["progress"], Value::Null, "{status:#}");
        let revenue = self.shop.revenue()?;
        assert_eq!(revenue["revenue"], self.sales.revenue);
        assert_eq!(revenue["line_count"], self.sales.lines);
        assert_eq!(revenue["order_count"], self.sales.orders);
        self.shop.close()
    }
}

/// Keeps the operator as it is.
pub(crate) fn steady() -> RwLockReadGuard<'static, ()> {
    OPERATOR.read().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) const LABEL: &str = "takings.dev/sales-import=january";

#[test]
fn a_pod_that_is_deleted_begins_anew_without_a_retry_counted() -> Result<()> {
    let _steady = steady();
    let at_work = AtWork::begin("pod-deleted", 1, json!({"retries": 0}))?;
    at_work.shop.kubectl(&["delete", "pod", "-l", LABEL, "--grace-period=1"])?;
    at_work.gate.open();
    at_work.ends_published()
}

#[test]
fn a_job_that_is_deleted_begins_anew_without_a_retry_counted() -> Result<()> {
    let _steady = steady();
    let at_work = AtWork::begin("job-deleted", 6, json!({"retries": 0}))?;
    at_work.shop.kubectl(&["delete", "job", "-l", LABEL])?;
    at_work.gate.open();
    at_work.ends_published()
}

#[test]
fn how_far_the_importer_is_can_be_seen_meanwhile() -> Result<()> {
    let _steady = steady();
    let at_work = AtWork::begin("progress", 7, json!({}))?;
    let half =
        |status: &Value| status["progress"]["linesRead"].as_u64() > Some(u64::from(LINES / 4));
    let status = at_work.shop.status_when("january", "half loaded", half)?;
    let progress = &status["progress"];
    assert_eq!(progress["stage"], "loading", "{status:#}");
    assert!((25..75).contains(&progress["percent"].as_u64().unwrap_or_default()), "{status:#}");
    at_work.gate.open();
    at_work.ends_published()
}

#[test]
fn a_suspended_import_is_stopped_and_goes_on_afterwards() -> Result<()> {
    let _steady = steady();
    let at_work = AtWork::begin("suspended", 12, json!({"retries": 0}))?;
    let suspend = |suspend: bool| {
        let patch = json!({"spec": {"suspend": suspend}}).to_string();
        at_work.shop.kubectl(&["patch", "simp/january", "--type=merge", "-p", &patch])
    };
    suspend(true)?;
    at_work.shop.kubectl(&["wait", "pod", "-l", LABEL, "--for=delete", "--timeout=2m"])?;
    let stopped = |status: &Value| {
        reason(status, "Finished") == "Suspended" && !status["nextAttemptTime"].is_null()
    };
    at_work.shop.status_when("january", "suspended", stopped)?;
    at_work.gate.open();
    suspend(false)?;
    at_work.ends_published()
}

/// Deletes it, and waits until nothing holds it any more.
fn delete_and_wait(shop: &Shop) -> Result<()> {
    shop.kubectl(&["delete", "simp/january", "--timeout=3m"])?;
    Ok(())
}

#[test]
fn a_deleted_import_keeps_its_sales_unless_they_are_to_be_reverted() -> Result<()> {
    let _steady = steady();
    let at_work = AtWork::begin("on-delete", 13, json!({"onDelete": "Revert"}))?;
    at_work.gate.open();
    let AtWork { shop, sales, .. } = at_work;
    shop.finished("january")?;
    assert_eq!(shop.revenue()?["revenue"], sales.revenue);
    delete_and_wait(&shop)?;
    let revenue = shop.revenue()?;
    assert_eq!((&revenue["revenue"], &revenue["line_count"]), (&json!("0"), &json!(0)));
    shop.close()
}

#[test]
fn an_import_that_is_deleted_at_work_is_reverted_and_one_that_is_to_be_kept_is_let_go() -> Result<()>
{
    let _steady = steady();
    let at_work = AtWork::begin("deleted-at-work", 14, json!({"onDelete": "Revert"}))?;
    delete_and_wait(&at_work.shop)?;
    at_work.gate.open();
    assert_eq!(at_work.shop.revenue()?["line_count"], 0, "a partial import is visible");
    at_work.shop.close()?;

    let at_work = AtWork::begin("kept", 15, json!({"onDelete": "Revert"}))?;
    at_work.gate.open();
    let AtWork { shop, sales, .. } = at_work;
    shop.finished("january")?;
    // Without the database's Secret nothing can be reverted.
    shop.kubectl(&["delete", "secret", "takings-importer"])?;
    shop.kubectl(&["delete", "simp/january", "--wait=false"])?;
    let told = |status: &Value| {
        let message = status["conditions"][0]["message"].as_str().unwrap_or_default();
        message.contains("keep-sales") && message.contains("takings-importer")
    };
    shop.status_when("january", "told what is missing", told)?;
    shop.kubectl(&["annotate", "simp/january", "takings.dev/keep-sales=true"])?;
    shop.kubectl(&["wait", "simp/january", "--for=delete", "--timeout=2m"])?;
    assert_eq!(shop.revenue()?["revenue"], sales.revenue);
    shop.close()
}

#[test]
fn an_operator_that_is_away_meanwhile_finds_how_it_ended() -> Result<()> {
    let _lock = OPERATOR.write().unwrap_or_else(PoisonError::into_inner);
    let at_work = AtWork::begin("operator-away", 8, json!({}))?;
    let takings = at_work.shop.takings;
    let replicas = takings.read(NAMESPACE, &[DEPLOYMENT])?["spec"]["replicas"].clone();
    let scale = |replicas: &Value| {
        let replicas = format!("--replicas={replicas}");
        takings.cluster.kubectl(&["-n", NAMESPACE, "scale", DEPLOYMENT, &replicas]).map(drop)
    };
    scale(&json!(0))?;
    at_work.gate.open();
    let job = ["wait", "job", "-l", LABEL, "--for=condition=Complete", "--timeout=2m"];
    let ended = at_work.shop.kubectl(&job);
    scale(&replicas)?;
    ended?;
    at_work.ends_published()
}

#[test]
fn a_run_that_exceeds_its_deadline_is_ended_and_the_ledger_says_that_it_is_abandoned() -> Result<()>
{
    let _steady = steady();
    let AtWork { shop, gate, .. } =
        AtWork::begin("deadline", 9, json!({"deadlineSeconds": 60, "retries": 0}))?;
    let status = shop.finished("january")?;
    gate.open();
    assert_eq!(reason(&status, "Stalled"), "DeadlineExceeded", "{status:#}");
    assert!(is_true(&status, "Stalled"), "{status:#}");
    assert_eq!(status["outcome"]["result"], "Abandoned", "{status:#}");
    assert!(shop.events("january")?.contains(&"DeadlineExceeded".to_owned()));
    assert_eq!(shop.revenue()?["line_count"], 0);
    shop.close()
}

#[test]
fn a_salesimport_that_is_deleted_takes_its_job_along_and_leaves_no_sale() -> Result<()> {
    let _steady = steady();
    let AtWork { shop, gate, .. } = AtWork::begin("import-deleted", 10, json!({}))?;
    shop.kubectl(&["delete", "salesimport/january"])?;
    for kind in ["job", "pod"] {
        shop.kubectl(&["wait", kind, "-l", LABEL, "--for=delete", "--timeout=2m"])?;
    }
    gate.open();
    assert_eq!(shop.revenue()?["line_count"], 0);
    shop.close()
}

#[test]
fn a_namespace_can_be_deleted_while_an_import_is_at_work() -> Result<()> {
    let _steady = steady();
    let AtWork { shop, gate, .. } = AtWork::begin("namespace-deleted", 11, json!({}))?;
    let namespace = shop.namespace.clone();
    let delete = ["delete", "namespace", &namespace, "--timeout=2m"];
    shop.takings.cluster.kubectl(&delete)?;
    gate.open();
    assert_eq!(shop.revenue()?["line_count"], 0);
    Ok(())
}
