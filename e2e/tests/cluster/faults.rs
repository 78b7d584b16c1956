//! A database that goes away in the middle of a load, or before it has said how one ended: nothing
//! is lost, nothing is doubled.

use anyhow::Result;
use e2e::{
    Importer, Shop,
    gate::{Gate, serve_half, wait_for_mid_load},
    install, sales,
    shop::{is_true, message, reason},
    takings,
};
use harness::postgres::Server;
use serde_json::{Value, json};
use std::{thread::sleep, time::Duration};

use crate::cut_off::{eventually, pausing};

/// Half of it is more than the importer loads in one transaction.
const LINES: u32 = 200_000;

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

#[test]
fn a_run_is_asked_for_until_the_database_is_back_and_says_how_it_ended() -> Result<()> {
    let (shop, sales) = (Shop::open("settled-later")?, sales::generate(29, 30));
    let server = own_database(&shop)?;
    let _policy = pausing(&shop, "january")?;
    shop.put("report", &sales.csv)?;
    shop.import("january", json!({"retries": 0, "source": Shop::source("report")}))?;
    let lines = "SELECT count(*) FROM takings.live_sale";
    let committed = || -> Result<bool> {
        Ok(server.sql(takings::DATABASE, lines)?.trim() == sales.lines.to_string())
    };
    eventually("its COMMIT", committed)?;
    server.stop()?;
    Importer::of(&shop.uid("january")?)?.kill();

    let unknown = |status: &Value| message(status).contains("can't say yet how the run ended");
    let status = shop.status_when("january", "asked for in vain", unknown)?;
    assert_eq!(reason(&status, "Reconciling"), "OutcomeUnknown", "{status:#}");
    assert!(is_true(&status, "Reconciling") && !is_true(&status, "Finished"), "{status:#}");
    server.start()?;
    let status = shop.finished("january")?;
    assert_eq!(reason(&status, "Ready"), "Published", "{status:#}");
    assert_eq!(status["outcome"]["linesImported"], sales.lines, "{status:#}");
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
