//! Last words of an importer that are no outcome of its run.

use serde_json::{Value, json};

use crate::support::{Shop, outcome};

/// What the kubelet keeps of a termination message: its end.
const KEPT: usize = 4_096;

/// What becomes of a good outcome, and the exit code.
type Spoilt = fn(Value) -> (String, i32);

const CASES: [(&str, Spoilt); 5] = [
    ("of-another-import", |mut outcome| {
        outcome["importId"] = json!("5b0c2c6e-0d0a-4a53-9a3c-2f9b7a1d0c11");
        (outcome.to_string(), 0)
    }),
    ("of-another-run", |mut outcome| {
        outcome["run"] = json!(2);
        (outcome.to_string(), 0)
    }),
    ("with-another-exit-code", |outcome| (outcome.to_string(), 1)),
    ("too-long", |mut outcome| {
        outcome["message"] = json!("x".repeat(KEPT));
        let text = outcome.to_string();
        (text[text.len() - KEPT..].to_owned(), 0)
    }),
    ("unreadable", |_| ("Segmentation fault".to_owned(), 0)),
];

#[tokio::test]
async fn what_is_no_outcome_of_its_run_is_not_believed_and_the_run_is_tried_again() {
    let shop = Shop::open().await;
    let mut imports = Vec::new();
    for (name, spoilt) in CASES {
        let import = shop.import(name, json!({"retries": 1})).await;
        let job = shop.until_job(name, 1).await;
        let (message, code) = spoilt(outcome(&import, 1, "Published", "Published"));
        shop.container(&job, json!({"terminated": {"exitCode": code, "message": message}})).await;
        let status = shop.until_reason(name, "Retrying").await;
        let told = &status.conditions[0].message;
        assert!(told.contains(&format!("code {code} and left no outcome")), "{name}: {told}");
        assert!(status.outcome.is_none() && status.published_run.is_none(), "{name}: {status:#?}");
        imports.push((name, import));
    }
    for (name, import) in imports {
        let job = shop.until_job(name, 2).await;
        shop.end(&job, &outcome(&import, 1, "Published", "Published"), 0).await;
        let status = shop.until_reason(name, "Published").await;
        assert_eq!(status.failures, Some(1), "{name}");
    }
}
