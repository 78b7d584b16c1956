//! A namespace's Secret opens only what its login was granted, on a server that proves who it is.

use anyhow::Result;
use e2e::{Shop, install::secret, shop::reason};
use harness::{cache, pki::Authority};
use serde_json::{Value, json};

const FILE: &str = "Sale Date,Sale ID,Item Total\n3/1/2025,1,2.5\n";

#[test]
fn a_shop_can_not_load_into_the_dataset_of_another() -> Result<()> {
    let (harbour, thief) = (Shop::open("harbour")?, Shop::open("thief")?);
    thief.put("report", FILE)?;
    thief.apply(&json!({
        "apiVersion": "takings.dev/v1alpha1",
        "kind": "SalesImport",
        "metadata": {"name": "march"},
        "spec": {
            "dataset": harbour.dataset,
            "source": {"configMap": {"name": "report", "key": "file.csv"}},
        },
    }))?;

    let status = thief.finished("march")?;
    assert_eq!(reason(&status, "Stalled"), "DatasetNotGranted", "{status:#}");
    assert_eq!(harbour.revenue()?["line_count"], 0);
    harbour.close()?;
    thief.close()
}

#[test]
fn a_server_that_can_not_prove_who_it_is_gets_no_sales() -> Result<()> {
    let shop = Shop::open("impostor")?;
    let trusted = secret(&shop.takings.server, "takings-importer", &shop.login, &shop.password)?;
    let mut other = trusted.clone();
    other["stringData"]["ca.crt"] = json!(another_authority(&shop.namespace)?);
    shop.apply(&other)?;
    shop.put("report", FILE)?;
    shop.import("march", json!({"source": {"configMap": {"name": "report", "key": "file.csv"}}}))?;

    let refused = |status: &Value| status["outcome"]["reason"] == "DatabaseUnavailable";
    let status = shop.status_when("march", "kept from the database", refused)?;
    assert!(status["outcome"]["message"].to_string().contains("certificate"), "{status:#}");
    assert!(!status.to_string().contains(&shop.password));

    shop.apply(&trusted)?;
    assert_eq!(reason(&shop.finished("march")?, "Ready"), "Published");
    shop.close()
}

/// The certificate of an authority that signed nothing.
fn another_authority(name: &str) -> Result<String> {
    let file = std::env::temp_dir().join(name);
    Authority::new(name)?.write(&file)?;
    let certificate = cache::read(&file);
    std::fs::remove_file(file)?;
    certificate
}
