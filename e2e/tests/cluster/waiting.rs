//! What keeps an importer from starting: told at once, ended at a deadline, and mended by whoever
//! brings what was missing.

use anyhow::Result;
use e2e::{
    Shop, Volume,
    install::secret,
    pod,
    shop::{is_true, message, reason},
};
use serde_json::{Value, json};
use std::slice;

const FILE: &str = "Sale Date,Sale ID,Item Total\n3/1/2025,1,2.5\n";

/// Something that is missing.
struct Missing {
    name: &'static str,
    spec: Value,
    /// The reason, and what the message says.
    told: (&'static str, &'static str),
    /// Brings it.
    bring: Option<fn(&Shop) -> Result<()>>,
}

fn of(config_map: &str, key: &str) -> Value {
    json!({"configMap": {"name": config_map, "key": key}})
}

fn missing(namespace: &str) -> [Missing; 10] {
    let report = of("report", "file.csv");
    let volume = json!({"volume": {"claimName": "files", "path": "march.csv"}});
    [
        Missing {
            name: "secret",
            spec: json!({"source": report, "databaseSecretRef": {"name": "database"}}),
            told: ("ConfigMissing", "secret \"database\" not found"),
            bring: Some(|shop| {
                let server = &shop.takings.server;
                shop.apply(&secret(server, "database", &shop.login, &shop.password)?)
            }),
        },
        Missing {
            name: "secret-key",
            spec: json!({"source": report,
                "databaseSecretRef": {"name": "takings-importer", "key": "OTHER_URL"}}),
            told: ("ConfigMissing", "OTHER_URL"),
            bring: None,
        },
        Missing {
            name: "late-secret-key",
            spec: json!({"source": report,
                "databaseSecretRef": {"name": "takings-importer", "key": "LATE_URL"}}),
            told: ("ConfigMissing", "LATE_URL"),
            bring: Some(|shop| {
                let server = &shop.takings.server;
                let mut secret = secret(server, "takings-importer", &shop.login, &shop.password)?;
                secret["stringData"]["LATE_URL"] = secret["stringData"]["DATABASE_URL"].clone();
                shop.apply(&secret)
            }),
        },
        Missing {
            name: "config-map",
            spec: json!({"source": of("later", "file.csv")}),
            told: ("MountFailed", "configmap \"later\" not found"),
            bring: Some(|shop| shop.put("later", "Sale Date,Sale ID,Item Total\n3/1/2025,2,0.5\n")),
        },
        Missing {
            name: "config-map-key",
            spec: json!({"source": of("report", "march.csv")}),
            told: ("MountFailed", "march.csv"),
            bring: None,
        },
        Missing {
            name: "claim",
            spec: json!({"source": volume}),
            told: ("Unschedulable", "persistentvolumeclaim \"files\" not found"),
            bring: None,
        },
        Missing {
            name: "node",
            spec: json!({"source": report, "nodeSelector": {"takings.dev/no-such-node": "true"}}),
            told: ("Unschedulable", "node"),
            bring: None,
        },
        Missing {
            name: "late-node",
            spec: json!({"source": report, "nodeSelector": {"takings.dev/shop": namespace}}),
            told: ("Unschedulable", "node"),
            bring: Some(|shop| {
                let label = format!("takings.dev/shop={}", shop.namespace);
                shop.kubectl(&["label", "--overwrite", "node/takings", &label])
            }),
        },
        Missing {
            name: "room",
            spec: json!({"source": report, "resources": {"requests": {"memory": "900Gi"}}}),
            told: ("Unschedulable", "Insufficient memory"),
            bring: None,
        },
        Missing {
            name: "service-account",
            spec: json!({"source": report, "serviceAccountName": "nobody"}),
            told: ("PodRefused", "serviceaccount \"nobody\" not found"),
            bring: None,
        },
    ]
}

#[test]
fn what_is_missing_is_told_and_ends_the_import_unless_it_is_brought() -> Result<()> {
    let shop = Shop::open("missing")?;
    shop.put("report", FILE)?;
    let missing = missing(&shop.namespace);
    for Missing { name, spec, bring, .. } in &missing {
        let mut spec = spec.clone();
        spec["startDeadlineSeconds"] = if bring.is_some() { json!(150) } else { json!(20) };
        shop.import(name, spec)?;
    }
    for Missing { name, told: (expected, words), bring, .. } in &missing {
        let is_told = |status: &Value| reason(status, "Finished") == *expected;
        let status = shop.status_when(name, expected, is_told)?;
        assert!(message(&status).contains(words), "{name}: {status:#}");
        if let Some(bring) = bring {
            bring(&shop)?;
        }
    }
    for Missing { name, told: (expected, _), bring, .. } in &missing {
        let status = shop.finished(name)?;
        // Some bring the same file.
        let loaded: &[_] = &["Published", "AlreadyLoaded"];
        let expected = if bring.is_some() { loaded } else { slice::from_ref(expected) };
        let end = reason(&status, "Finished");
        assert!(expected.contains(&end), "{name}: {status:#}");
        assert_eq!(is_true(&status, "Stalled"), bring.is_none(), "{name}: {status:#}");
        assert_eq!(status["attempt"], 1, "{name}: {status:#}");
        let told = shop.events(name)?;
        assert!(told.iter().any(|reason| reason == end), "{name}: {told:?}");
    }
    assert_eq!(shop.revenue()?["revenue"], "3");
    shop.close()
}

#[test]
fn a_pod_that_a_quota_refuses_is_made_once_there_is_room() -> Result<()> {
    let shop = Shop::open("quota")?;
    shop.put("report", FILE)?;
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"},
        "spec": {"hard": {"pods": "0"}}});
    shop.apply(&quota)?;
    // The quota is in force once its controller has counted.
    shop.kubectl(&["wait", "resourcequota/none", "--for=jsonpath={.status.hard.pods}=0"])?;
    shop.import("march", json!({"source": of("report", "file.csv")}))?;

    let refused = |status: &Value| reason(status, "Finished") == "PodRefused";
    let status = shop.status_when("march", "refused", refused)?;
    assert!(message(&status).contains("exceeded quota: none"), "{status:#}");
    shop.kubectl(&["delete", "resourcequota/none"])?;
    assert_eq!(reason(&shop.finished("march")?, "Ready"), "Published");
    assert_eq!(shop.revenue()?["revenue"], "2.5");
    shop.close()
}

#[test]
fn a_claim_that_is_missing_or_in_use_is_waited_for() -> Result<()> {
    let shop = Shop::open("claim")?;
    let april = "Sale Date,Sale ID,Item Total\n4/1/2025,1,0.5\n";
    let files = [("march.csv", FILE), ("april.csv", april)];
    let volume = Volume::make(&shop, ("files", "ReadWriteOncePod"), &files)?;
    let waits = |name: &str, words: &str| -> Result<()> {
        let told = |status: &Value| {
            reason(status, "Finished") == "Unschedulable" && message(status).contains(words)
        };
        shop.status_when(name, words, told).map(drop)
    };
    let from = |path: &str| json!({"source": {"volume": {"claimName": "files", "path": path}}});
    shop.import("march", from("march.csv"))?;
    waits("march", "persistentvolumeclaim \"files\" not found")?;
    volume.claim()?;
    assert_eq!(reason(&shop.finished("march")?, "Ready"), "Published");

    // Whoever has a node has the claim, be it that it never starts.
    let mut holder = pod("holder", "no-such-image");
    holder["spec"]["volumes"] =
        json!([{"name": "files", "persistentVolumeClaim": {"claimName": "files"}}]);
    shop.apply(&holder)?;
    shop.kubectl(&["wait", "pod/holder", "--for=condition=PodScheduled", "--timeout=1m"])?;
    shop.import("april", from("april.csv"))?;
    waits("april", "ReadWriteOncePod access mode")?;
    shop.kubectl(&["delete", "pod/holder", "--now"])?;
    assert_eq!(reason(&shop.finished("april")?, "Ready"), "Published");
    assert_eq!(shop.revenue()?["revenue"], "3");
    volume.remove()?;
    shop.close()
}
