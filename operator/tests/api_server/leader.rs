//! Several candidates and one Lease, with the rights that the chart gives.

use std::time::Duration;

use k8s_openapi::api::{
    batch::v1::Job,
    coordination::v1::Lease,
    rbac::v1::{Role, RoleBinding},
};
use kube::api::{ListParams, PostParams};
use operator::leader::{Elector, Leadership, LeaseSettings, Lost};
use serde_json::json;
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    calls::Calls,
    support::{Shop, USER, client_of, eventually, from},
};

pub(crate) const LEASE: &str = "takings-operator";
const SECOND: Duration = Duration::from_secs(1);

/// A candidate whose work lasts until it is told to stop, and so much longer.
struct Candidate {
    leadership: Leadership,
    stop: CancellationToken,
    /// Whether it was the leader to the end of its work.
    ended: JoinHandle<(Result<(), Lost>, bool)>,
}

impl Candidate {
    async fn start(shop: &Shop, duration: Duration, longer: Duration) -> Self {
        let settings = LeaseSettings {
            namespace: shop.namespace.clone(),
            name: LEASE.into(),
            duration,
            renew_deadline: duration * 2 / 3,
            retry_period: Duration::from_millis(400),
        };
        let elector =
            Elector::new(client_of(Some(USER.to_owned()), &Calls::default()).await, settings);
        let leadership = elector.leadership();
        let (at_the_end, stopped) = (leadership.clone(), CancellationToken::new());
        let told = stopped.clone();
        let ended = tokio::spawn(async move {
            let mut held = false;
            let work = async {
                told.cancelled().await;
                sleep(longer).await;
                held = at_the_end.holds();
            };
            (elector.lead(&told, work).await, held)
        });
        Self { leadership, stop: stopped, ended }
    }

    async fn leads(&self) {
        eventually(async || self.leadership.holds()).await;
    }
}

#[tokio::test]
async fn of_two_one_leads_and_a_clean_stop_hands_over_long_before_the_lease_expires() {
    let shop = open().await;
    make_vacant_lease(&shop).await;
    let hour = 3_600 * SECOND;
    let first = Candidate::start(&shop, hour, Duration::ZERO).await;
    first.leads().await;
    let second = Candidate::start(&shop, hour, Duration::ZERO).await;
    sleep(2 * SECOND).await;
    assert!(first.leadership.holds() && !second.leadership.holds());
    let former = lease(&shop).await;

    first.stop.cancel();
    assert!(matches!(first.ended.await.unwrap(), (Ok(()), true)));
    assert!(!first.leadership.holds());
    second.leads().await;
    let next = lease(&shop).await;
    assert_ne!(next.holder_identity, former.holder_identity);
    assert_eq!(next.lease_transitions, former.lease_transitions.map(|count| count + 1));
}

#[tokio::test]
async fn who_stands_by_stops_at_once_and_leaves_the_lease_alone() {
    let shop = open().await;
    make_vacant_lease(&shop).await;
    let first = Candidate::start(&shop, 3_600 * SECOND, Duration::ZERO).await;
    first.leads().await;
    let second = Candidate::start(&shop, 3_600 * SECOND, Duration::ZERO).await;
    second.stop.cancel();
    assert!(matches!(second.ended.await.unwrap(), (Ok(()), false)));
    first.stop.cancel();
    assert!(matches!(first.ended.await.unwrap(), (Ok(()), true)));
    assert_eq!(lease(&shop).await.holder_identity, None);
}

#[tokio::test]
async fn the_lease_is_renewed_until_what_is_under_way_has_ended() {
    let shop = open().await;
    make_vacant_lease(&shop).await;
    // It would not hold for so long without a renewal.
    let candidate = Candidate::start(&shop, 3 * SECOND, 5 * SECOND).await;
    candidate.leads().await;
    candidate.stop.cancel();
    assert!(matches!(candidate.ended.await.unwrap(), (Ok(()), true)));
}

#[tokio::test]
async fn a_leader_that_stops_renewing_is_replaced_and_holds_nothing() {
    let shop = open().await;
    // There is no Lease yet: it is made.
    let first = Candidate::start(&shop, 3 * SECOND, Duration::ZERO).await;
    first.leads().await;
    let second = Candidate::start(&shop, 3 * SECOND, Duration::ZERO).await;
    first.ended.abort();
    second.leads().await;
    assert!(!first.leadership.holds());
}

#[tokio::test]
async fn a_leader_whose_lease_was_taken_or_deleted_ends_without_ending_its_work() {
    let shop = open().await;
    let leases = shop.api::<Lease>();
    for is_deleted in [false, true] {
        let candidate = Candidate::start(&shop, 3 * SECOND, Duration::ZERO).await;
        candidate.leads().await;
        if is_deleted {
            leases.delete(LEASE, &crate::support::now()).await.unwrap();
        } else {
            // As if somebody had waited for it to expire; a renewal may come in between.
            eventually(async || {
                let mut taken = leases.get(LEASE).await.unwrap();
                taken.spec.as_mut().unwrap().holder_identity = Some("somebody else".into());
                leases.replace(LEASE, &PostParams::default(), &taken).await.is_ok()
            })
            .await;
        }
        let (result, held) = candidate.ended.await.unwrap();
        let told = result.unwrap_err().to_string();
        assert!(told.contains(LEASE) && !held, "{told}");
        assert!(!candidate.leadership.holds());
    }
}

#[tokio::test]
async fn an_operator_that_is_the_leader_no_more_writes_nothing() {
    let mut shop = open().await;
    let candidate = Candidate::start(&shop, 3 * SECOND, Duration::ZERO).await;
    candidate.leads().await;
    // As if the process had been stopped: it does not renew, and nobody has told it so.
    candidate.ended.abort();
    eventually(async || !candidate.leadership.holds()).await;
    shop.start_operator_led(candidate.leadership.clone());
    shop.import("march", json!({})).await;
    eventually(async || failures(&shop) > 0.0).await;
    assert!(shop.get("march").await.status.is_none());
    assert!(shop.api::<Job>().list(&ListParams::default()).await.unwrap().items.is_empty());
    assert!(shop.events().await.is_empty());
    // The next leader does.
    shop.stop_operator().await;
    let next = Candidate::start(&shop, 3 * SECOND, Duration::ZERO).await;
    next.leads().await;
    shop.start_operator_led(next.leadership.clone());
    shop.until_job("march", 1).await;
}

/// Reconciliations that failed.
fn failures(shop: &Shop) -> f64 {
    let families = shop.registry.gather();
    let failed =
        families.iter().find(|one| one.name() == "controller_runtime_reconcile_errors_total");
    failed.map_or(0.0, |failed| {
        failed.get_metric().iter().map(|metric| metric.get_counter().get_value()).sum()
    })
}

/// A namespace without an operator, in which operators may hold one Lease.
pub(crate) async fn open() -> Shop {
    let shop = Shop::open_without_operator().await;
    let role: Role = from(json!({"metadata": {"name": "lease"}, "rules": [
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
        {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"],
            "resourceNames": [LEASE], "verbs": ["get", "update"]},
    ]}));
    shop.api().create(&PostParams::default(), &role).await.unwrap();
    let binding: RoleBinding = from(json!({"metadata": {"name": "lease"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "lease"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": USER}]}));
    shop.api().create(&PostParams::default(), &binding).await.unwrap();
    shop
}

/// As a former leader leaves it: nobody waits for it to expire.
pub(crate) async fn make_vacant_lease(shop: &Shop) {
    let lease: Lease = from(json!({"metadata": {"name": LEASE}, "spec": {"leaseTransitions": 1}}));
    shop.api().create(&PostParams::default(), &lease).await.unwrap();
}

pub(crate) async fn lease(shop: &Shop) -> k8s_openapi::api::coordination::v1::LeaseSpec {
    shop.api::<Lease>().get(LEASE).await.unwrap().spec.unwrap()
}
