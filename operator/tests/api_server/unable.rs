//! Pods that can't start: told within seconds, failed at the deadline.

use k8s_openapi::api::core::v1::{Event, Pod};
use kube::{
    Resource as _, ResourceExt as _,
    api::{ListParams, PostParams},
};
use serde_json::{Value, json};

use crate::support::{Shop, conditions_of, from};

#[tokio::test]
async fn a_missing_image_or_secret_is_told_as_the_kubelet_tells_it() {
    let shop = Shop::open().await;
    shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    for (waiting, reason, message) in [
        ("ErrImagePull", "ImagePullFailed", "importer:1: not found"),
        ("CreateContainerConfigError", "ConfigMissing", "secret \"takings-importer\" not found"),
    ] {
        let state = json!({"waiting": {"reason": waiting, "message": message}});
        shop.container(&job, state).await;
        let status = shop.until_reason("march", reason).await;
        assert_eq!(conditions_of(&status), ["Reconciling"]);
        assert!(status.conditions[0].message.contains(message), "{status:#?}");
    }
    // It recovers by itself once the Secret is there.
    shop.container(&job, json!({"running": {}})).await;
    shop.until_reason("march", "Running").await;
}

#[tokio::test]
async fn a_missing_config_map_is_told_from_the_pod_s_events() {
    let shop = Shop::open().await;
    shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    let pod = shop.make_pod(&job).await;
    let message = "MountVolume.SetUp failed for volume \"source\" : configmap \"sales\" not found";
    tell(&shop, pod.object_ref(&()), "FailedMount", message).await;
    let status = shop.until_reason("march", "MountFailed").await;
    assert!(status.conditions[0].message.contains("configmap \"sales\" not found"));
}

#[tokio::test]
async fn a_claim_that_another_node_holds_is_told_and_the_import_goes_on_once_it_is_free() {
    let shop = Shop::open().await;
    let volume = json!({"volume": {"claimName": "files", "path": "march.csv"}});
    shop.import("march", json!({"source": volume})).await;
    let job = shop.until_job("march", 1).await;
    let pod = shop.make_pod(&job).await;
    // As the controller that attaches volumes says it.
    let message = "Multi-Attach error for volume \"pvc-1\" Volume is already used by pod(s) till-0";
    tell(&shop, pod.object_ref(&()), "FailedAttachVolume", message).await;
    let status = shop.until_reason("march", "MountFailed").await;
    assert!(status.conditions[0].message.contains("already used by pod(s) till-0"), "{status:#?}");
    shop.container(&job, json!({"running": {}})).await;
    shop.until_reason("march", "Running").await;
}

#[tokio::test]
async fn a_pod_that_a_quota_refuses_is_told_from_the_job_s_events() {
    let shop = Shop::open().await;
    shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    tell(&shop, job.object_ref(&()), "FailedCreate", "exceeded quota: pods").await;
    let status = shop.until_reason("march", "PodRefused").await;
    assert!(status.conditions[0].message.contains("exceeded quota"), "{status:#?}");
}

#[tokio::test]
async fn a_job_that_the_api_server_refuses_is_told_and_fails_at_the_deadline() {
    let shop = Shop::open().await;
    let tolerations = json!([{"key": "not a key", "operator": "Exists"}]);
    let spec = json!({"tolerations": tolerations, "startDeadlineSeconds": 8});
    shop.import("march", spec).await;
    let status = shop.until_reason("march", "JobRefused").await;
    assert!(status.conditions[0].message.contains("tolerations"), "{status:#?}");
    let status = shop.until("march", |status| status.finish_time.is_some()).await;
    assert_eq!(conditions_of(&status), ["Stalled", "Finished"]);
    assert_eq!(status.conditions[0].reason, "JobRefused");
    assert!(shop.jobs().await.is_empty());
}

#[tokio::test]
async fn a_pod_that_never_started_fails_at_the_deadline_and_its_job_is_deleted() {
    let shop = Shop::open().await;
    shop.import("march", json!({"startDeadlineSeconds": 1})).await;
    let job = shop.until_job("march", 1).await;
    let message = "secret \"takings-importer\" not found";
    let state = json!({"waiting": {"reason": "CreateContainerConfigError", "message": message}});
    shop.container(&job, state).await;
    shop.collect(&job).await;
    let status = shop.until("march", |status| status.finish_time.is_some()).await;
    assert_eq!(conditions_of(&status), ["Stalled", "Finished"]);
    assert!(status.importer_start_time.is_none(), "nothing to settle: {status:#?}");
    assert!(shop.jobs().await.is_empty());
    assert!(shop.api::<Pod>().list(&ListParams::default()).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_start_that_only_the_events_remember_is_settled() {
    let shop = Shop::open().await;
    shop.import("march", json!({"startDeadlineSeconds": 1})).await;
    let job = shop.until_job("march", 1).await;
    let pod = shop.make_pod(&job).await;
    let started = event(pod.object_ref(&()), ("Normal", "Started"), "Started container importer");
    shop.api::<Event>().create(&PostParams::default(), &started).await.unwrap();
    shop.collect(&job).await;
    let settle = shop.until_settle("march").await;
    assert!(settle.name_any().ends_with("-1-settle-1"), "{}", settle.name_any());
}

async fn tell(shop: &Shop, about: impl serde::Serialize, reason: &str, message: &str) {
    let event = event(about, ("Warning", reason), message);
    shop.api::<Event>().create(&PostParams::default(), &event).await.unwrap();
}

fn event(about: impl serde::Serialize, (type_, reason): (&str, &str), message: &str) -> Event {
    let mut event: Value = json!({"metadata": {"generateName": "told-"}, "type": type_,
        "reason": reason, "message": message});
    event["involvedObject"] = serde_json::to_value(about).unwrap();
    event["metadata"]["namespace"] = event["involvedObject"]["namespace"].clone();
    from(event)
}
