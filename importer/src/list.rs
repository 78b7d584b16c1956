//! Lists new files: a source whose name is a pattern in, a [`ListOutcome`] out, always. No ledger
//! is needed for it.
//!
//! What is known already is left out, so that where nothing is new one listing says so, however
//! many files there are; of what is new, as many are told as fit into one document.

use std::collections::HashSet;

use ledger::{
    Digest, ListOutcome,
    listing::{ListedFile, Listing, NotListed},
    outcome::{MAX_BYTES, Reason},
};
use sha2::{Digest as _, Sha256};

use crate::{
    Source,
    source::{Found, FoundFile},
};

/// So many that are gone are told beside any number of new files; the longest name fits as well.
const GONE_FIRST: usize = 15;
/// A version that is longer is told by its digest.
const MAX_VERSION: usize = 128;
/// A name that is longer can't stand in a SalesImport.
const MAX_NAME: usize = 1024;
/// Characters of the longest sentence, so that it fits however they are written.
const MAX_MESSAGE: usize = 600;

/// What is to be left out.
#[derive(Clone, Debug, Default)]
pub struct ListRequest {
    /// Ids of what is known.
    pub known: HashSet<String>,
    /// Only names after this one are new.
    pub after: Option<String>,
    /// What was changed later, in seconds since 1970, is not told yet.
    pub changed_by: i64,
}

/// Lists the new files that fit the source's name.
pub async fn list(source: Source, request: &ListRequest) -> ListOutcome {
    let bucket = source.bucket();
    match source.list().await {
        Ok(found) => ListOutcome::Listed(listing(found, &bucket, request)),
        Err(error) => {
            let message = error.to_string();
            let plain = message.chars().filter(|letter| !letter.is_control());
            let message = plain.take(MAX_MESSAGE).collect();
            let reason = error.reason();
            let why = NotListed { reason, message };
            if reason == Reason::SourceUnavailable {
                ListOutcome::Fault(why)
            } else {
                ListOutcome::Refused(why)
            }
        }
    }
}

/// The new ones of what was found in a bucket or folder, as far as they fit.
fn listing(found: Found, bucket: &str, request: &ListRequest) -> Listing {
    let mut listing = Listing { unusable: found.unusable, ..Listing::default() };
    let mut there = HashSet::new();
    let mut new = Vec::new();
    // An empty file is one that is not written yet, or what a tool shows a folder by.
    for file in found.files.into_iter().filter(|file| file.bytes > 0) {
        let changed = file.modified;
        let file = listed(file, bucket);
        there.insert(file.id.clone());
        let is_after = request.after.as_ref().is_none_or(|after| file.name > *after);
        if file.name.len() > MAX_NAME {
            listing.unusable += 1;
        } else if is_after && !request.known.contains(&file.id) {
            if changed > request.changed_by {
                listing.young += 1;
            } else {
                new.push(file);
            }
        }
    }
    new.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    let mut gone: Vec<_> = request.known.difference(&there).cloned().collect();
    gone.sort_unstable();
    fill(listing, new, gone)
}

/// A few of those that are gone, then as many of the new ones as fit, then more that are gone.
fn fill(mut listing: Listing, new: Vec<ListedFile>, mut gone: Vec<String>) -> Listing {
    let bytes = |json: serde_json::Result<String>| json.map_or(MAX_BYTES, |json| json.len() + 1);
    listing.more = new.len() as u64;
    let around = ListOutcome::Listed(listing.clone()).to_json().len();
    let mut room = MAX_BYTES.saturating_sub(around);
    let mut fits = |bytes: usize| {
        let left = room.checked_sub(bytes);
        room = left.unwrap_or_default();
        left.is_some()
    };
    let rest = gone.split_off(gone.len().min(GONE_FIRST));
    let mut id_fits = |id: &String| fits(bytes(serde_json::to_string(id)));
    listing.gone = gone.into_iter().take_while(&mut id_fits).collect();
    let files = new.into_iter().take_while(|file| fits(bytes(serde_json::to_string(file))));
    listing.files = files.collect();
    listing.more -= listing.files.len() as u64;
    let rest = rest.into_iter().take_while(|id| fits(bytes(serde_json::to_string(id))));
    listing.gone.extend(rest);
    listing
}

fn listed(file: FoundFile, bucket: &str) -> ListedFile {
    let FoundFile { name, bytes, mut version, .. } = file;
    if version.len() > MAX_VERSION || version.chars().any(char::is_control) {
        version = digest(&version);
    }
    let mut id = digest(&format!("{bucket}{name}\0{version}"));
    id.truncate(16);
    ListedFile { id, name, bytes, version }
}

fn digest(text: &str) -> String {
    Digest(Sha256::digest(text.as_bytes()).into()).to_string()
}

#[cfg(test)]
mod tests;
