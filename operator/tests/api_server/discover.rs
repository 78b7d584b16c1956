//! A SalesImportSchedule that looks for files, against the real API server. The tests play the
//! importer that lists them.

use k8s_openapi::api::{batch::v1::Job, core::v1::Pod};
use kube::{
    ResourceExt,
    api::{ListParams, Patch, PatchParams, PostParams},
};
use operator::crd::{SalesImport, SalesImportSchedule, SalesImportScheduleStatus};
use serde_json::{Value, json};

use crate::{
    schedule::{age, create, imports, patch_status, until, until_reason},
    support::{Shop, now, outcome, pod_of, refusal, true_of},
};

fn spec(policy: &str) -> Value {
    json!({"schedule": "@daily", "concurrencyPolicy": policy, "discover": {},
        "template": {"spec": {"source": {"s3": {"bucket": "sales", "key": "in/*.csv",
            "credentialsSecretRef": {"name": "bucket"}}}}}})
}

/// A schedule whose tick is due, and an operator.
async fn open(policy: &str) -> Shop {
    let mut shop = Shop::open_without_operator().await;
    create(&shop, "files", spec(policy)).await.unwrap();
    age(&shop, "files").await;
    shop.start_operator();
    shop
}

/// Waits until that listing's Job is recorded.
async fn until_listing(shop: &Shop, number: u64) -> Job {
    let job = |status: &SalesImportScheduleStatus| {
        let discovery = status.discovery.clone().filter(|discovery| discovery.listing == number);
        discovery?.job.filter(|job| job.uid.is_some())
    };
    let status = until(shop, "files", |status| job(status).is_some()).await;
    shop.api::<Job>().get(&job(&status).unwrap().name).await.unwrap()
}

pub(crate) fn file(name: &str, id: &str) -> Value {
    json!({"id": id, "name": name, "bytes": 7, "version": format!("etag-{id}")})
}

pub(crate) fn listed(files: &[Value], more: u64) -> Value {
    json!({"result": "Listed", "files": files, "more": more, "young": 0, "unusable": 0, "gone": []})
}

/// Waits until so many SalesImports are made and known.
async fn until_known(shop: &Shop, count: usize) -> SalesImportScheduleStatus {
    let known = |status: &SalesImportScheduleStatus| {
        status.discovery.as_ref().map_or(0, |discovery| discovery.known.len())
    };
    until(shop, "files", |status| known(status) == count).await
}

async fn finish(shop: &Shop, name: &str) {
    let import = shop.get(name).await;
    let job = shop.until_job(name, 1).await;
    shop.end(&job, &outcome(&import, 1, "Published", "Published"), 0).await;
    shop.until_reason(name, "Published").await;
}

const A: &str = "aaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbb";
const C: &str = "cccccccccccccccc";

#[tokio::test]
async fn files_are_listed_page_by_page_and_each_becomes_one_import() {
    let shop = open("Allow").await;
    let job = until_listing(&shop, 1).await;
    let pod = shop.make_pod(&job).await.spec.unwrap();
    let arguments = pod.containers[0].args.clone().unwrap();
    assert_eq!(arguments[..2], ["list", "--min-age=60"]);
    assert!(arguments.contains(&"--url=s3://sales/in/*.csv".to_owned()), "{arguments:?}");
    let environment = pod.containers[0].env.clone().unwrap_or_default();
    assert!(environment.is_empty(), "no database: {environment:?}");
    let volumes: Vec<_> = pod.volumes.iter().flatten().map(|volume| &*volume.name).collect();
    assert_eq!(volumes, ["source-credentials"]);
    let schedule = shop.api::<SalesImportSchedule>().get("files").await.unwrap();
    assert_eq!(job.owner_references()[0].uid, schedule.uid().unwrap());

    shop.end(&job, &listed(&[file("in/a.csv", A), file("in/b.csv", B)], 1), 0).await;
    let job = until_listing(&shop, 2).await;
    let arguments = job.spec.unwrap().template.spec.unwrap().containers[0].args.clone().unwrap();
    assert!(arguments.contains(&format!("--known={A},{B}")), "{arguments:?}");
    let job = shop.api::<Job>().get(&job.metadata.name.unwrap()).await.unwrap();
    shop.end(&job, &listed(&[file("in/c.csv", C)], 0), 0).await;
    let status = until_known(&shop, 3).await;
    assert_eq!(imports(&shop).await, 3);
    assert_eq!(status.active.len(), 3);
    until_reason(&shop, "files", "Scheduled").await;
    let import = shop.get(&format!("files-{C}")).await;
    assert_eq!(import.spec.source.s3.as_ref().unwrap().key, "in/c.csv");
    assert_eq!(import.annotations()["takings.dev/file-version"], format!("etag-{C}"));
    assert_eq!(import.labels()["takings.dev/sales-import-schedule"], "files");
    assert!(import.owner_references().is_empty());
}

#[tokio::test]
async fn an_operator_that_dies_between_two_steps_makes_nothing_twice() {
    let mut shop = open("Forbid").await;
    let job = until_listing(&shop, 1).await;
    shop.stop_operator().await;
    // As if it had died between the POST of the Job and the status.
    patch_status(&shop, "files", json!({"discovery": {"job": {"uid": null}}})).await;
    shop.start_operator();
    assert_eq!(until_listing(&shop, 1).await.uid(), job.uid());
    assert_eq!(shop.jobs().await, [job.name_any()]);
    shop.end(&job, &listed(&[file("in/a.csv", A), file("in/b.csv", B)], 0), 0).await;
    until_known(&shop, 1).await;
    let first = shop.get(&format!("files-{A}")).await;
    shop.stop_operator().await;
    // As if it had died between the POST of the SalesImport and the status.
    let recorded = json!({"name": first.name_any(), "scheduleTime": "2025-01-01T00:00:00Z"});
    let pending = json!([file("in/a.csv", A), file("in/b.csv", B)]);
    let status = json!({"active": [recorded], "discovery": {"known": null, "pending": pending}});
    patch_status(&shop, "files", status).await;
    shop.start_operator();
    until_known(&shop, 1).await;
    Box::pin(finish(&shop, &first.name_any())).await;
    until_known(&shop, 2).await;
    assert_eq!(imports(&shop).await, 2);
    assert_eq!(shop.get(&first.name_any()).await.uid(), first.uid());
}

#[tokio::test]
async fn an_unreadable_outcome_is_told_and_files_are_listed_again() {
    let shop = open("Forbid").await;
    let job = until_listing(&shop, 1).await;
    // What a Pod says that has the Job's labels, and is not the Job's, is not believed.
    let mut foreign = pod_of(&job);
    foreign.metadata.owner_references = None;
    foreign.metadata.name = Some("foreign".into());
    let pods = shop.api::<Pod>();
    pods.create(&PostParams::default(), &foreign).await.unwrap();
    let message = listed(&[file("in/c.csv", C)], 0).to_string();
    let state = json!({"terminated": {"exitCode": 0, "message": message}});
    let said = json!({"status": {"containerStatuses": [{"name": "importer", "image": "",
        "imageID": "", "ready": false, "restartCount": 0, "state": state}]}});
    pods.patch_status("foreign", &PatchParams::default(), &Patch::Merge(said)).await.unwrap();
    shop.end(&job, &json!("nonsense"), 0).await;
    let status = until_reason(&shop, "files", "ListingFailed").await;
    assert_eq!(true_of(&status.conditions), ["Reconciling"]);
    assert!(status.conditions[0].message.contains("left no outcome"), "{status:#?}");
    let at_once = json!({"discovery": {"retryTime": "2025-01-01T00:00:00Z"}});
    patch_status(&shop, "files", at_once).await;
    let job = until_listing(&shop, 2).await;
    shop.end(&job, &listed(&[file("in/a.csv", A)], 0), 0).await;
    until_known(&shop, 1).await;
    assert_eq!(imports(&shop).await, 1);
}

#[tokio::test]
async fn another_version_of_a_file_becomes_an_import_and_what_was_deleted_does_not() {
    let shop = open("Allow").await;
    let job = until_listing(&shop, 1).await;
    shop.end(&job, &listed(&[file("in/a.csv", A)], 0), 0).await;
    until_known(&shop, 1).await;
    let first = format!("files-{A}");
    shop.api::<SalesImport>().delete(&first, &now()).await.unwrap();
    until(&shop, "files", |status| status.active.is_empty()).await;
    // The same tick again.
    age(&shop, "files").await;
    let job = until_listing(&shop, 2).await;
    let mut again = listed(&[file("in/a.csv", B)], 0);
    again["gone"] = json!([A]);
    shop.end(&job, &again, 0).await;
    until(&shop, "files", |status| {
        status.discovery.as_ref().is_some_and(|discovery| discovery.known == [B])
    })
    .await;
    let all = shop.api::<SalesImport>().list(&ListParams::default()).await.unwrap();
    let names: Vec<_> = all.iter().map(ResourceExt::name_any).collect();
    assert_eq!(names, [format!("files-{B}")]);
}

#[tokio::test]
async fn a_listing_that_is_refused_stalls_the_schedule_until_it_is_edited() {
    let shop = open("Forbid").await;
    let job = until_listing(&shop, 1).await;
    let refused = json!({"result": "Refused", "reason": "SourceForbidden",
        "message": "https://s3 answered 403 Forbidden."});
    shop.end(&job, &refused, 2).await;
    let status = until_reason(&shop, "files", "ListingRefused").await;
    assert_eq!(true_of(&status.conditions), ["Stalled"]);
    assert!(status.conditions[0].message.contains("403"), "{status:#?}");
    let key = json!({"spec": {"template": {"spec": {"source": {"s3": {"key": "out/*.csv"}}}}}});
    let api = shop.api::<SalesImportSchedule>();
    api.patch("files", &PatchParams::default(), &Patch::Merge(key)).await.unwrap();
    let job = until_listing(&shop, 2).await;
    let arguments =
        job.spec.as_ref().unwrap().template.spec.as_ref().unwrap().containers[0].args.clone();
    assert!(arguments.unwrap().contains(&"--url=s3://sales/out/*.csv".to_owned()));
    shop.end(&job, &listed(&[], 0), 0).await;
    until_reason(&shop, "files", "Scheduled").await;
}

#[tokio::test]
async fn files_are_looked_for_only_where_they_can_be_listed() {
    let shop = Shop::open_without_operator().await;
    for source in [
        json!({"http": {"url": "https://files.example.com/*.csv"}}),
        json!({"configMap": {"name": "sales", "key": "march.csv"}}),
    ] {
        let mut wrong = spec("Forbid");
        wrong["template"]["spec"]["source"] = source;
        let refusal = refusal(create(&shop, "files", wrong).await);
        assert!(refusal.contains("can't be listed"), "{refusal}");
    }
    let accepted = create(&shop, "files", spec("Forbid")).await.unwrap();
    assert_eq!(accepted["spec"]["discover"], json!({"minAgeSeconds": 60}));
}
