//! What is there: a source whose name is a pattern in, the files that fit out. Nothing of them is
//! read; the rules for what may be reached are those for loading.

use std::{io, path::Path};

use futures::StreamExt as _;
use ledger::outcome::Reason;
use object_store::{ObjectMeta, path::Path as ObjectPath};
use tokio::time::timeout;

use super::{
    Credentials, FileError, HttpError, HttpSettings, Source, SourceError, StoreSettings, folder,
    gate::{Gate, refusal},
    object,
    pattern::Pattern,
};

/// More than this are not looked at: what is listed must fit into memory.
const MAX_LOOKED_AT: u64 = 100_000;

/// Why files can't be listed.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The source can't be reached, or may not be.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A source of one file.
    #[error(
        "The files of a web server or an upload can't be listed: name a bucket, a container or a \
         folder."
    )]
    Unlistable,
    /// Not a pattern of names.
    #[error("The pattern {text:?} can't be used: {problem}. Give one such as exports/*.csv.")]
    Pattern {
        /// As it was given.
        text: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A name that the store's library has no way to write.
    #[error(
        "{place} holds an object that can't be listed: {problem}. Rename it, or narrow the pattern \
         to another folder."
    )]
    Key {
        /// Where it is.
        place: String,
        /// What is wrong with its key.
        problem: String,
    },
    /// More than fit into memory.
    #[error(
        "More than {MAX_LOOKED_AT} files lie beneath {place}: move away what is loaded, or narrow \
         the pattern to a folder."
    )]
    TooMany {
        /// Where they are.
        place: String,
    },
}

/// What fits.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Files, in no order.
    pub(crate) files: Vec<FoundFile>,
    /// How many names fit that can't be loaded from.
    pub(crate) unusable: u64,
}

/// A file that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FoundFile {
    /// Its key, or its path beneath the root.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    /// Its ETag, or its size and time.
    pub(crate) version: String,
    /// When it was changed, in seconds since 1970.
    pub(crate) modified: i64,
}

impl ListError {
    /// The reason that stands in the outcome.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Source(error) => error.reason(),
            _ => Reason::InvalidArgument,
        }
    }
}

impl Source {
    /// The bucket or container; empty where it is in none.
    pub(crate) fn bucket(&self) -> String {
        match self {
            Self::Url { url, .. } => object::parts(url)
                .map(|(scheme, bucket, _)| format!("{scheme}://{bucket}/"))
                .unwrap_or_default(),
            _ => String::new(),
        }
    }

    /// What its name, taken for a pattern, stands for.
    pub(crate) async fn list(self) -> Result<Found, ListError> {
        match self {
            Self::File { path, root } => {
                let listed =
                    tokio::task::spawn_blocking(move || folder::list(&path, root.as_deref()));
                listed.await.map_err(|error| unavailable(Path::new(""), io::Error::other(error)))?
            }
            Self::Url { url, store, credentials, settings } if object::parts(&url).is_some() => {
                objects(&url, &store, &credentials, &settings).await
            }
            Self::Url { .. } | Self::Stream { .. } => Err(ListError::Unlistable),
        }
    }
}

async fn objects(
    url: &str,
    place: &StoreSettings,
    credentials: &Credentials,
    settings: &HttpSettings,
) -> Result<Found, ListError> {
    let (scheme, bucket, pattern) = object::parts(url).unwrap_or_default();
    let pattern = Pattern::new(pattern)?;
    let authorities = credentials.authorities().map_err(SourceError::from)?;
    let gate = Gate::new(authorities, false, settings.clone());
    let store = object::open_store((scheme, bucket), place, credentials, gate)?;
    let place = object::without_secrets(&format!("{scheme}://{bucket}/{}", pattern.folder()));
    let prefix = ObjectPath::parse(pattern.folder()).map_err(|error| key(&place, &error))?;
    let mut objects = store.list(Some(&prefix));
    let longest = settings.connect_timeout + settings.read_timeout;
    let (mut found, mut looked_at) = (Found::default(), 0);
    loop {
        let object = timeout(longest, objects.next()).await;
        let Some(object) = object.map_err(|_| silent(&place))? else { return Ok(found) };
        let object = object.map_err(|error| refused(&place, &error))?;
        count(&mut looked_at, &place)?;
        found.see_object(object, &pattern);
    }
}

impl Found {
    fn see_object(&mut self, object: ObjectMeta, pattern: &Pattern) {
        let (name, bytes) = (object.location.to_string(), object.size);
        if !pattern.fits(&name) {
            return;
        }
        if object::object_path(&name).is_none() {
            self.unusable += 1;
            return;
        }
        let modified = object.last_modified;
        let etag = object.e_tag.map(|etag| etag.trim_matches('"').to_owned());
        let etag = etag.filter(|etag| !etag.is_empty());
        let version = etag.unwrap_or_else(|| format!("{bytes}-{}", modified.timestamp_millis()));
        self.files.push(FoundFile { name, bytes, version, modified: modified.timestamp() });
    }
}

/// One more was looked at.
pub(super) fn count(looked_at: &mut u64, place: &str) -> Result<(), ListError> {
    *looked_at += 1;
    if *looked_at > MAX_LOOKED_AT {
        return Err(ListError::TooMany { place: super::recorded(place) });
    }
    Ok(())
}

pub(super) fn unavailable(path: &Path, source: io::Error) -> ListError {
    SourceError::from(FileError::Unavailable { path: path.to_owned(), source }).into()
}

fn silent(place: &str) -> ListError {
    let cause = "it did not answer in time".into();
    SourceError::from(HttpError::Unreachable { url: place.into(), cause }).into()
}

/// What a store's answer comes to that is no listing.
fn refused(place: &str, error: &object_store::Error) -> ListError {
    if let object_store::Error::InvalidPath { source } = error {
        return key(place, source);
    }
    let garbled = || HttpError::Garbled { url: place.into() };
    SourceError::from(refusal(error).unwrap_or_else(garbled)).into()
}

fn key(place: &str, error: &object_store::path::Error) -> ListError {
    ListError::Key { place: place.into(), problem: super::recorded(&error.to_string()) }
}
