//! The operator's calls to the API server, as that has put them on record.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::PathBuf,
};

use anyhow::{Context, Result};
use serde_json::Value;

/// The record, read from where it was left.
#[derive(Debug)]
pub(super) struct Record {
    path: PathBuf,
    read: u64,
}

/// How often each kind of call was made.
#[derive(Debug, Default)]
pub(super) struct Calls(BTreeMap<String, u32>);

impl Record {
    /// What is on record from now on.
    pub(super) fn from_now(path: PathBuf) -> Self {
        let read = path.metadata().map_or(0, |file| file.len());
        Self { path, read }
    }

    /// What was called since the last time: watches, with their listings, and Leases apart.
    pub(super) fn calls(&mut self) -> Result<Calls> {
        let mut file = File::open(&self.path).context("nothing is on record")?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.read += u64::try_from(whole)?;
        let mut calls = Calls::default();
        for line in text[..whole].lines() {
            if let Some(name) = counted(&serde_json::from_str(line)?) {
                *calls.0.entry(name).or_default() += 1;
            }
        }
        Ok(calls)
    }
}

impl Calls {
    /// All of them.
    pub(super) fn total(&self) -> u32 {
        self.0.values().sum()
    }
}

impl std::fmt::Display for Calls {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each: Vec<_> = self.0.iter().map(|(name, count)| format!("{name} {count}")).collect();
        formatter.write_str(if each.is_empty() { "none" } else { "" })?;
        formatter.write_str(&each.join(", "))
    }
}

/// The call's name, with its answer's code where that is not good; nothing for what is not counted.
fn counted(call: &Value) -> Option<String> {
    let text = |path: &str| call.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let (verb, resource) = (text("/verb"), text("/objectRef/resource"));
    let before_a_watch = verb == "list" && text("/requestURI").contains("limit=");
    if verb == "watch" || before_a_watch || resource == "leases" {
        return None;
    }
    let subresource = match text("/objectRef/subresource") {
        "" => String::new(),
        name => format!("/{name}"),
    };
    let answer = match call.pointer("/responseStatus/code").and_then(Value::as_u64) {
        Some(code) if code < 400 => String::new(),
        code => format!(" ({})", code.unwrap_or_default()),
    };
    Some(format!("{verb} {resource}{subresource}{answer}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn watches_their_listings_and_leases_are_not_counted() {
        let call = |verb: &str, resource: &str, uri: &str| {
            counted(&json!({"verb": verb, "requestURI": uri, "objectRef": {"resource": resource},
                "responseStatus": {"code": 200}}))
        };
        assert_eq!(call("watch", "jobs", "/apis/batch/v1/jobs?watch=true"), None);
        assert_eq!(call("list", "jobs", "/apis/batch/v1/jobs?limit=500"), None);
        assert_eq!(call("update", "leases", "/apis/coordination.k8s.io/v1/"), None);
        let live = call("list", "pods", "/api/v1/namespaces/shop/pods?labelSelector=a");
        assert_eq!(live.as_deref(), Some("list pods"));
    }

    #[test]
    fn a_call_is_named_with_what_it_was_refused_by() {
        let call = json!({"verb": "patch", "responseStatus": {"code": 409},
            "objectRef": {"resource": "salesimports", "subresource": "status"}});
        assert_eq!(counted(&call).as_deref(), Some("patch salesimports/status (409)"));
    }
}
