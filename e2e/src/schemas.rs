//! JSON schemas of Kubernetes' kinds for kubeconform, made from the definitions that an API
//! server publishes, so that nothing has to be downloaded.

use anyhow::{Context, Result};
use harness::cache;
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, path::Path};

/// Writes a schema per kind to `folder`: from the server's `/openapi/v2`, and from CRDs.
pub fn write(folder: &Path, openapi: &Value, crds: &[Value]) -> Result<()> {
    let definitions = openapi["definitions"].as_object().context("no definitions")?;
    for (name, definition) in definitions {
        for kind in definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten() {
            let schema = standalone(definitions, name);
            let (group, version) = (&kind["group"], &kind["version"]);
            write_one(folder, &file_name(&kind["kind"], group, version), &schema)?;
        }
    }
    for crd in crds {
        for version in crd["spec"]["versions"].as_array().into_iter().flatten() {
            let (kind, group) = (&crd["spec"]["names"]["kind"], &crd["spec"]["group"]);
            let mut schema = version["schema"]["openAPIV3Schema"].clone();
            let object = json!({"type": "object"});
            schema["properties"]["metadata"] = object;
            for field in ["apiVersion", "kind"] {
                schema["properties"][field] = json!({"type": "string"});
            }
            close(&mut schema);
            write_one(folder, &file_name(kind, group, &version["name"]), &schema)?;
        }
    }
    Ok(())
}

/// kubeconform's name for a schema: `deployment-apps-v1.json`, `service-v1.json`.
fn file_name(kind: &Value, group: &Value, version: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_lowercase();
    let group = word(group).split('.').next().unwrap_or_default().to_owned();
    let group = if group.is_empty() { group } else { format!("-{group}") };
    format!("{}{group}-{}.json", word(kind), word(version))
}

fn write_one(folder: &Path, name: &str, schema: &Value) -> Result<()> {
    cache::write(&folder.join(name), serde_json::to_vec(schema)?)
}

/// The definition with all that it refers to, and nothing else.
fn standalone(definitions: &Map<String, Value>, name: &str) -> Value {
    let (mut needed, mut waiting) = (BTreeSet::new(), vec![name.to_owned()]);
    while let Some(name) = waiting.pop() {
        if let Some(definition) = definitions.get(&name)
            && needed.insert(name)
        {
            references(definition, &mut waiting);
        }
    }
    let closed = needed.into_iter().map(|name| {
        let mut definition = definitions[&name].clone();
        close(&mut definition);
        (name, definition)
    });
    let closed: Map<String, Value> = closed.collect();
    json!({"$ref": format!("#/definitions/{name}"), "definitions": closed})
}

fn references(value: &Value, found: &mut Vec<String>) {
    if let Some(name) = value["$ref"].as_str() {
        found.push(name.trim_start_matches("#/definitions/").to_owned());
    }
    children(value).for_each(|child| references(child, found));
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Object(fields) => Box::new(fields.values()),
        Value::Array(items) => Box::new(items.iter()),
        _ => Box::new(std::iter::empty()),
    }
}

/// Lets no object have fields that it does not list, and types be as Kubernetes reads them.
fn close(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("properties").is_some_and(Value::is_object)
                && !fields.contains_key("x-kubernetes-preserve-unknown-fields")
            {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
            match fields.get("format").and_then(Value::as_str) {
                Some("int-or-string") => {
                    fields.insert("type".into(), json!(["integer", "string"]));
                    fields.remove("format");
                }
                Some(_) => drop(fields.remove("format")),
                None => {}
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        _ => {}
    }
}
