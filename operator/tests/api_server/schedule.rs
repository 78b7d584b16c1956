//! A SalesImportSchedule against the real API server. Its ticks lie in the past, as if the
//! operator had been away; only one test waits for a minute to pass.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::{
    ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
    core::{ApiResource, DynamicObject},
    runtime::wait::await_condition,
};
use operator::crd::{SalesImport, SalesImportSchedule, SalesImportScheduleStatus};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{Shop, eventually, from, outcome, refusal, true_of};

/// Longer than a minute, for a tick of each minute.
const PATIENCE: Duration = Duration::from_secs(150);

fn spec(schedule: &str) -> Value {
    json!({"schedule": schedule, "template": {"spec":
        {"source": {"s3": {"bucket": "sales", "key": "{%Y-%m-%d}.csv"}}}}})
}

pub(crate) async fn create(shop: &Shop, name: &str, spec: Value) -> kube::Result<Value> {
    let schedule = json!({"apiVersion": "takings.dev/v1alpha1", "kind": "SalesImportSchedule",
        "metadata": {"name": name, "namespace": shop.namespace}, "spec": spec});
    let resource = ApiResource::erase::<SalesImportSchedule>(&());
    let api = kube::Api::namespaced_with(shop.client.clone(), &shop.namespace, &resource);
    let created = api.create(&PostParams::default(), &from::<DynamicObject>(schedule)).await?;
    Ok(serde_json::to_value(created).unwrap())
}

/// Ticks count from three days ago.
pub(crate) async fn age(shop: &Shop, name: &str) {
    let since = Timestamp::from_second(Timestamp::now().as_second() - 3 * 86_400).unwrap();
    patch_status(shop, name, json!({"since": since.to_string()})).await;
}

pub(crate) async fn patch_status(shop: &Shop, name: &str, status: Value) {
    let patch = Patch::Merge(json!({"status": status}));
    let api = shop.api::<SalesImportSchedule>();
    api.patch_status(name, &PatchParams::default(), &patch).await.unwrap();
}

pub(crate) async fn until(
    shop: &Shop,
    name: &str,
    what: impl Fn(&SalesImportScheduleStatus) -> bool,
) -> SalesImportScheduleStatus {
    let api = shop.api::<SalesImportSchedule>();
    let condition = |schedule: Option<&SalesImportSchedule>| {
        schedule.and_then(|schedule| schedule.status.as_ref()).is_some_and(&what)
    };
    let Ok(schedule) = timeout(PATIENCE, await_condition(api.clone(), name, condition)).await
    else {
        panic!("it does not come to that: {:#?}", api.get(name).await.unwrap().status)
    };
    schedule.unwrap().unwrap().status.unwrap()
}

pub(crate) async fn until_reason(
    shop: &Shop,
    name: &str,
    reason: &str,
) -> SalesImportScheduleStatus {
    until(shop, name, |status| status.conditions.iter().any(|one| one.reason == reason)).await
}

/// Waits until a SalesImport is made and known.
async fn until_made(shop: &Shop, name: &str) -> SalesImport {
    let status =
        until(shop, name, |status| status.active.iter().any(|entry| entry.uid.is_some())).await;
    shop.get(&status.last_import.unwrap()).await
}

pub(crate) async fn imports(shop: &Shop) -> usize {
    shop.api::<SalesImport>().list(&ListParams::default()).await.unwrap().items.len()
}

#[tokio::test]
async fn a_missed_tick_becomes_one_import_which_is_loaded() {
    let mut shop = Shop::open_without_operator().await;
    create(&shop, "daily", spec("@daily")).await.unwrap();
    age(&shop, "daily").await;
    shop.start_operator();
    let import = until_made(&shop, "daily").await;
    let minutes = Timestamp::now().as_second() / 86_400 * 1_440;
    assert_eq!(import.name_any(), format!("daily-{minutes}"));
    assert_eq!(import.labels()["takings.dev/sales-import-schedule"], "daily");
    assert!(import.owner_references().is_empty());
    let key = import.spec.source.s3.as_ref().unwrap().key.clone();
    let day = import.annotations()["takings.dev/scheduled-at"][..10].to_owned();
    assert_eq!(key, format!("{day}.csv"));
    let job = shop.until_job(&import.name_any(), 1).await;
    shop.end(&job, &outcome(&import, 1, "Published", "Published"), 0).await;
    let status = until(&shop, "daily", |status| status.active.is_empty()).await;
    assert_eq!(true_of(&status.conditions), ["Ready"]);
    assert!(status.next_schedule_time.unwrap().0 > Timestamp::now());
    assert_eq!(imports(&shop).await, 1, "of three missed ticks only the newest is made");
    for reason in ["TickMissed", "ImportCreated"] {
        eventually(|| async { shop.events().await.contains(&reason.to_owned()) }).await;
    }
}

#[tokio::test]
async fn an_import_made_before_its_uid_was_recorded_is_adopted() {
    let mut shop = Shop::open_without_operator().await;
    create(&shop, "daily", spec("@daily")).await.unwrap();
    age(&shop, "daily").await;
    shop.start_operator();
    let import = until_made(&shop, "daily").await;
    shop.stop_operator().await;
    // As if it had died between the POST and the status.
    let entry = json!({"name": import.name_any(), "scheduleTime": "2025-01-01T00:00:00Z"});
    patch_status(&shop, "daily", json!({"active": [entry]})).await;
    shop.start_operator();
    let adopted = until_made(&shop, "daily").await;
    assert_eq!(adopted.uid(), import.uid());
    assert_eq!(imports(&shop).await, 1);
}

#[tokio::test]
async fn a_tick_of_each_minute_waits_for_the_last_import() {
    let mut shop = Shop::open_without_operator().await;
    create(&shop, "often", spec("* * * * *")).await.unwrap();
    age(&shop, "often").await;
    shop.start_operator();
    let import = until_made(&shop, "often").await;
    let status = until_reason(&shop, "often", "HeldBack").await;
    assert_eq!(true_of(&status.conditions), ["Reconciling"]);
    assert_eq!(imports(&shop).await, 1);
    let job = shop.until_job(&import.name_any(), 1).await;
    shop.end(&job, &outcome(&import, 1, "Refused", "InvalidHeader"), 2).await;
    let first = Some(import.name_any());
    until(&shop, "often", |status| status.last_import != first).await;
    until_made(&shop, "often").await;
}

#[tokio::test]
async fn what_can_not_be_followed_is_stalled_and_recovers_on_edit() {
    let shop = Shop::open().await;
    create(&shop, "daily", spec("30 25 * * *")).await.unwrap();
    let status = until_reason(&shop, "daily", "InvalidSchedule").await;
    assert_eq!(true_of(&status.conditions), ["Stalled"]);
    let api = shop.api::<SalesImportSchedule>();
    for (edit, reason) in [
        (json!({"schedule": "30 2 * * *", "timeZone": "Europe/Berln"}), "InvalidTimeZone"),
        (json!({"timeZone": "Europe/Berlin", "suspend": true}), "Suspended"),
        (json!({"suspend": false}), "Scheduled"),
    ] {
        let patch = Patch::Merge(json!({"spec": edit}));
        let edited = api.patch("daily", &PatchParams::default(), &patch).await.unwrap();
        let status = until_reason(&shop, "daily", reason).await;
        assert_eq!(status.observed_generation, edited.metadata.generation);
    }
}

#[tokio::test]
async fn an_import_that_the_api_server_refuses_is_told_and_made_once_it_is_corrected() {
    let mut shop = Shop::open_without_operator().await;
    let mut refused = spec("@daily");
    refused["template"]["metadata"] = json!({"labels": {"no label": ""}});
    create(&shop, "daily", refused).await.unwrap();
    age(&shop, "daily").await;
    shop.start_operator();
    let status = until_reason(&shop, "daily", "ImportRefused").await;
    assert_eq!(true_of(&status.conditions), ["Stalled"]);
    assert!(status.conditions[0].message.contains("no label"), "{status:#?}");
    let patch = Patch::Merge(json!({"spec": {"template": {"metadata": null}}}));
    let api = shop.api::<SalesImportSchedule>();
    api.patch("daily", &PatchParams::default(), &patch).await.unwrap();
    until_made(&shop, "daily").await;
}

#[tokio::test]
async fn a_schedule_is_accepted_with_defaults_and_refused_where_its_template_is() {
    let shop = Shop::open_without_operator().await;
    let accepted = create(&shop, "daily", spec("@daily")).await.unwrap();
    assert_eq!(accepted["spec"]["timeZone"], "Etc/UTC");
    assert_eq!(accepted["spec"]["concurrencyPolicy"], "Forbid");
    assert_eq!(accepted["spec"]["suspend"], false);
    assert_eq!(accepted["spec"]["template"]["spec"]["onOverlap"], "Fail");
    let with = |path: &str, value: Value| {
        let mut spec = spec("@daily");
        *spec.pointer_mut(path).unwrap() = value;
        spec
    };
    let deadline = |seconds: i64| {
        let mut spec = spec("@daily");
        spec["startingDeadlineSeconds"] = seconds.into();
        spec
    };
    for (spec, words) in [
        (with("/schedule", json!("")), "should be at least 1 chars long"),
        (with("/template/spec/source", json!({})), "A source is exactly one of"),
        (with("/template/spec/source/s3/key", json!("/{%Y}")), "A key has no slash at its ends"),
        (deadline(9), "should be greater than or equal to 10"),
    ] {
        let refusal = refusal(create(&shop, "refused", spec).await);
        assert!(refusal.contains(words), "{words:?} is not in {refusal}");
    }
    create(&shop, "patient", deadline(10)).await.unwrap();
}
