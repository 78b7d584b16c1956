//! Names: of a SalesImport, and of what is made for it. Pure.

use kube::Resource as _;
use ledger::{Digest, ImportId};
use sha2::{Digest as _, Sha256};

use crate::crd::SalesImport;

/// A Pod is named after its Job, with a dash and five characters, and cut at 63: a Job's name of
/// at most this length stays whole in it.
pub(crate) const MAX_JOB_NAME: usize = 57;
/// A label's value may hold so many bytes.
pub(crate) const MAX_LABEL: usize = 63;

/// Which SalesImport it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// Its uid, as Kubernetes writes it.
    pub(crate) uid: String,
    /// The same uid, as the ledger knows it.
    pub(crate) import_id: ImportId,
}

impl Identity {
    /// `None` where the API server has not given it a namespace, a name and a uid that is a UUID.
    pub(crate) fn of(import: &SalesImport) -> Option<Self> {
        let metadata = import.meta();
        let uid = metadata.uid.clone()?;
        Some(Self {
            namespace: metadata.namespace.clone()?,
            name: metadata.name.clone()?,
            import_id: uid.parse().ok()?,
            uid,
        })
    }

    /// The Job of an attempt to load: `NAME-HASH8-RUN-ATTEMPT`, where the hash is of the uid, so
    /// that a SalesImport deleted and made again under its name never meets its former Jobs.
    pub(crate) fn load_job(&self, run: u32, attempt: u32) -> String {
        self.job(&format!("{run}-{attempt}"))
    }

    /// The Job of an attempt to settle.
    pub(crate) fn settle_job(&self, run: u32, attempt: u32) -> String {
        self.job(&format!("{run}-settle-{attempt}"))
    }

    /// The Job of an attempt to revert.
    pub(crate) fn revert_job(&self, run: u32, attempt: u32) -> String {
        self.job(&format!("{run}-revert-{attempt}"))
    }

    /// The name as a label's value: itself where it fits, else cut and with a hash.
    pub(crate) fn label(&self) -> String {
        fitted(&self.name, MAX_LABEL)
    }

    fn job(&self, attempt: &str) -> String {
        let suffix = format!("-{}-{attempt}", hash8(&self.uid));
        let name = self.name.replace('.', "-");
        format!("{}{suffix}", cut(&name, MAX_JOB_NAME.saturating_sub(suffix.len())))
    }
}

/// A name of at most so many bytes: itself where it fits, else cut and with a hash.
pub(crate) fn fitted(name: &str, bytes: usize) -> String {
    if name.len() <= bytes {
        return name.into();
    }
    let hash = hash8(name);
    format!("{}-{hash}", cut(name, bytes.saturating_sub(1 + hash.len())))
}

/// At most so many bytes of an ASCII name, not ending in a dash or dot.
fn cut(name: &str, bytes: usize) -> &str {
    name[..name.floor_char_boundary(bytes)].trim_end_matches(['-', '.'])
}

fn hash8(text: &str) -> String {
    let mut hash = Digest(Sha256::digest(text.as_bytes()).into()).to_string();
    hash.truncate(8);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: &str) -> Identity {
        let uid = "0b1f4c6e-6f0e-4a53-9a3c-2f9b7a1d0c11";
        Identity {
            namespace: "shop".into(),
            name: name.into(),
            uid: uid.into(),
            import_id: uid.parse().unwrap(),
        }
    }

    #[test]
    fn a_job_is_named_after_import_run_and_attempt() {
        let hash = hash8("0b1f4c6e-6f0e-4a53-9a3c-2f9b7a1d0c11");
        assert_eq!(identity("march").load_job(1, 2), format!("march-{hash}-1-2"));
        assert_eq!(identity("march.csv").settle_job(3, 1), format!("march-csv-{hash}-3-settle-1"));
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let long = format!("{}-.{}", "a".repeat(40), "b".repeat(200));
        let job = identity(&long).settle_job(u32::MAX, u32::MAX);
        assert!(job.len() <= MAX_JOB_NAME && job.ends_with("settle-4294967295"), "{job}");
        assert!(!job.contains("--"), "{job}");
        let label = identity(&long).label();
        assert!(label.len() <= MAX_LABEL, "{label}");
        assert_ne!(label, identity(&format!("{long}c")).label());
        assert_eq!(identity("march").label(), "march");
    }
}
