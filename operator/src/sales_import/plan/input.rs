//! What a run's importer sees of a SalesImport, and whether it was edited. Pure.

use kube::ResourceExt as _;
use ledger::Digest;
use sha2::{Digest as _, Sha256};

use crate::crd::{RUN_AGAIN, SalesImport, SalesImportSpec};

/// Whether the spec was edited since the status was written, in what the importer sees of it.
pub(super) fn changed(import: &SalesImport) -> bool {
    let Some(status) = &import.status else { return false };
    let edited = status.observed_generation != import.metadata.generation;
    edited && status.run.is_some() && status.input_hash.as_deref() != Some(&hash(&import.spec))
}

/// The token of `takings.dev/run-again`, where there is one.
pub(super) fn run_again(import: &SalesImport) -> Option<&str> {
    import.annotations().get(RUN_AGAIN).map(String::as_str).filter(|token| !token.is_empty())
}

/// A hash of what the importer sees of the spec: not of deadlines, nor of what the Pod needs.
pub(super) fn hash(spec: &SalesImportSpec) -> String {
    let seen = serde_json::json!([
        spec.dataset,
        spec.currency,
        spec.database_secret_ref,
        spec.source,
        spec.format,
        spec.on_overlap,
        spec.max_rejected,
    ]);
    Digest(Sha256::digest(seen.to_string().as_bytes()).into()).to_string()
}
