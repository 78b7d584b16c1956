//! A namespace's Secret opens only the datasets that its login was granted.

use anyhow::Result;
use e2e::{Shop, shop::reason};
use serde_json::json;

#[test]
fn a_shop_can_not_load_into_the_dataset_of_another() -> Result<()> {
    let (harbour, thief) = (Shop::open("harbour")?, Shop::open("thief")?);
    let file = "Sale Date,Sale ID,Item Total\n3/1/2025,1,2.5\n";
    thief.put("report", file)?;
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
