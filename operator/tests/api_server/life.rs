//! A SalesImport from `kubectl apply` to its end.

use k8s_openapi::{
    api::{batch::v1::Job, core::v1::Pod},
    jiff::SignedDuration,
};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use operator::crd::SalesImport;
use prometheus::proto::MetricFamily;
use serde_json::json;

use crate::{
    calls::Calls,
    support::{Shop, conditions_of, eventually, outcome, pod_of},
};

#[tokio::test]
async fn a_file_is_loaded_and_the_outcome_told() {
    let shop = Shop::open().await;
    let import = shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    shop.container(&job, json!({"running": {}})).await;
    let status = shop.until_reason("march", "Running").await;
    assert_eq!(conditions_of(&status), ["Reconciling"]);
    shop.end(&job, &outcome(&import, 1, "Published", "Published"), 0).await;
    let status = shop.until_reason("march", "Published").await;
    assert_eq!(conditions_of(&status), ["Ready", "Finished"]);
    assert_eq!((status.run, status.published_run, status.attempt), (Some(1), Some(1), Some(1)));
    assert_eq!(status.observed_generation, Some(1));
    let told = status.outcome.unwrap();
    assert_eq!(told.revenue.unwrap().to_string(), "-171.348");
    eventually(|| async { shop.events().await.contains(&"Published".to_owned()) }).await;
    assert!(shop.events().await.contains(&"JobCreated".to_owned()));
}

#[tokio::test]
async fn the_job_is_owned_restricted_and_told_everything() {
    let shop = Shop::open().await;
    let name = format!("march.{}", "x".repeat(100));
    let format = json!({
        "delimiter": ";",
        "encoding": "Windows-1252",
        "comment": "#",
        "skipLines": 3,
        "dateOrder": "Auto",
        "columns": {"total": "Total; paid"},
        "aliases": {"total": ["Betrag"], "location": ["Shop"]},
    });
    let import = shop.import(&name, json!({"format": format, "maxRejected": "2%"})).await;
    let job = shop.until_job(&name, 1).await;
    let owner = &job.owner_references()[0];
    assert_eq!(
        (owner.uid.as_str(), owner.controller),
        (import.uid().unwrap().as_str(), Some(true))
    );
    let spec = job.spec.clone().unwrap();
    assert_eq!(
        (spec.backoff_limit, spec.pod_replacement_policy.as_deref()),
        (Some(0), Some("Failed"))
    );
    let arguments = spec.template.spec.unwrap().containers[0].args.clone().unwrap();
    for argument in [
        "load".to_owned(),
        format!("--import-id={}", import.uid().unwrap()),
        "--run=1".into(),
        "--max-rejected=2%".into(),
        "--delimiter=;".into(),
        "--encoding=windows-1252".into(),
        "--comment=#".into(),
        "--skip-lines=3".into(),
        "--date-order=auto".into(),
        "--column=total=Total; paid".into(),
        "--column=total=Betrag".into(),
        "--column=location=Location".into(),
        "--column=location=Shop".into(),
        "--file=/source/march.csv".into(),
        "--root=/source".into(),
        format!("--requested-by={}/{name}", shop.namespace),
    ] {
        assert!(arguments.contains(&argument), "{argument} is not in {arguments:?}");
    }
    // The namespace enforces the restricted Pod Security Standard.
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    shop.api::<Pod>().create(&dry_run, &pod_of(&job)).await.unwrap();
}

#[tokio::test]
async fn an_import_that_goes_well_costs_eight_calls() {
    let mut shop = Shop::open_without_operator().await;
    shop.job_ttl = SignedDuration::from_secs(2);
    let calls = Calls::default();
    shop.start_operator_with(&calls);
    let import = shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    shop.container(&job, json!({"running": {}})).await;
    shop.until_reason("march", "Running").await;
    shop.end(&job, &outcome(&import, 1, "Published", "Published"), 0).await;
    shop.until_reason("march", "Published").await;
    shop.collect(&job).await;
    let mut counts = calls.counts();
    // A second one may be on its way before the watch has told of the first.
    assert!((1..=2).contains(&counts.remove("delete jobs").unwrap()));
    let expected = [("create events", 2), ("create jobs", 1), ("patch salesimports/status", 4)];
    assert_eq!(counts, expected.map(|(call, count)| (call.to_owned(), count)).into());
}

#[tokio::test]
async fn refused_input_is_told_and_not_retried() {
    let shop = Shop::open().await;
    let import = shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    let mut refused = outcome(&import, 1, "Refused", "TooManyRejected");
    refused["rejects"] =
        json!([{"line": 7, "column": "Item Total", "value": "O.4", "reason": "InvalidNumber"}]);
    shop.end(&job, &refused, 2).await;
    let status = shop.until_reason("march", "TooManyRejected").await;
    assert_eq!(conditions_of(&status), ["Stalled", "Finished"]);
    assert_eq!(status.outcome.unwrap().rejects[0].line, 7);
    assert_eq!(shop.jobs().await.len(), 1);
}

#[tokio::test]
async fn a_fault_is_retried_and_the_retry_finds_what_was_published() {
    let shop = Shop::open().await;
    let import = shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    shop.end(&job, &outcome(&import, 1, "Fault", "DatabaseUnavailable"), 1).await;
    shop.until_reason("march", "Retrying").await;
    let retry = shop.until_job("march", 2).await;
    assert_ne!(retry.name_any(), job.name_any());
    shop.end(&retry, &outcome(&import, 1, "Published", "Published"), 0).await;
    let status = shop.until_reason("march", "Published").await;
    assert_eq!((status.run, status.attempt), (Some(1), Some(2)));
}

#[tokio::test]
async fn a_foreign_pod_with_an_outcome_is_not_believed() {
    let shop = Shop::open().await;
    let import = shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    let mut foreign = pod_of(&job);
    foreign.metadata.name = Some("foreign".into());
    foreign.metadata.owner_references = None;
    shop.api::<Pod>().create(&PostParams::default(), &foreign).await.unwrap();
    let published = outcome(&import, 1, "Published", "Published");
    let status = json!({"status": {"containerStatuses": [{"name": "importer", "image": "",
        "imageID": "", "ready": false, "restartCount": 0,
        "state": {"terminated": {"exitCode": 0, "message": published.to_string()}}}]}});
    let patch = Patch::Merge(status);
    shop.api::<Pod>().patch_status("foreign", &PatchParams::default(), &patch).await.unwrap();
    // The real one says otherwise, and is believed.
    shop.end(&job, &outcome(&import, 1, "Refused", "InvalidHeader"), 2).await;
    shop.until_reason("march", "InvalidHeader").await;
}

#[tokio::test]
async fn without_an_outcome_the_ledger_is_asked_before_the_end() {
    let shop = Shop::open().await;
    let import = shop.import("march", json!({"retries": 0})).await;
    let job = shop.until_job("march", 1).await;
    shop.container(&job, json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}})).await;
    let settle = shop.until_settle("march").await;
    let status = shop.get("march").await.status.unwrap();
    assert_eq!(conditions_of(&status), ["Reconciling"]);
    assert_eq!(status.conditions[0].reason, "OutcomeUnknown");
    let arguments = settle.spec.clone().unwrap().template.spec.unwrap().containers[0].args.clone();
    assert_eq!(arguments.unwrap()[0], "settle");
    shop.end(&settle, &outcome(&import, 1, "Published", "Published"), 0).await;
    let status = shop.until_reason("march", "Published").await;
    assert_eq!(conditions_of(&status), ["Ready", "Finished"]);
}

#[tokio::test]
async fn an_abandoned_run_fails_with_what_went_wrong() {
    let shop = Shop::open().await;
    let import = shop.import("march", json!({"retries": 0})).await;
    let job = shop.until_job("march", 1).await;
    shop.container(&job, json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}})).await;
    let settle = shop.until_settle("march").await;
    shop.end(&settle, &outcome(&import, 1, "Abandoned", "Abandoned"), 2).await;
    let status = shop.until_reason("march", "RetriesExhausted").await;
    assert_eq!(conditions_of(&status), ["Stalled", "Finished"]);
    assert!(status.conditions[0].message.contains("OOMKilled"), "{status:#?}");
}

#[tokio::test]
async fn run_again_loads_anew_as_the_next_run() {
    let shop = Shop::open().await;
    let import = shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    shop.end(&job, &outcome(&import, 1, "Published", "Published"), 0).await;
    shop.until_reason("march", "Published").await;
    let token = json!({"metadata": {"annotations": {"takings.dev/run-again": "corrected"}}});
    shop.patch("march", token).await.unwrap();
    shop.until("march", |status| status.run == Some(2)).await;
    let job = shop.until_job("march", 1).await;
    assert!(job.name_any().ends_with("-2-1"), "{}", job.name_any());
    shop.end(&job, &outcome(&import, 2, "Published", "Published"), 0).await;
    let status = shop.until("march", |status| status.published_run == Some(2)).await;
    assert_eq!(conditions_of(&status), ["Ready", "Finished"]);
}

#[tokio::test]
async fn an_edit_before_publishing_ends_the_run_and_starts_the_next_one() {
    let shop = Shop::open().await;
    let import = shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    shop.container(&job, json!({"running": {}})).await;
    shop.until_reason("march", "Running").await;
    shop.patch("march", json!({"spec": {"dataset": "kiosk"}})).await.unwrap();
    shop.collect(&job).await;
    let settle = shop.until_settle("march").await;
    shop.end(&settle, &outcome(&import, 1, "Abandoned", "Abandoned"), 2).await;
    let status = shop.until("march", |status| status.run == Some(2)).await;
    assert_eq!(status.dataset.unwrap().as_str(), "kiosk");
    let job = shop.until_job("march", 1).await;
    assert!(job.name_any().ends_with("-2-1"), "{}", job.name_any());
}

#[tokio::test]
async fn suspend_holds_back_the_job() {
    let shop = Shop::open().await;
    shop.import("march", json!({"suspend": true})).await;
    shop.until_reason("march", "Suspended").await;
    assert!(shop.jobs().await.is_empty());
    shop.patch("march", json!({"spec": {"suspend": false}})).await.unwrap();
    shop.until_job("march", 1).await;
}

#[tokio::test]
async fn nothing_is_written_where_nothing_changed() {
    let shop = Shop::open().await;
    let import = shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    shop.end(&job, &outcome(&import, 1, "Published", "Published"), 0).await;
    shop.until_reason("march", "Published").await;
    for touch in ["1", "2", "3"] {
        let before = reconciled(&shop);
        let note = json!({"metadata": {"annotations": {"note": touch}}});
        let touched = shop.patch("march", note).await.unwrap();
        eventually(|| async { reconciled(&shop) > before }).await;
        assert_eq!(shop.get("march").await.resource_version(), touched.resource_version());
    }
}

#[tokio::test]
async fn a_deleted_salesimport_needs_no_operator_to_go() {
    let shop = Shop::open().await;
    shop.import("march", json!({})).await;
    shop.until_job("march", 1).await;
    shop.api::<SalesImport>().delete("march", &DeleteParams::default()).await.unwrap();
    eventually(|| async { shop.api::<SalesImport>().get_opt("march").await.unwrap().is_none() })
        .await;
    let jobs = shop.api::<Job>().list(&ListParams::default()).await.unwrap();
    assert_eq!(jobs.items.len(), 1, "the garbage collector's work, not the operator's");
}

fn reconciled(shop: &Shop) -> u64 {
    let families = shop.registry.gather();
    let total = families.iter().find(|one| one.name() == "controller_runtime_reconcile_total");
    let metrics = total.map(MetricFamily::get_metric).unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    metrics.iter().map(|metric| metric.get_counter().get_value() as u64).sum()
}
