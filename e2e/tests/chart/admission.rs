//! The chart's admission policy, on a real API server: which SalesImports it lets in, and with
//! which sentences it refuses others.

use anyhow::{Result, bail};
use harness::cache;
use serde_json::{Value, json};
use std::{path::Path, sync::OnceLock, thread, time::Duration};

use crate::{install_crds, kubectl, render};

/// Its rules are those of `VALUES`, and `policed` is the only namespace that they name.
const NAMESPACE: &str = "policed";

const VALUES: &str = r#"
fullnameOverride: policed
admission:
  enabled: true
  namespaces:
    policed:
      datasets: [shop, "outlet-*"]
      hosts: ["*.Shop.example", files.example.com]
      buckets: ["s3://shop-sales", "az://shop7/sales"]
    policed-bare: {}
"#;

/// The policy is there, and heeded.
fn install() -> Result<()> {
    static INSTALLED: OnceLock<Result<(), String>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| begin().map_err(|error| format!("{error:#}")));
    installed.clone().map_err(anyhow::Error::msg)
}

fn begin() -> Result<()> {
    install_crds()?;
    for namespace in [NAMESPACE, "policed-bare", "policed-elsewhere", "policed-later"] {
        apply(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}))?;
    }
    let policy = policy("policed", VALUES)?;
    kubectl(&["apply", "-f", &policy])?;
    heeded(NAMESPACE)
}

/// The chart's policy with these values, as a file.
fn policy(name: &str, values: &str) -> Result<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = |end: &str| folder.join(format!("{name}-{end}.yaml")).to_string_lossy().into_owned();
    let (of_values, of_policy) = (file("values"), file("policy"));
    cache::write(Path::new(&of_values), values)?;
    let template = ["-f", &of_values, "-s", "templates/admission.yaml"];
    cache::write(Path::new(&of_policy), render(&template)?)?;
    Ok(of_policy)
}

/// The API server heeds a policy a moment after it was made, or deleted.
fn eventually(what: &str, is_so: impl Fn() -> bool) -> Result<()> {
    for _ in 0..300 {
        if is_so() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    bail!("it does not come to that: {what}")
}

fn heeded(namespace: &str) -> Result<()> {
    // By the policy, and not since the API server has not heard of the namespace or the kind yet.
    let is_refused = || {
        let said = create(namespace, &json!({"dataset": "nobodys"}));
        said.is_err_and(|said| said.to_string().contains("Its datasets: "))
    };
    eventually("the policy is heeded", is_refused)
}

fn apply(object: &Value) -> Result<String> {
    write(&["apply", "-f"], object)
}

fn write(command: &[&str], object: &Value) -> Result<String> {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.json", cache::random(6)?));
    cache::write(&file, object.to_string())?;
    let said = kubectl(&[command, &[&file.to_string_lossy()]].concat());
    std::fs::remove_file(&file)?;
    said
}

/// What `kubectl create` says to a SalesImport with these fields, which is not kept.
fn create(namespace: &str, fields: &Value) -> Result<String> {
    write(&["create", "--dry-run=server", "-f"], &import(namespace, fields))
}

fn import(namespace: &str, fields: &Value) -> Value {
    let mut spec = json!({"dataset": "shop", "source": {"configMap": {"name": "a", "key": "b"}}});
    for (field, value) in fields.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    json!({"apiVersion": "takings.dev/v1alpha1", "kind": "SalesImport", "spec": spec,
        "metadata": {"name": "march", "namespace": namespace}})
}

fn http(url: &str) -> Value {
    json!({"source": {"http": {"url": url}}})
}

fn store(kind: &str, mut store: Value) -> Value {
    store["key"] = "march.csv".into();
    json!({"source": {kind: store}})
}

#[test]
fn accepts_what_a_namespace_may_use() -> Result<()> {
    install()?;
    for fields in [
        json!({}),
        json!({"dataset": "outlet-7"}),
        json!({"source": {"volume": {"claimName": "files", "path": "march.csv"}}}),
        http("https://eu.shop.example/march.csv"),
        http("https://FILES.example.com:8443/march.csv?v=2"),
        store("s3", json!({"bucket": "shop-sales"})),
        store("s3", json!({"bucket": "shop-sales", "endpoint": "https://minio.shop.example:9000"})),
        store("azure", json!({"account": "shop7", "container": "sales"})),
    ] {
        create(NAMESPACE, &fields)?;
    }
    Ok(())
}

#[test]
fn rejects_what_is_not_the_namespaces_with_a_sentence() -> Result<()> {
    install()?;
    let hosts = "Its hosts: *.Shop.example, files.example.com.";
    let buckets = "Its buckets: s3://shop-sales, az://shop7/sales.";
    for (fields, sentence) in [
        (
            json!({"dataset": "pier"}),
            "The namespace policed may not load into the dataset pier. Its datasets: shop, outlet-*.",
        ),
        (json!({"dataset": "my-outlet-7"}), "may not load into the dataset my-outlet-7."),
        (http("https://example.com/a"), hosts),
        // A name that ends as an allowed one does is another's.
        (http("https://evilshop.example/a"), hosts),
        (http("https://shop.example.evil.com/a"), hosts),
        (http("https://evil.com/files.example.com"), hosts),
        (http("https://evil.com\\\\.shop.example/a"), hosts),
        (store("s3", json!({"bucket": "shop-sales-2"})), buckets),
        (store("gcs", json!({"bucket": "shop-sales"})), buckets),
        (store("azure", json!({"account": "shop8", "container": "sales"})), buckets),
        (store("s3", json!({"bucket": "shop-sales", "endpoint": "https://evil.com"})), hosts),
    ] {
        let Err(said) = create(NAMESPACE, &fields) else { bail!("{fields} was let in") };
        assert!(said.to_string().contains(sentence), "{said}");
    }
    Ok(())
}

#[test]
fn rejects_all_lists_that_a_namespace_does_not_have_and_leaves_others_alone() -> Result<()> {
    install()?;
    for fields in [json!({}), json!({"dataset": "none"})] {
        let Err(said) = create("policed-bare", &fields) else { bail!("it was let in") };
        assert!(said.to_string().contains("Its datasets: none."), "{said}");
    }
    create("policed-elsewhere", &json!({"dataset": "pier"}))?;
    create("policed-elsewhere", &http("https://evil.com/a"))?;
    Ok(())
}

#[test]
fn accepts_changes_of_what_was_there_before_the_rule_but_for_the_spec() -> Result<()> {
    install()?;
    let there = "policed-later";
    let stricter = VALUES.replace("policed", there).replace("datasets: [shop", "datasets: [hill");
    let policy = policy(there, &stricter)?;
    kubectl(&["delete", "--ignore-not-found", "-f", &policy])?;
    let earlier = import(there, &json!({"dataset": "pier"}));
    eventually("what an earlier test left is gone", || apply(&earlier).is_ok())?;
    kubectl(&["apply", "-f", &policy])?;
    heeded(there)?;
    let kubectl = |arguments: &[&str]| kubectl(&[&["-n", there], arguments].concat());
    kubectl(&["annotate", "--overwrite", "simp/march", "a.dev/b=c"])?;
    let edit = r#"{"spec": {"retries": 1}}"#;
    let edited = kubectl(&["patch", "simp/march", "--type=merge", "-p", edit]);
    let Err(said) = edited else { bail!("an edit was let in") };
    assert!(said.to_string().contains("Its datasets: hill, outlet-*."), "{said}");
    kubectl(&["delete", "simp/march"]).map(drop)
}
