//! The operator dies at the worst moment, and comes back.

use k8s_openapi::api::batch::v1::Job;
use kube::{
    Resource as _, ResourceExt as _,
    api::{ObjectMeta, Patch, PatchParams, PostParams},
};
use operator::crd::SalesImport;
use serde_json::json;

use crate::support::{Shop, now, outcome};

#[tokio::test]
async fn a_job_made_before_its_uid_was_recorded_is_adopted() {
    let mut shop = Shop::open().await;
    let import = shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    shop.stop_operator().await;
    // As if it had died between the POST and the status.
    forget_uid(&shop).await;
    shop.start_operator();
    let adopted = shop.until_job("march", 1).await;
    assert_eq!(adopted.uid(), job.uid());
    assert_eq!(shop.jobs().await.len(), 1);
    shop.end(&job, &outcome(&import, 1, "Published", "Published"), 0).await;
    shop.until_reason("march", "Published").await;
}

#[tokio::test]
async fn an_attempt_recorded_before_its_job_was_made_gets_its_job() {
    let mut shop = Shop::open().await;
    shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    shop.stop_operator().await;
    forget_uid(&shop).await;
    shop.api::<Job>().delete(&job.name_any(), &now()).await.unwrap();
    shop.start_operator();
    let made = shop.until_job("march", 1).await;
    assert_eq!(made.name_any(), job.name_any());
    assert_ne!(made.uid(), job.uid());
}

#[tokio::test]
async fn a_job_of_somebody_else_under_the_name_is_told_and_left_alone() {
    let mut shop = Shop::open().await;
    shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    shop.stop_operator().await;
    forget_uid(&shop).await;
    shop.api::<Job>().delete(&job.name_any(), &now()).await.unwrap();
    let mut foreign = Job { metadata: ObjectMeta::default(), spec: job.spec.clone(), status: None };
    foreign.meta_mut().name = Some(job.name_any());
    let spec = foreign.spec.as_mut().unwrap();
    spec.selector = None;
    spec.template.metadata = None;
    let foreign = shop.api::<Job>().create(&PostParams::default(), &foreign).await.unwrap();
    shop.start_operator();
    let status = shop.until_reason("march", "JobNameTaken").await;
    assert!(status.conditions[0].message.contains(&job.name_any()), "{status:#?}");
    assert_eq!(shop.api::<Job>().get(&job.name_any()).await.unwrap().uid(), foreign.uid());
}

#[tokio::test]
async fn a_job_deleted_by_hand_is_a_lost_attempt_and_never_made_again() {
    let shop = Shop::open().await;
    shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    shop.api::<Job>().delete(&job.name_any(), &now()).await.unwrap();
    shop.until_reason("march", "Retrying").await;
    let next = shop.until_job("march", 2).await;
    assert_eq!(shop.jobs().await, [next.name_any()]);
}

#[tokio::test]
async fn a_salesimport_that_can_not_be_read_does_not_hide_the_others() {
    let mut shop = Shop::open_without_operator().await;
    shop.import("broken", json!({})).await;
    let status = json!({"status": {"outcome": {"importId": "nobody", "run": 1, "result": "Published",
        "reason": "Published", "message": "", "dataset": "default", "currency": "SGD"}}});
    let patch = Patch::Merge(status);
    let api = shop.api::<kube::core::PartialObjectMeta<SalesImport>>();
    api.patch_status("broken", &PatchParams::default(), &patch).await.unwrap();
    shop.import("march", json!({})).await;
    shop.start_operator();
    shop.until_job("march", 1).await;
}

/// Takes the Job's uid out of the status.
async fn forget_uid(shop: &Shop) {
    let patch = Patch::Merge(json!({"status": {"job": {"uid": null}}}));
    shop.api::<SalesImport>().patch_status("march", &PatchParams::default(), &patch).await.unwrap();
}
