//! The trace that a run's Jobs go on with. Pure: a SalesImport and a run in, a `traceparent` out.
//!
//! <https://www.w3.org/TR/trace-context/#traceparent-header>

use kube::ResourceExt as _;
use ledger::Digest;
use sha2::{Digest as _, Sha256};

use super::name::Identity;
use crate::crd::{SalesImport, TRACEPARENT};

/// That of the annotation, where it is one; else one that follows from import and run.
pub(crate) fn parent(import: &SalesImport, identity: &Identity, run: u32) -> String {
    let given = import.annotations().get(TRACEPARENT).filter(|given| is_valid(given));
    given.cloned().unwrap_or_else(|| {
        let hash = Digest(Sha256::digest(format!("{}/{run}", identity.uid)).into()).to_string();
        format!("00-{}-{}-01", &hash[..32], &hash[32..48])
    })
}

/// The id of a trace, for log lines.
pub(crate) fn id(parent: &str) -> Option<&str> {
    parent.split('-').nth(1)
}

/// Of the one version that there is.
fn is_valid(parent: &str) -> bool {
    let parts: Vec<_> = parent.split('-').collect();
    let [version, trace, span, flags] = parts[..] else { return false };
    let is_hex = |part: &str, digits: usize| {
        part.len() == digits && part.bytes().all(|one| matches!(one, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_some = |part: &str| part.bytes().any(|digit| digit != b'0');
    version == "00"
        && is_hex(trace, 32)
        && is_some(trace)
        && is_hex(span, 16)
        && is_some(span)
        && is_hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn parent_with(annotation: Option<&str>, run: u32) -> String {
        let mut import: SalesImport = serde_json::from_value(serde_json::json!({
            "metadata": {"namespace": "shop", "name": "march",
                "uid": "0b1f4c6e-6f0e-4a53-9a3c-2f9b7a1d0c11"},
            "spec": {"source": {"configMap": {"name": "sales", "key": "march.csv"}}},
        }))
        .unwrap();
        if let Some(annotation) = annotation {
            import.annotations_mut().insert(TRACEPARENT.into(), annotation.into());
        }
        parent(&import, &Identity::of(&import).unwrap(), run)
    }

    #[test]
    fn a_trace_that_is_given_is_gone_on_with() {
        assert_eq!(parent_with(Some(GIVEN), 1), GIVEN);
        assert_eq!(id(GIVEN), Some("0af7651916cd43dd8448eb211c80319c"));
    }

    #[test]
    fn without_one_each_run_has_its_own_and_keeps_it() {
        let own = parent_with(None, 1);
        assert!(is_valid(&own), "{own}");
        assert_eq!(own, parent_with(None, 1));
        assert_ne!(id(&own), id(&parent_with(None, 2)));
    }

    #[test]
    fn what_is_no_traceparent_is_not_gone_on_with() {
        for given in [
            "",
            "x",
            &GIVEN[..54],
            &GIVEN.to_uppercase(),
            &GIVEN.replacen("00", "ff", 1),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            &format!("{GIVEN}-00"),
            &format!("{GIVEN}\n"),
        ] {
            assert_eq!(parent_with(Some(given), 1), parent_with(None, 1), "{given:?}");
        }
    }
}
