//! Two operators as processes, of which the leader is stopped as by a debugger or a frozen machine.

use std::{
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use harness::apiserver::ApiServer;
use kube::ResourceExt as _;
use operator::crd::SalesImport;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::{
    leader::{LEASE, lease, make_vacant_lease, open},
    support::{Shop, eventually, outcome},
};

/// The program, as the chart starts it; killed when it is dropped.
struct Operator(Child);

impl Operator {
    async fn start(shop: &Shop) -> Self {
        let kubeconfig = tokio::task::spawn_blocking(|| ApiServer::shared().unwrap().kubeconfig());
        let process = Command::new(env!("CARGO_BIN_EXE_takings-operator"))
            .env("KUBECONFIG", kubeconfig.await.unwrap())
            .env("TAKINGS_ADMIN_LISTEN", "127.0.0.1:0")
            .env("TAKINGS_WATCH_NAMESPACES", &shop.namespace)
            .env("TAKINGS_LEASE_NAMESPACE", &shop.namespace)
            .env("TAKINGS_LEASE_NAME", LEASE)
            .env("TAKINGS_LEASE_DURATION_SECONDS", "4")
            .env("TAKINGS_LEASE_RENEW_DEADLINE_SECONDS", "3")
            .env("TAKINGS_LEASE_RETRY_PERIOD_SECONDS", "1")
            .stdout(Stdio::null())
            .spawn();
        Self(process.unwrap())
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    async fn exit(&mut self) -> ExitStatus {
        let mut status = None;
        eventually(async || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn a_stopped_leader_is_replaced_and_ends_without_a_write_when_it_goes_on() {
    let shop = open().await;
    make_vacant_lease(&shop).await;
    let mut first = Operator::start(&shop).await;
    let leader = until_led_by_other_than(&shop, None).await;
    let mut second = Operator::start(&shop).await;
    let march = shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;

    first.send(Signal::STOP);
    let next = until_led_by_other_than(&shop, Some(leader)).await;
    // What the first one knows is that March has a Job; the second one does the rest.
    shop.end(&job, &outcome(&march, 1, "Published", "Published"), 0).await;
    shop.until_reason("march", "Published").await;
    let before = state(&shop).await;

    first.send(Signal::CONT);
    assert_eq!(first.exit().await.code(), Some(1));
    assert_eq!(state(&shop).await, before);
    assert_eq!(lease(&shop).await.holder_identity, Some(next));

    second.send(Signal::TERM);
    assert!(second.exit().await.success());
    assert_eq!(lease(&shop).await.holder_identity, None);
}

async fn until_led_by_other_than(shop: &Shop, former: Option<String>) -> String {
    eventually(async || {
        let holder = lease(shop).await.holder_identity;
        holder.is_some() && holder != former
    })
    .await;
    lease(shop).await.holder_identity.unwrap()
}

/// All that an operator writes.
async fn state(shop: &Shop) -> (Option<String>, Vec<String>, usize) {
    // An event follows its status.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let import: SalesImport = shop.get("march").await;
    (import.resource_version(), shop.jobs().await, shop.events().await.len())
}
