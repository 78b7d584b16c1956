//! Pods that the cluster refuses or changes as they are made: what becomes of their imports, and
//! which importers are believed.

use anyhow::Result;
use e2e::{
    Policy, Shop, sales,
    shop::{message, reason},
};
use serde_json::{Value, json};

use crate::gone::LABEL;

#[test]
fn a_pod_that_admission_refuses_is_made_once_it_is_let_in() -> Result<()> {
    let shop = Shop::open("admission")?;
    let sentence = "No Pod of the sales department on Sundays.";
    let power = [("/spec/containers/0/securityContext/allowPrivilegeEscalation", json!(true))];
    let policies = [
        Policy::refusing(&shop, "policy", sentence)?,
        Policy::changing(&shop, "security", &power)?,
        Policy::unreachable(&shop, "webhook")?,
    ];
    let told = [
        ("policy", sentence),
        ("security", "violates PodSecurity"),
        ("webhook", "failed calling webhook"),
    ];
    for (seed, (import, _)) in (30..).zip(told) {
        shop.put(import, &sales::generate(seed, 30).csv)?;
        shop.import(import, json!({"source": Shop::source(import)}))?;
    }
    for (import, words) in told {
        let refused = |status: &Value| reason(status, "Finished") == "PodRefused";
        let status = shop.status_when(import, "refused", refused)?;
        assert!(message(&status).contains(words), "{status:#}");
    }
    drop(policies);
    for (import, _) in told {
        assert_eq!(reason(&shop.finished(import)?, "Ready"), "Published", "{import}");
    }
    shop.close()
}

#[test]
fn an_image_that_can_not_be_pulled_is_told_and_the_import_goes_on_once_it_can() -> Result<()> {
    let shop = Shop::open("image")?;
    let sales = sales::generate(33, 30);
    shop.put("report", &sales.csv)?;
    // A registry that nobody answers for.
    let nowhere = "127.0.0.1:1/importer:1";
    let image = [
        ("/spec/containers/0/image", json!(nowhere)),
        ("/spec/containers/0/imagePullPolicy", json!("IfNotPresent")),
    ];
    let policy = Policy::changing(&shop, "january", &image)?;
    shop.import("january", json!({"source": Shop::source("report")}))?;
    let told = |status: &Value| reason(status, "Finished") == "ImagePullFailed";
    let status = shop.status_when("january", "told that there is no image", told)?;
    assert!(message(&status).contains(nowhere), "{status:#}");
    drop(policy);

    // The only way by which a test can bring it: the Pod is to run what the node has already.
    let there = format!("importer={}", shop.takings.images.importer);
    shop.kubectl(&["set", "image", "pod", "-l", LABEL, &there])?;
    let status = shop.finished("january")?;
    assert_eq!(reason(&status, "Ready"), "Published", "{status:#}");
    assert_eq!(status["attempt"], 1, "{status:#}");
    assert_eq!(shop.revenue()?["revenue"], sales.revenue);
    shop.close()
}

#[test]
fn an_importer_that_tells_of_something_else_is_not_believed() -> Result<()> {
    let shop = Shop::open("something-else")?;
    let (foreign, garbled) = (sales::generate(34, 30), sales::generate(35, 30));
    shop.put("foreign", &foreign.csv)?;
    shop.put("garbled", &garbled.csv)?;
    let dataset = format!("--dataset={}", shop.dataset);
    let arguments = [
        "load",
        "--import-id=5b0c2c6e-0d0a-4a53-9a3c-2f9b7a1d0c11",
        "--run=1",
        &dataset,
        "--file=/source/file.csv",
        "--root=/source",
    ];
    let of_another = [("/spec/containers/0/args", json!(arguments))];
    // Its log becomes its last words, and it ends as one does whose input can't be loaded.
    let nonsense = [
        ("/spec/containers/0/args", json!(["nonsense"])),
        ("/spec/containers/0/terminationMessagePolicy", json!("FallbackToLogsOnError")),
    ];
    let policies = [
        Policy::changing(&shop, "foreign", &of_another)?,
        Policy::changing(&shop, "garbled", &nonsense)?,
    ];
    for import in ["foreign", "garbled"] {
        shop.import(import, json!({"source": Shop::source(import)}))?;
    }
    for (import, words) in
        [("foreign", "code 0 and left no outcome"), ("garbled", "code 2 and left no outcome")]
    {
        let retried = |status: &Value| reason(status, "Finished") == "Retrying";
        let status = shop.status_when(import, "retried", retried)?;
        assert!(message(&status).contains(words), "{status:#}");
        assert_eq!(status["outcome"], Value::Null, "{status:#}");
    }
    drop(policies);
    // What the other import has loaded is there, and is not loaded twice.
    for (import, end) in [("foreign", "AlreadyLoaded"), ("garbled", "Published")] {
        let status = shop.finished(import)?;
        assert_eq!(reason(&status, "Ready"), end, "{status:#}");
        assert_eq!((&status["attempt"], &status["failures"]), (&json!(2), &json!(1)), "{status:#}");
    }
    assert_eq!(shop.revenue()?["line_count"], foreign.lines + garbled.lines);
    shop.close()
}
