//! What the API server accepts as a SalesImport, and the sentences with which it refuses.

use serde_json::{Value, json};

use crate::support::{Shop, outcome, refusal};

#[tokio::test]
async fn accepts_each_source_with_defaults_for_the_rest() {
    let shop = Shop::open_without_operator().await;
    for (name, source) in [
        ("http", json!({"http": {"url": "https://files.example.com/march.csv.gz?v=2"}})),
        ("s3", json!({"s3": {"bucket": "sales.2025", "key": "2025/march 1+2 é.csv"}})),
        (
            "gcs",
            json!({"gcs": {
                "bucket": "sales", "key": "..march..csv", "endpoint": "https://gcs.shop.internal/x",
                "credentialsSecretRef": {"name": "bucket"},
            }}),
        ),
        ("azure", json!({"azure": {"account": "shop7", "container": "sales", "key": "march.csv"}})),
        ("volume", json!({"volume": {"claimName": "files", "path": "2025/march..v2.csv"}})),
        ("configmap", json!({"configMap": {"name": "sales", "key": "march.csv"}})),
    ] {
        let import = shop.create(name, json!({"source": source})).await.unwrap();
        assert_eq!(import["spec"]["dataset"], "default");
        assert_eq!(import["spec"]["onOverlap"], "Fail");
        assert_eq!(import["spec"]["maxRejected"], 0);
        assert_eq!(import["spec"]["format"]["columns"]["total"], "Item Total");
        assert_eq!(import["spec"]["databaseSecretRef"]["key"], "DATABASE_URL");
    }
}

#[tokio::test]
async fn accepts_every_field_and_reads_it_back() {
    let shop = Shop::open_without_operator().await;
    let spec = json!({
        "dataset": "shop-7",
        "currency": "EUR",
        "databaseSecretRef": {"name": "db"},
        "format": {
            "encoding": "UTF-16LE",
            "delimiter": "\t",
            "comment": "#",
            "skipLines": 2,
            "dateOrder": "Auto",
            "columns": {"total": "Betrag"},
            "aliases": {"total": ["Summe", "Item Total"]},
        },
        "onOverlap": "Replace",
        "maxRejected": "2%",
        "suspend": true,
        "startDeadlineSeconds": 60,
        "deadlineSeconds": 3600,
        "retries": 0,
        "resources": {"requests": {"cpu": 1, "memory": "1Gi"}, "limits": {"memory": 4_294_967_296_u64}},
        "serviceAccountName": "importer",
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "batch", "operator": "Exists"}],
    });
    let import = shop.import("march", spec).await;
    assert_eq!(import.spec.database_secret_ref.key, "DATABASE_URL");
    assert_eq!(import.spec.format.columns.sale_date, "Sale Date");
    assert_eq!(import.spec.format.columns.total, "Betrag");
    let limits = import.spec.resources.unwrap().limits;
    assert_eq!(limits["memory"].to_string(), "4294967296");
}

#[tokio::test]
async fn rejects_what_can_never_work_with_a_sentence() {
    let shop = Shop::open_without_operator().await;
    let config_map = json!({"configMap": {"name": "sales", "key": "march.csv"}});
    let url = |url: &str| json!({"source": {"http": {"url": url}}});
    let path = |path: &str| json!({"source": {"volume": {"claimName": "files", "path": path}}});
    let s3 = |field: &str, value: &str| {
        let mut s3 = json!({"bucket": "sales", "key": "march.csv"});
        s3[field] = value.into();
        json!({"source": {"s3": s3}})
    };
    let key = |key: &str| s3("key", key);
    let with = |field: &str, value: Value| json!({"source": config_map, field: value});
    for (spec, sentence) in [
        (json!({}), "spec.source: Required value"),
        (json!({"source": {}}), "exactly one of http, s3, gcs, azure, volume and configMap"),
        (
            json!({"source": {"http": {"url": "https://a/b"}, "configMap": {"name": "a", "key": "b"}}}),
            "exactly one of http, s3, gcs, azure, volume and configMap",
        ),
        (url("ftp://files/march.csv"), "starts with https://"),
        (url("https://"), "starts with https://"),
        (url("https://me:secret@files/march.csv"), "no user name and no password"),
        (key("/march.csv"), "A key has no slash at its ends"),
        (key("march/"), "A key has no slash at its ends"),
        (key("a//b"), "A key has no slash at its ends"),
        (key("a/../b"), "no part that is `.` or `..`"),
        (key("a\nb"), "A key has no slash at its ends"),
        (key("march.csv?sig=s3cret"), "no question mark"),
        (key(""), "spec.source.s3.key"),
        (s3("bucket", "a/b"), "spec.source.s3.bucket"),
        (s3("region", "evil.example/#"), "spec.source.s3.region"),
        (s3("endpoint", "s3.shop.internal"), "An endpoint is https://"),
        (s3("endpoint", "https://me:secret@s3"), "without user, password and query"),
        (s3("credentialsSecretRef", ""), "spec.source.s3.credentialsSecretRef"),
        (path("/etc/passwd"), "does not start with a slash"),
        (path("../march.csv"), "no part of it is `..`"),
        (path("a/../../march.csv"), "no part of it is `..`"),
        (path("a/.."), "no part of it is `..`"),
        (with("dataset", json!("Shop 7")), "spec.dataset"),
        (with("dataset", json!("")), "spec.dataset"),
        (with("currency", json!("sgd")), "spec.currency"),
        (with("onOverlap", json!("Merge")), "spec.onOverlap"),
        (with("maxRejected", json!("101%")), "a percentage from 0% to 100%"),
        (with("maxRejected", json!(-1)), "a percentage from 0% to 100%"),
        (with("maxRejected", json!(5_000_000_000_u64)), "a percentage from 0% to 100%"),
        (with("maxRejected", json!("all")), "a percentage from 0% to 100%"),
        (with("format", json!({"delimiter": ",,"})), "spec.format.delimiter"),
        (with("format", json!({"delimiter": "\""})), "one ASCII character"),
        (with("format", json!({"delimiter": "7"})), "one ASCII character"),
        (with("format", json!({"dateOrder": "Guess"})), "spec.format.dateOrder"),
        (with("format", json!({"encoding": "Latin-1"})), "spec.format.encoding"),
        (with("format", json!({"comment": "-"})), "one ASCII character such as #"),
        (with("format", json!({"comment": "//"})), "spec.format.comment"),
        (with("format", json!({"skipLines": -1})), "spec.format.skipLines"),
        (with("format", json!({"skipLines": 1_001})), "spec.format.skipLines"),
        (with("format", json!({"aliases": {"total": ["_ "]}})), "spec.format.aliases.total"),
        (with("format", json!({"aliases": {"total": "Betrag"}})), "spec.format.aliases.total"),
        (with("format", json!({"columns": {"total": " "}})), "spec.format.columns.total"),
        (with("retries", json!(-1)), "spec.retries"),
        (with("startDeadlineSeconds", json!(0)), "spec.startDeadlineSeconds"),
    ] {
        let message = refusal(shop.create("march", spec.clone()).await);
        assert!(message.contains(sentence), "{spec}: {message}");
    }
}

#[tokio::test]
async fn accepts_any_edit_until_a_run_has_published() {
    let shop = Shop::open_without_operator().await;
    shop.import("march", json!({})).await;
    shop.patch("march", json!({"spec": {"dataset": "kiosk"}})).await.unwrap();
    let source = json!({"configMap": null, "http": {"url": "https://files/march.csv"}});
    shop.patch("march", json!({"spec": {"source": source}})).await.unwrap();
}

#[tokio::test]
async fn rejects_an_edit_of_what_was_published_and_says_what_to_do() {
    let shop = Shop::open().await;
    let import = shop.import("march", json!({})).await;
    let job = shop.until_job("march", 1).await;
    shop.end(&job, &outcome(&import, 1, "Published", "Published"), 0).await;
    shop.until_reason("march", "Published").await;
    for edit in [
        json!({"dataset": "kiosk"}),
        json!({"currency": "EUR"}),
        json!({"source": {"configMap": {"key": "april.csv"}}}),
        json!({"format": {"columns": {"total": "Total Paid"}}}),
        json!({"format": {"aliases": {"total": ["Total Paid"]}}}),
        json!({"format": {"delimiter": ";"}}),
        json!({"onOverlap": "Replace"}),
        json!({"maxRejected": "1%"}),
        json!({"databaseSecretRef": {"name": "other"}}),
    ] {
        let message = refusal(shop.patch("march", json!({"spec": edit})).await);
        assert!(message.contains("make another SalesImport, one per file"), "{edit}: {message}");
    }
    let harmless = json!({"suspend": true, "retries": 1, "nodeSelector": {"disk": "ssd"}});
    shop.patch("march", json!({"spec": harmless})).await.unwrap();
    let token = json!({"metadata": {"annotations": {"takings.dev/run-again": "1"}}});
    shop.patch("march", token).await.unwrap();
}
