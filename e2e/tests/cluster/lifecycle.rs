//! What a SalesImport does after its first run: it is looked at, run again, deleted.

use anyhow::Result;
use e2e::{Shop, shop::reason};
use serde_json::{Value, json};

#[test]
fn a_corrected_file_takes_the_place_of_the_former_and_outlives_its_import() -> Result<()> {
    let shop = Shop::open("corrected")?;
    let source = json!({"configMap": {"name": "report", "key": "file.csv"}});
    shop.put("report", "Sale Date,Sale ID,Item Total\n3/1/2025,1,2.5\n3/1/2025,2,0.5\n")?;
    shop.import("march", json!({"source": source}))?;
    assert_eq!(reason(&shop.finished("march")?, "Ready"), "Published");
    assert_eq!(shop.revenue()?["revenue"], "3");
    assert_table(&shop)?;

    let edit = shop.import("march", json!({"source": source, "onOverlap": "Replace"}));
    let told = edit.expect_err("an edit of what was published").to_string();
    assert!(told.contains("make another SalesImport"), "{told}");

    shop.put("report", "Sale Date,Sale ID,Item Total\n3/1/2025,1,3.5\n")?;
    shop.kubectl(&["annotate", "salesimport/march", "takings.dev/run-again=corrected"])?;
    shop.status_when("march", "run again", |status: &Value| status["publishedRun"] == 2)?;
    assert_eq!(shop.revenue()?["revenue"], "3.5");

    shop.kubectl(&["delete", "salesimport/march"])?;
    shop.kubectl(&["wait", "job", "--all", "--for=delete", "--timeout=1m"])?;
    assert_eq!(shop.revenue()?["revenue"], "3.5");
    shop.close()
}

/// What `kubectl get salesimports` and `kubectl events` show.
fn assert_table(shop: &Shop) -> Result<()> {
    let kubectl = |arguments: &[&str]| {
        shop.takings.cluster.kubectl(&[&["-n", &shop.namespace], arguments].concat())
    };
    let table = kubectl(&["get", "simp"])?;
    let rows: Vec<Vec<_>> = table.lines().map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(
        rows[0],
        ["NAME", "DATASET", "STATE", "PERCENT", "IMPORTED", "REJECTED", "REVENUE", "AGE"]
    );
    assert_eq!(rows[1][..6], ["march", &shop.dataset, "Published", "2", "0", "3"]);
    let events = kubectl(&["events", "--for", "salesimport/march"])?;
    assert!(events.contains("Published"), "{events}");
    Ok(())
}
