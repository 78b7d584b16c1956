//! An object of a watch that this program may be unable to read: JSON in; the object, or its
//! metadata and what is wrong, out. One that can't be read must not hide the others.
//!
//! Who manages which field is left out before anything is read: it is half of an object's text, and
//! nobody here asks for it.

use std::{borrow::Cow, collections::BTreeMap};

use kube::{
    Resource,
    core::{ObjectMeta, PartialObjectMeta},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::value::{RawValue, to_raw_value};

/// An object, where it can be read.
///
/// `kube::core::DeserializeGuard` does the same by way of a tree of values that is built twice: much
/// work where an operator starts among thousands of objects.
#[derive(Clone, Debug)]
pub(crate) struct Readable<K>(pub(crate) Result<K, Unreadable>);

/// An object that can't be read.
#[derive(Clone, Debug)]
pub(crate) struct Unreadable {
    /// What is wrong.
    pub(crate) error: String,
    metadata: ObjectMeta,
}

impl<'de, K: DeserializeOwned + Resource> Deserialize<'de> for Readable<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let json = without_managed_fields(json.get()).map_err(D::Error::custom)?;
        serde_json::from_str(&json)
            .map(Ok)
            .or_else(|error: serde_json::Error| {
                let PartialObjectMeta::<K> { metadata, .. } = serde_json::from_str(&json)?;
                Ok(Err(Unreadable { error: error.to_string(), metadata }))
            })
            .map(Self)
            .map_err(|error: serde_json::Error| D::Error::custom(error))
    }
}

fn without_managed_fields(json: &str) -> serde_json::Result<String> {
    let mut object: BTreeMap<String, &RawValue> = serde_json::from_str(json)?;
    let Some(metadata) = object.get("metadata") else { return Ok(json.to_owned()) };
    let mut metadata: BTreeMap<String, &RawValue> = serde_json::from_str(metadata.get())?;
    metadata.remove("managedFields");
    let metadata = to_raw_value(&metadata)?;
    object.insert("metadata".to_owned(), &metadata);
    serde_json::to_string(&object)
}

impl<K: Resource> Resource for Readable<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(kind)
    }

    fn group(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::group(kind)
    }

    fn version(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::version(kind)
    }

    fn plural(kind: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(kind)
    }

    fn meta(&self) -> &ObjectMeta {
        self.0.as_ref().map_or_else(|unreadable| &unreadable.metadata, K::meta)
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.0.as_mut().map_or_else(|unreadable| &mut unreadable.metadata, K::meta_mut)
    }
}

#[cfg(test)]
mod tests {
    use kube::{
        ResourceExt as _,
        core::{ObjectList, WatchEvent},
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::crd::SalesImport;

    fn import(name: &str, source: &Value) -> Value {
        json!({
            "apiVersion": "takings.dev/v1alpha1",
            "kind": "SalesImport",
            "metadata": {"name": name, "managedFields": [{"manager": "kubectl"}]},
            "spec": {"source": source},
        })
    }

    #[test]
    fn what_can_not_be_read_is_known_by_its_name_and_hides_no_other() {
        let good = import("march", &json!({"configMap": {"name": "sales", "key": "march.csv"}}));
        let bad = import("april", &json!("a file"));
        let list =
            json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": [good, bad]});
        let list: ObjectList<Readable<SalesImport>> =
            serde_json::from_str(&list.to_string()).unwrap();
        let [march, april] = &list.items[..] else { panic!("two objects") };
        assert_eq!((march.name_any(), april.name_any()), ("march".into(), "april".into()));
        assert!(march.0.as_ref().unwrap().spec.source.config_map.is_some());
        assert!(april.0.as_ref().unwrap_err().error.contains("a file"));
        assert!(march.managed_fields().is_empty() && april.managed_fields().is_empty());
    }

    #[test]
    fn a_watch_tells_of_it_as_a_list_does() {
        let object = import("april", &json!("a file"));
        // The type comes first, as Go writes it.
        let event = format!(r#"{{"type":"ADDED","object":{object}}}"#);
        let WatchEvent::Added(april) = serde_json::from_str(&event).unwrap() else {
            panic!("something was added")
        };
        let april: Readable<SalesImport> = april;
        assert_eq!(april.name_any(), "april");
        let nameless = r#"{"type":"ADDED","object":{"metadata":7}}"#;
        assert!(serde_json::from_str::<WatchEvent<Readable<SalesImport>>>(nameless).is_err());
    }
}
