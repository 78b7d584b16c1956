//! The chart, rendered and judged without a cluster: by helm, by kubeconform, and by a real API
//! server, which knows best.

mod admission;

use anyhow::{Context, Result};
use e2e::{examples, repository, schemas};
use harness::{apiserver::ApiServer, cache, program, tools};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const NAMESPACE: &str = "chart-test";
/// Sets of values that are rendered, beside the defaults: files in the chart's `ci/`.
const VALUES: [&str; 2] = ["everything-values.yaml", "least-values.yaml"];

#[test]
fn helm_finds_nothing_to_say() -> Result<()> {
    helm(&["lint", "--strict", &chart()])?;
    for values in VALUES {
        helm(&["lint", "--strict", &chart(), "-f", &format!("{}/ci/{values}", chart())])?;
    }
    Ok(())
}

#[test]
fn it_ships_the_crds_of_the_repository() -> Result<()> {
    for entry in fs::read_dir(repository("crds"))? {
        let path = entry?.path();
        let copy = Path::new(&chart()).join("files/crds").join(path.file_name().context("a name")?);
        assert!(cache::read(&path)? == cache::read(&copy)?, "run: make generate ({copy:?})");
    }
    Ok(())
}

#[test]
fn crds_are_kept_on_uninstall_unless_told_otherwise() -> Result<()> {
    let kept = |manifest: &str| manifest.matches("helm.sh/resource-policy: keep").count();
    assert_eq!(kept(&render(&[])?), fs::read_dir(repository("crds"))?.count());
    assert_eq!(kept(&render(&["--set", "crds.keep=false"])?), 0);
    Ok(())
}

#[test]
fn manifests_and_examples_are_what_kubeconform_calls_valid() -> Result<()> {
    let folder = schemas_folder()?;
    let location = format!("{}/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json", folder.display());
    let mut kubeconform = Command::new(tools::path("kubeconform")?);
    kubeconform.args(["-strict", "-schema-location", &location]);
    let files = [manifests("kubeconform")?, examples()?].concat();
    let said = kubeconform.args(files).output()?;
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    Ok(())
}

#[test]
fn an_api_server_takes_all_and_finds_each_pod_restricted() -> Result<()> {
    let namespace = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/namespace.yaml");
    kubectl(&["apply", "-f", &namespace.to_string_lossy()])?;
    install_crds()?;
    // A Pod that is not restricted is a warning, and a warning is an error.
    let strictly = ["--dry-run=server", "--validate=strict", "--warnings-as-errors"];
    for file in manifests("server")? {
        let file = file.to_string_lossy();
        let apply = ["apply", "--server-side", "--force-conflicts", "-f", &file];
        kubectl(&[&apply[..], &strictly].concat())?;
    }
    for file in examples()? {
        let file = file.to_string_lossy();
        kubectl(&[&["-n", NAMESPACE, "apply", "-f", &file], &strictly[..]].concat())?;
    }
    Ok(())
}

#[test]
fn rendering_is_always_the_same_also_without_a_cluster() -> Result<()> {
    let never = ["lookup", "now", "IsUpgrade", "IsInstall", "Revision", "genCA", "randAlphaNum"];
    for template in templates(&Path::new(&chart()).join("templates"))? {
        let text = fs::read_to_string(&template)?;
        let actions = text.split("{{").skip(1).filter_map(|rest| rest.split("}}").next());
        for word in actions.flat_map(|action| action.split(|c: char| !c.is_alphanumeric())) {
            assert!(!never.contains(&word), "{word} in {template:?}");
        }
    }
    assert_eq!(render(&[])?, render(&[])?);
    Ok(())
}

#[test]
fn selectors_do_not_change_with_the_version() -> Result<()> {
    let manifest = render(&[])?;
    let selectors = manifest.split("selector:").skip(1).map(|rest| {
        rest.lines().take_while(|line| line.is_empty() || line.starts_with("    ")).collect()
    });
    let selectors: Vec<String> = selectors.collect();
    assert_eq!(selectors.len(), 5);
    assert!(selectors.iter().all(|selector| !selector.contains("version")), "{selectors:?}");
    Ok(())
}

#[test]
fn maintenance_removes_what_was_kept_only_where_it_is_said_after_how_long() -> Result<()> {
    let manifest = render(&[])?;
    assert!(manifest.contains("args: [maintain]") && !manifest.contains("TAKINGS_KEEP_"));
    let maintenance = "database.maintenance";
    let set =
        format!("{maintenance}.keepRevertedForDays=30,{maintenance}.keepRejectValuesForDays=0");
    let manifest = render(&["--set", &set])?;
    let lines: Vec<_> = manifest.lines().map(str::trim).collect();
    for (name, days) in [("KEEP_REVERTED_FOR", 30), ("KEEP_REJECT_VALUES_FOR", 0)] {
        let expected = [format!("- name: TAKINGS_{name}"), format!("value: \"{days}\"")];
        assert!(lines.windows(2).any(|pair| pair == expected), "{name}");
    }
    Ok(())
}

#[test]
fn operators_share_one_lease_of_their_namespace_and_may_touch_no_other() -> Result<()> {
    // Also where the operator's rights are in other namespaces.
    for values in [vec![], vec!["--set", "operator.watchNamespaces={shop}"]] {
        let documents = documents(&render(&values)?)?;
        let granted: Vec<_> = documents.iter().filter(|one| lists_leases(one)).collect();
        let [role] = granted[..] else { panic!("{granted:#?}") };
        assert_eq!(
            (&role["kind"], &role["metadata"]["namespace"]),
            (&json!("Role"), &json!(NAMESPACE))
        );
        let lease = json!(["takings-operator"]);
        assert_eq!(role["rules"][0]["verbs"], json!(["create"]));
        assert_eq!(role["rules"][1]["verbs"], json!(["get", "update"]));
        assert_eq!(role["rules"][1]["resourceNames"], lease);
        let is_operator =
            |one: &&Value| one["kind"] == "Deployment" && one["metadata"]["name"] == lease[0];
        let operator = documents.iter().find(is_operator).context("no operator")?;
        let env = operator["spec"]["template"]["spec"]["containers"][0]["env"].as_array();
        let named = |one: &&Value| one["name"] == "TAKINGS_LEASE_NAME";
        assert_eq!(env.into_iter().flatten().find(named).context("no name")?["value"], lease[0]);
    }
    Ok(())
}

#[test]
fn an_operator_of_some_namespaces_has_its_rights_there_and_nowhere_else() -> Result<()> {
    let rights = |values: &[&str]| -> Result<Vec<(Value, Value)>> {
        let documents = documents(&render(values)?)?;
        // Its Lease has a Role of its own.
        let is_operators = |one: &&Value| {
            let name = &one["roleRef"]["name"];
            one["subjects"][0]["name"] == "takings-operator" && name != "takings-operator-lease"
        };
        let bound = documents.iter().filter(is_operators);
        Ok(bound.map(|one| (one["kind"].clone(), one["metadata"]["namespace"].clone())).collect())
    };
    let role = |namespace: &str| (json!("RoleBinding"), json!(namespace));
    let listed = rights(&["--set", "operator.watchNamespaces={shop,pier}"])?;
    assert_eq!(listed, [role("shop"), role("pier")]);
    assert_eq!(rights(&[])?, [(json!("ClusterRoleBinding"), Value::Null)]);
    Ok(())
}

#[test]
fn importers_are_reached_by_the_operator_alone_and_reach_what_they_need() -> Result<()> {
    let values = "operator.watchNamespaces={shop},networkPolicy.importer.namespaces={shop,pier}";
    let documents = documents(&render(&["--set", values])?)?;
    let policies = documents.iter().filter(|one| one["kind"] == "NetworkPolicy");
    let is_importers = |one: &&Value| one["metadata"]["name"] == "takings-importer";
    let (importers, others): (Vec<_>, Vec<_>) = policies.partition(is_importers);
    let namespaces: Vec<_> = importers.iter().map(|one| &one["metadata"]["namespace"]).collect();
    assert_eq!(namespaces, ["shop", "pier"]);
    for policy in importers {
        let selected = json!({"matchLabels": {"app.kubernetes.io/name": "takings-importer"}});
        assert_eq!(policy["spec"]["podSelector"], selected);
        let [from] = &policy["spec"]["ingress"][0]["from"].as_array().context("nobody")?[..] else {
            panic!("{policy:#}")
        };
        assert_eq!(from["podSelector"]["matchLabels"]["app.kubernetes.io/component"], "operator");
        let release = json!({"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}});
        assert_eq!(from["namespaceSelector"], release);
        let ports = |rule: &Value| {
            rule["ports"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|one| one["port"].clone())
                .collect::<Vec<_>>()
        };
        let egress = policy["spec"]["egress"].as_array().context("nothing")?;
        let reached: Vec<_> = egress.iter().flat_map(ports).collect();
        assert_eq!(reached, [53, 53, 5432, 443]);
    }
    // Each Pod of the release has one.
    let mut components: Vec<_> = others
        .iter()
        .map(|one| {
            one["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"].as_str()
        })
        .collect();
    components.sort_unstable();
    assert_eq!(components, ["api", "maintenance", "migrations", "operator"].map(Some));
    Ok(())
}

fn lists_leases(document: &Value) -> bool {
    let rules = document["rules"].as_array().into_iter().flatten();
    rules.filter_map(|rule| rule["resources"].as_array()).flatten().any(|one| one == "leases")
}

#[test]
fn values_that_can_not_be_meant_are_refused() {
    for (value, told) in [
        ("api.service.type=LoadBalancer", "api/service/type"),
        ("api.blueGreen.active=green", "api/blueGreen/active"),
        ("api.lifecycle.shutdownTimeoutSeconds=40", "terminationGracePeriodSeconds is 50"),
        ("api.blueGreen.slots.blue.replicas=0", "replicas"),
        ("operator.replicas=0", "operator/replicas"),
        ("importer.image.digest=latest", "importer/image/digest"),
        ("database.maintenance.keepRevertedForDays=-1", "keepRevertedForDays"),
        ("databse.existingSecret=x", "databse"),
        ("database.url=postgres://x", "url"),
    ] {
        let error = render(&["--set", value]).expect_err(value);
        assert!(error.to_string().contains(told), "{value}: {error}");
    }
}

#[test]
fn a_chart_around_this_one_may_have_values_of_its_own() -> Result<()> {
    render(&["--set", "enabled=true", "--set", "global.cattle.url=x"]).map(drop)
}

#[test]
fn an_image_is_named_by_digest_registry_or_version() -> Result<()> {
    let digest = format!("sha256:{}", "0".repeat(64));
    let manifest = render(&["-f", &format!("{}/ci/{}", chart(), VALUES[0])])?;
    for image in [
        format!("image: mirror.example.com/hub/takings/takings-operator@{digest}\n"),
        "image: mirror.example.com/hub/takings/takings-api:1.2.3\n".to_owned(),
        "image: mirror.example.com/hub/takings/takings-importer:0.1.0\n".to_owned(),
    ] {
        assert!(manifest.contains(&image), "{image}");
    }
    Ok(())
}

fn chart() -> String {
    repository("charts/takings").to_string_lossy().into_owned()
}

fn helm(arguments: &[&str]) -> Result<String> {
    program::run(Command::new(tools::path("helm")?).args(arguments))
}

/// Asks a real API server.
fn kubectl(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(tools::path("kubectl")?);
    let kubeconfig = ApiServer::shared()?.kubeconfig();
    program::run(command.arg("--kubeconfig").arg(kubeconfig).args(arguments))
}

fn install_crds() -> Result<()> {
    let crds = repository("crds");
    kubectl(&["apply", "--server-side", "--force-conflicts", "-f", &crds.to_string_lossy()])?;
    kubectl(&["wait", "--for=condition=Established", "-f", &crds.to_string_lossy()]).map(drop)
}

fn render(arguments: &[&str]) -> Result<String> {
    let chart = chart();
    helm(&[&["template", "takings", &chart, "-n", NAMESPACE], arguments].concat())
}

fn documents(manifest: &str) -> Result<Vec<Value>> {
    manifest.split("\n---\n").map(|one| Ok(serde_yaml::from_str(one)?)).collect()
}

/// The rendered manifests of each set of values, as files.
fn manifests(name: &str) -> Result<Vec<PathBuf>> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut files = vec![folder.join(format!("{name}-default.yaml"))];
    cache::write(&files[0], render(&[])?)?;
    for values in VALUES {
        let file = folder.join(format!("{name}-{values}"));
        cache::write(&file, render(&["-f", &format!("{}/ci/{values}", chart())])?)?;
        files.push(file);
    }
    Ok(files)
}

fn templates(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(templates(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// Schemas of the API server's kinds and of our own.
fn schemas_folder() -> Result<PathBuf> {
    let mut kubectl = Command::new(tools::path("kubectl")?);
    kubectl.arg("--kubeconfig").arg(ApiServer::shared()?.kubeconfig());
    let openapi: Value =
        serde_json::from_str(&program::run(kubectl.args(["get", "--raw", "/openapi/v2"]))?)?;
    let crds: Result<Vec<Value>> = fs::read_dir(repository("crds"))?
        .map(|entry| Ok(serde_yaml::from_str(&fs::read_to_string(entry?.path())?)?))
        .collect();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("schemas");
    fs::create_dir_all(&folder)?;
    schemas::write(&folder, &openapi, &crds?)?;
    Ok(folder)
}
