//! More imports than may run at a time.

use operator::sales_import::Limits;
use serde_json::json;

use crate::support::{Shop, conditions_of, outcome};

#[tokio::test]
async fn an_import_waits_while_as_many_run_as_may_and_starts_once_one_has_ended() {
    let mut shop = Shop::open_without_operator().await;
    shop.limits = Limits { total: 1, per_namespace: 1 };
    shop.start_operator();
    let first = shop.import("first", json!({})).await;
    let job = shop.until_job("first", 1).await;
    shop.import("second", json!({})).await;
    let status = shop.until_reason("second", "Queued").await;
    assert_eq!((conditions_of(&status), status.attempt), (vec!["Reconciling"], None));
    assert!(status.conditions[0].message.contains("(1), and 0 come before it"), "{status:#?}");
    assert_eq!(shop.metric("takings_imports_queued"), 1);

    shop.end(&job, &outcome(&first, 1, "Published", "Published"), 0).await;
    shop.until_reason("first", "Published").await;
    shop.until_job("second", 1).await;
    assert_eq!(shop.metric("takings_imports_queued"), 0);

    // Another operator finds the second at work, and lets no third one start.
    shop.stop_operator().await;
    shop.start_operator();
    shop.import("third", json!({"priority": 1000})).await;
    shop.until_reason("third", "Queued").await;
    assert_eq!(shop.metric("takings_imports_running"), 1);
}
