//! What the cluster does to a Job or its Pod: evicts, suspends, refuses, or runs out of memory.

use std::process::Command;

use anyhow::{Context as _, Result};
use e2e::{
    Shop,
    shop::{is_true, reason},
};
use harness::{program, tools};
use serde_json::{Value, json};

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
    let mut kubectl = Command::new(tools::path("kubectl")?);
    kubectl.arg("--kubeconfig").arg(at_work.shop.takings.cluster.kubeconfig());
    kubectl.args(["create", "--raw", &path, "-f", "-"]);
    program::run_with_input(&mut kubectl, &eviction.to_string())?;
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

#[test]
fn an_importer_without_enough_memory_is_told_with_its_limit() -> Result<()> {
    let _steady = steady();
    let resources = json!({"requests": {"memory": "16Mi"}, "limits": {"memory": "16Mi"}});
    let spec = json!({"retries": 0, "resources": resources});
    let at_work = AtWork::start("out-of-memory", 23, spec)?;
    let told = |status: &Value| {
        let message = status["conditions"][0]["message"].as_str().unwrap_or_default();
        message.contains("OOMKilled") && message.contains("limit of 16Mi")
    };
    at_work.shop.status_when("january", "out of memory", told)?;
    let patch = json!({"spec": {"resources": null}}).to_string();
    at_work.shop.kubectl(&["patch", "simp/january", "--type=merge", "-p", &patch])?;
    let status = at_work.shop.finished("january")?;
    assert_eq!(reason(&status, "Finished"), "RetriesExhausted", "{status:#}");
    assert_eq!(at_work.shop.revenue()?["line_count"], 0);
    at_work.gate.open();
    at_work.shop.kubectl(&["annotate", "simp/january", "takings.dev/run-again=1"])?;
    at_work.shop.status_when("january", "published", |status| is_true(status, "Ready"))?;
    assert_eq!(at_work.shop.revenue()?["revenue"], at_work.sales.revenue);
    at_work.shop.close()
}

#[test]
fn a_pod_that_a_policy_refuses_is_made_once_it_is_let_in() -> Result<()> {
    let shop = Shop::open("policy")?;
    shop.put("report", "Sale Date,Sale ID,Item Total\n3/1/2025,1,2.5\n")?;
    let (name, sentence) = (&shop.namespace, "No Pod of the sales department on Sundays.");
    let rule = json!([{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
        "resources": ["pods"]}]);
    let selector = json!({"matchLabels": {"kubernetes.io/metadata.name": name}});
    for policy in [
        json!({"kind": "ValidatingAdmissionPolicy", "spec": {"failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": rule, "namespaceSelector": selector},
            "validations": [{"expression": "false", "message": sentence}]}}),
        json!({"kind": "ValidatingAdmissionPolicyBinding", "spec": {"policyName": name,
            "validationActions": ["Deny"]}}),
    ] {
        let mut policy = policy;
        policy["apiVersion"] = json!("admissionregistration.k8s.io/v1");
        policy["metadata"] = json!({"name": name});
        shop.takings.apply(name, &policy.to_string())?;
    }
    // A policy holds a moment after it was made.
    let container = json!({"name": "probe", "image": "probe", "securityContext": {
        "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}});
    let probe = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe"},
        "spec": {"containers": [container], "securityContext": {"runAsNonRoot": true,
            "runAsUser": 1, "seccompProfile": {"type": "RuntimeDefault"}}}});
    let is_refused = || {
        let made = shop.takings.apply(name, &probe.to_string());
        made.is_err_and(|error| format!("{error:#}").contains(sentence))
    };
    let mut tries = 0..100;
    while !is_refused() {
        tries.next().context("the policy never holds")?;
        shop.kubectl(&["delete", "pod/probe", "--ignore-not-found", "--now"])?;
    }
    shop.import("march", json!({"source": {"configMap": {"name": "report", "key": "file.csv"}}}))?;
    let refused = |status: &Value| reason(status, "Finished") == "PodRefused";
    let status = shop.status_when("march", "refused", refused)?;
    assert!(status["conditions"][0]["message"].to_string().contains(sentence), "{status:#}");
    shop.kubectl(&["delete", "validatingadmissionpolicybinding", name])?;
    shop.kubectl(&["delete", "validatingadmissionpolicy", name])?;
    assert_eq!(reason(&shop.finished("march")?, "Ready"), "Published");
    shop.close()
}
