//! Pods that can't start: told at once, ended at a deadline, and no run is lost by it.

use anyhow::Result;
use e2e::{
    Shop,
    install::secret,
    shop::{is_true, reason},
};
use serde_json::{Value, json};

const FILE: &str = "Sale Date,Sale ID,Item Total\n3/1/2025,1,2.5\n";

#[test]
fn a_missing_secret_is_told_and_the_import_goes_on_once_it_is_there() -> Result<()> {
    let shop = Shop::open("missing-secret")?;
    shop.put("report", FILE)?;
    let source = json!({"configMap": {"name": "report", "key": "file.csv"}});
    let elsewhere = json!({"name": "database", "key": "DATABASE_URL"});
    shop.import("march", json!({"source": source, "databaseSecretRef": elsewhere}))?;

    let told = |status: &Value| reason(status, "Finished") == "ConfigMissing";
    let status = shop.status_when("march", "told what is missing", told)?;
    assert!(status["conditions"].to_string().contains("\\\"database\\\""), "{status:#}");

    shop.apply(&secret(&shop.takings.server, "database", &shop.login, &shop.password)?)?;
    assert_eq!(reason(&shop.finished("march")?, "Ready"), "Published");
    assert_eq!(shop.revenue()?["revenue"], "2.5");
    shop.close()
}

#[test]
fn a_pod_that_no_node_takes_ends_at_its_deadline() -> Result<()> {
    let shop = Shop::open("no-node")?;
    shop.put("report", FILE)?;
    shop.import(
        "march",
        json!({
            "source": {"configMap": {"name": "report", "key": "file.csv"}},
            "nodeSelector": {"takings.dev/no-such-node": "true"},
            "startDeadlineSeconds": 10,
        }),
    )?;

    let told = |status: &Value| reason(status, "Finished") == "Unschedulable";
    shop.status_when("march", "told that no node takes it", told)?;
    let status = shop.finished("march")?;
    assert!(is_true(&status, "Stalled"), "{status:#}");
    assert_eq!(reason(&status, "Finished"), "Unschedulable", "{status:#}");
    assert_eq!(shop.revenue()?["line_count"], 0);
    shop.close()
}
