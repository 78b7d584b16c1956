//! Policies of the cluster that refuse or change the Pods of one SalesImport as they are made.
//!
//! A policy holds only a moment after it was made: each is tried out by a Pod that is never kept.

use crate::{Shop, Takings, pod};
use anyhow::{Context, Result};
use harness::progress;
use serde_json::{Value, json};

/// The label by which a policy knows the Pods of an import.
const LABEL: &str = "takings.dev/sales-import";
/// Put on each Pod that a policy has changed.
const CHANGED: &str = "takings.dev/changed";

/// A policy that holds until it is dropped.
#[derive(Debug)]
pub struct Policy {
    takings: &'static Takings,
    /// What it is made of, as kubectl names it.
    objects: Vec<String>,
}

impl Policy {
    /// Refuses the Pods of an import, in these words.
    pub fn refusing(shop: &Shop, import: &str, words: &str) -> Result<Self> {
        let spec = json!({
            "failurePolicy": "Fail",
            "matchConstraints": pods_of(shop, import, "resourceRules"),
            "validations": [{"expression": "false", "message": words}],
        });
        let binding = json!({"validationActions": ["Deny"]});
        let policy = Self::bound(shop, import, ("ValidatingAdmissionPolicy", spec, binding))?;
        policy.holds_once((shop, import), |tried| is_refused(&tried, words))
    }

    /// Changes the Pods of an import: each value is put at its JSON pointer.
    pub fn changing(shop: &Shop, import: &str, values: &[(&str, Value)]) -> Result<Self> {
        let changed = format!("/metadata/labels/{}", CHANGED.replace('/', "~1"));
        let patches = values.iter().cloned().chain([(&changed[..], json!("true"))]);
        let patches: Vec<_> = patches
            .map(|(path, value)| format!("JSONPatch{{op: 'add', path: '{path}', value: {value}}}"))
            .collect();
        let expression = format!("[{}]", patches.join(", "));
        let spec = json!({
            "failurePolicy": "Fail",
            "matchConstraints": pods_of(shop, import, "resourceRules"),
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}],
            "reinvocationPolicy": "Never",
        });
        let policy = Self::bound(shop, import, ("MutatingAdmissionPolicy", spec, json!({})))?;
        // What it makes of the Pod may be refused by another policy, which has its own words.
        policy.holds_once((shop, import), |tried| match &tried {
            Ok(pod) => pod.contains(CHANGED),
            Err(_) => is_refused(&tried, "violates PodSecurity"),
        })
    }

    /// Sets environment variables of an import's importers, such as name their failpoints.
    pub fn setting(shop: &Shop, import: &str, variables: &[(&str, &str)]) -> Result<Self> {
        let variables = variables.iter().map(|(name, value)| {
            ("/spec/containers/0/env/-", json!({"name": name, "value": value}))
        });
        Self::changing(shop, import, &variables.collect::<Vec<_>>())
    }

    /// A webhook that has to be asked before an import's Pods are made, and does not answer.
    pub fn unreachable(shop: &Shop, import: &str) -> Result<Self> {
        let mut webhook = pods_of(shop, import, "rules");
        webhook["name"] = json!("pods.takings.test");
        webhook["admissionReviewVersions"] = json!(["v1"]);
        webhook["clientConfig"] = json!({"url": "https://127.0.0.1:1/"});
        webhook["failurePolicy"] = json!("Fail");
        webhook["sideEffects"] = json!("None");
        let webhook = ("ValidatingWebhookConfiguration", "webhooks", json!([webhook]));
        let policy = Self::make(shop, import, &[webhook])?;
        policy.holds_once((shop, import), |tried| is_refused(&tried, "failed calling webhook"))
    }

    /// A policy and what puts it into force.
    fn bound(
        shop: &Shop,
        import: &str,
        (kind, spec, mut binding): (&str, Value, Value),
    ) -> Result<Self> {
        binding["policyName"] = json!(name(shop, import));
        let bound = format!("{kind}Binding");
        Self::make(shop, import, &[(kind, "spec", spec), (&bound, "spec", binding)])
    }

    /// Objects of these kinds, each with one field.
    fn make(shop: &Shop, import: &str, objects: &[(&str, &str, Value)]) -> Result<Self> {
        let name = name(shop, import);
        let manifest = |&(kind, field, ref value): &(&str, &str, Value)| {
            json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
                "metadata": {"name": name}, field: value})
        };
        let manifests: Vec<_> = objects.iter().map(manifest).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests});
        let objects = objects.iter().map(|(kind, ..)| format!("{kind}/{name}")).collect();
        let policy = Self { takings: shop.takings, objects };
        shop.takings.apply("default", &list.to_string())?;
        Ok(policy)
    }

    /// Tries Pods until one meets the policy.
    fn holds_once(
        self,
        (shop, import): (&Shop, &str),
        is_met: impl Fn(Result<String>) -> bool,
    ) -> Result<Self> {
        let pod = pod_like(import).to_string();
        let create = ["-n", &shop.namespace, "create", "--dry-run=server", "-o", "json", "-f", "-"];
        let mut tries = 0..100;
        while !is_met(self.takings.kubectl_with(&pod, &create)) {
            tries.next().with_context(|| format!("{:?} never holds", self.objects))?;
        }
        Ok(self)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        let objects = self.objects.iter().map(String::as_str);
        let delete: Vec<_> = ["delete", "--ignore-not-found"].into_iter().chain(objects).collect();
        if let Err(error) = self.takings.cluster.kubectl(&delete) {
            progress::say(&format!("a policy is still there: {error:?}"));
        }
    }
}

fn name(shop: &Shop, import: &str) -> String {
    format!("{}-{import}", shop.namespace)
}

/// The Pods of an import, as admission matches them.
fn pods_of(shop: &Shop, import: &str, rules: &str) -> Value {
    let namespace = json!({"kubernetes.io/metadata.name": shop.namespace});
    json!({
        "namespaceSelector": {"matchLabels": namespace},
        "objectSelector": {"matchLabels": {LABEL: import}},
        rules: [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"],
            "resources": ["pods"]}],
    })
}

/// A Pod that looks to a policy like one of the import's.
fn pod_like(import: &str) -> Value {
    let mut pod = pod("tried", "tried");
    pod["metadata"]["labels"] = json!({LABEL: import});
    pod["spec"]["containers"][0]["env"] = json!([{"name": "TRIED", "value": "1"}]);
    pod
}

fn is_refused(tried: &Result<String>, words: &str) -> bool {
    tried.as_ref().is_err_and(|error| format!("{error:#}").contains(words))
}
