//! What the cluster does to a Job or its Pod: evicts, preempts, suspends, or runs out of memory.

use anyhow::{Context as _, Result};
use e2e::{
    FileServer, Shop, Takings,
    file_server::respond,
    pod, sales,
    shop::{is_true, message, reason},
};
use serde_json::{Value, json};
use std::io::Write as _;

use crate::gone::{AtWork, LABEL, steady};

#[test]
fn an_evicted_importer_begins_anew_without_a_retry_counted() -> Result<()> {
    let _steady = steady();
    let at_work = AtWork::begin("evicted", 21, json!({"retries": 0}))?;
    let pods = at_work.shop.takings.read(&at_work.shop.namespace, &["pods", "-l", LABEL])?;
    let pod = pods["items"][0]["metadata"]["name"].as_str().context("no Pod")?;
    let path = format!("/api/v1/namespaces/{}/pods/{pod}/eviction", at_work.shop.namespace);
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}});
    let create = ["create", "--raw", &path, "-f", "-"];
    at_work.shop.takings.kubectl_with(&eviction.to_string(), &create)?;
    at_work.gate.open();
    at_work.ends_published()
}

/// Something of which the node has one, so that a Pod that needs it can only take an importer's place.
const TILL: &str = "takings.dev/till";

#[test]
fn a_preempted_importer_begins_anew_without_a_retry_counted() -> Result<()> {
    let takings = Takings::shared()?;
    let one = json!({TILL: "1"});
    let till = json!({"status": {"capacity": one, "allocatable": one}}).to_string();
    let patch = ["patch", "node/takings", "--subresource=status", "--type=merge", "-p", &till];
    takings.cluster.kubectl(&patch)?;
    let resources = json!({"requests": one, "limits": one});
    let spec = json!({"retries": 0, "resources": resources.clone()});
    let at_work = AtWork::begin("preempted", 24, spec)?;
    at_work.shop.apply(&json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": "takings-e2e-first"}, "value": 1000}))?;
    let mut first = pod("first", &takings.images.importer);
    first["spec"]["priorityClassName"] = json!("takings-e2e-first");
    first["spec"]["containers"][0]["args"] = json!(["--help"]);
    first["spec"]["containers"][0]["resources"] = resources;
    at_work.shop.apply(&first)?;
    let done = "--for=jsonpath={.status.phase}=Succeeded";
    at_work.shop.kubectl(&["wait", "pod/first", done, "--timeout=2m"])?;
    let preempted = ["events", "--field-selector", "reason=Preempted"];
    let events = takings.read(&at_work.shop.namespace, &preempted)?;
    assert_ne!(events["items"], json!([]), "the importer was not preempted");
    at_work.gate.open();
    at_work.ends_published()
}

#[test]
fn a_job_that_a_queue_of_the_cluster_suspends_goes_on_once_it_is_resumed() -> Result<()> {
    let _steady = steady();
    let at_work = AtWork::begin("suspended-job", 22, json!({"retries": 0}))?;
    let name = at_work.shop.jobs()?[0]["metadata"]["name"].as_str().context("no Job")?.to_owned();
    let suspend = |suspend: bool| {
        let patch = json!({"spec": {"suspend": suspend}}).to_string();
        at_work.shop.kubectl(&["patch", &format!("job/{name}"), "--type=merge", "-p", &patch])
    };
    suspend(true)?;
    // The Job controller may count the Pod that it ends for that as failed, and the Job with it: then
    // the next attempt follows, and no retry is counted either.
    let waits =
        |status: &Value| reason(status, "Finished") == "JobSuspended" || status["attempt"] == 2;
    at_work.shop.status_when("january", "suspended", waits)?;
    at_work.gate.open();
    suspend(false)?;
    at_work.ends_published()
}

/// More than the limit for certain, and at once. What an importer needs at its start is not: little
/// above the limit it reads its own program again and again from the disk, instead of being killed.
const UNPACKING: usize = 32 * 1024 * 1024;

/// The file, with empty lines, as one that takes that much memory to be unpacked.
fn packed(csv: &str) -> Result<Vec<u8>> {
    let options = lzma_rust2::XzOptions::with_preset(8);
    let mut packed = lzma_rust2::XzWriter::new(Vec::new(), options)?;
    packed.write_all(csv.as_bytes())?;
    packed.write_all(&vec![b'\n'; UNPACKING])?;
    Ok(packed.finish()?)
}

#[test]
fn an_importer_without_enough_memory_is_told_with_its_limit() -> Result<()> {
    let _steady = steady();
    let (shop, sales) = (Shop::open("out-of-memory")?, sales::generate(23, 3000));
    let (packed, csv) = (packed(&sales.csv)?, sales.csv.clone());
    let web = FileServer::start(&shop.takings.cluster.host_address(), move |request, stream| {
        respond(stream, 200, if request == 1 { &packed } else { csv.as_bytes() })
    })?;
    let resources = json!({"requests": {"memory": "24Mi"}, "limits": {"memory": "24Mi"}});
    let source = json!({"http": {"url": web.url("january.csv")}});
    shop.import("january", json!({"source": source, "retries": 0, "resources": resources}))?;
    let status = shop.finished("january")?;
    assert_eq!(reason(&status, "Finished"), "RetriesExhausted", "{status:#}");
    for word in ["OOMKilled", "limit of 24Mi"] {
        assert!(message(&status).contains(word), "{status:#}");
    }
    assert_eq!(shop.revenue()?["line_count"], 0);
    let patch = json!({"metadata": {"annotations": {"takings.dev/run-again": "1"}},
        "spec": {"resources": null}})
    .to_string();
    shop.kubectl(&["patch", "simp/january", "--type=merge", "-p", &patch])?;
    shop.status_when("january", "published", |status| is_true(status, "Ready"))?;
    assert_eq!(shop.revenue()?["revenue"], sales.revenue);
    shop.close()
}
