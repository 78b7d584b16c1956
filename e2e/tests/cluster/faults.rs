//! Parts that go away in the middle of a load: nothing is lost, nothing is doubled.

use anyhow::Result;
use e2e::{
    Shop,
    gate::{Gate, serve_half},
    install, sales,
    shop::reason,
    takings,
};
use harness::postgres::Server;
use serde_json::json;
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// Half of it is more than the importer loads in one transaction.
const LINES: u32 = 200_000;

#[test]
fn an_importer_whose_pod_is_deleted_in_mid_load_begins_anew() -> Result<()> {
    let (shop, sales, gate) =
        (Shop::open("pod-deleted")?, sales::generate(1, LINES), Gate::default());
    let web = serve_half(&shop.takings.cluster.host_address(), &sales, &gate)?;
    shop.import("january", json!({"source": {"http": {"url": web.url("january.csv")}}}))?;

    wait_for_mid_load(&shop.takings.server, &shop.dataset)?;
    assert_eq!(shop.revenue()?["line_count"], 0, "a partial import is visible");
    shop.kubectl(&["delete", "pod", "-l", "takings.dev/sales-import=january", "--grace-period=1"])?;
    gate.open();

    let status = shop.finished("january")?;
    assert_eq!(reason(&status, "Ready"), "Published", "{status:#}");
    assert_eq!(status["run"], 1);
    assert!(status["attempt"].as_u64() > Some(1), "{status:#}");
    let revenue = shop.revenue()?;
    assert_eq!(revenue["revenue"], sales.revenue);
    assert_eq!(revenue["line_count"], sales.lines);
    assert_eq!(revenue["order_count"], sales.orders);
    shop.close()
}

#[test]
fn a_database_that_is_away_for_twenty_seconds_in_mid_load_is_waited_for() -> Result<()> {
    let (shop, sales, gate) =
        (Shop::open("database-away")?, sales::generate(2, LINES), Gate::default());
    let server = own_database(&shop)?;
    let web = serve_half(&shop.takings.cluster.host_address(), &sales, &gate)?;
    shop.import("january", json!({"source": {"http": {"url": web.url("january.csv")}}}))?;

    wait_for_mid_load(&server, &shop.dataset)?;
    server.stop()?;
    gate.open();
    sleep(Duration::from_secs(20));
    server.start()?;

    let status = shop.finished("january")?;
    assert_eq!(reason(&status, "Ready"), "Published", "{status:#}");
    assert_eq!(status["run"], 1);
    let sums = "SELECT count(*), trim_scale(sum(line_total)) FROM takings.live_sale";
    let counted = server.sql(takings::DATABASE, sums)?;
    assert_eq!(counted.trim(), format!("{}|{}", sales.lines, sales.revenue));
    let daily = "SELECT sum(line_count), trim_scale(sum(revenue)) FROM takings.daily_revenue";
    assert_eq!(server.sql(takings::DATABASE, daily)?, counted);
    shop.close()
}

/// A server that only this shop uses, so that it can be stopped.
fn own_database(shop: &Shop) -> Result<Server> {
    let server = Server::own_at(&shop.takings.cluster.host_address())?;
    server.sql("postgres", &format!("CREATE DATABASE {}", takings::DATABASE))?;
    server.sql("postgres", "CREATE ROLE own LOGIN SUPERUSER PASSWORD 'own'")?;
    shop.apply(&install::secret(&server, "takings-importer", "own", "own")?)?;
    migrate(shop)?;
    Ok(server)
}

/// Runs `takings-importer migrate` as the chart does, with the shop's Secret.
fn migrate(shop: &Shop) -> Result<()> {
    shop.apply(&json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "migrate"},
        "spec": {"template": {"spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": {
                "runAsNonRoot": true, "runAsUser": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "migrate",
                "image": shop.takings.images.importer,
                "imagePullPolicy": "Never",
                "args": ["migrate"],
                "env": [{"name": "DATABASE_URL", "valueFrom": {"secretKeyRef": {
                    "name": "takings-importer", "key": "DATABASE_URL",
                }}}],
                "securityContext": {
                    "allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": "database", "mountPath": "/etc/takings/database"}],
            }],
            "volumes": [{"name": "database", "secret": {"secretName": "takings-importer"}}],
        }}},
    }))?;
    shop.kubectl(&["wait", "job/migrate", "--for=condition=Complete", "--timeout=60s"])
}

/// Waits until a part of the dataset's sales lies in the database.
fn wait_for_mid_load(server: &Server, dataset: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_mins(2);
    let begun = format!(
        "SELECT pg_relation_size(format('takings.sale_%s', dataset_id)::regclass) > 0
         FROM takings.dataset WHERE name = '{dataset}'"
    );
    while server.sql(takings::DATABASE, &begun)?.trim() != "t" {
        anyhow::ensure!(Instant::now() < deadline, "no load begins in {dataset}");
        sleep(Duration::from_millis(200));
    }
    Ok(())
}
