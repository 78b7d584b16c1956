//! An object's URL (`s3://BUCKET/KEY`, `gs://BUCKET/KEY`, `az://CONTAINER/KEY`) in, its bytes out,
//! from any byte on.

use futures::{StreamExt, TryStreamExt};
use object_store::{GetOptions, GetRange, ObjectStore, path::Path};
use reqwest::Url;

use super::{
    Credentials, HttpError, HttpSettings, SourceError, StoreSettings,
    fetch::deepest,
    gate::{Gate, refusal},
    resume::{Answer, Point, Version},
    store,
};

/// An object, and the store that it is in.
pub(super) struct StoredObject {
    store: Box<dyn ObjectStore>,
    /// Whether a generation can be asked for by its number.
    has_generations: bool,
    key: Path,
    /// As it was named.
    url: String,
}

/// The scheme, the bucket or container, and the key of an object's URL; `None` if it is none.
pub(super) fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    ["s3", "gs", "az"].contains(&scheme).then_some((scheme, bucket, key))
}

/// An object's URL as it may be told: what some write before an `@` or behind a `?` may be secret.
pub(super) fn without_secrets(url: &str) -> String {
    let Some((scheme, bucket, key)) = parts(url) else { return String::new() };
    let bucket = bucket.rsplit('@').next().unwrap_or_default();
    let key = key.split('?').next().unwrap_or_default();
    format!("{scheme}://{bucket}/{key}")
}

impl StoredObject {
    pub(super) fn new(
        url: &str,
        place: &StoreSettings,
        credentials: &Credentials,
        settings: &HttpSettings,
    ) -> Result<Self, SourceError> {
        let (scheme, bucket, key) = parts(url).unwrap_or_default();
        // Google unpacks what it holds gzipped for those who do not say that they take it so, and
        // then tells neither length nor range.
        let takes_gzip = scheme == "gs";
        let gate = Gate::new(credentials.authorities()?, takes_gzip, settings.clone());
        let store = open_store((scheme, bucket), place, credentials, gate)?;
        let key =
            object_path(key).ok_or_else(|| unusable("it names no key that can be asked for"))?;
        Ok(Self { store, has_generations: scheme == "gs", key, url: without_secrets(url) })
    }

    /// Asks for it as far as the beginning of its bytes.
    pub(super) async fn open(&self, from: Option<&Point>) -> Result<Answer, HttpError> {
        let options = from.map(|point| self.from(point)).unwrap_or_default();
        let answer = self.store.get_opts(&self.key, options).await;
        let answer = answer.map_err(|error| refusal(&error).unwrap_or_else(|| self.garbled()))?;
        let (meta, start) = (&answer.meta, answer.range.start);
        let version = Version {
            etag: meta.e_tag.clone(),
            // The library's word for a time that was not told is the epoch.
            modified: Some(meta.last_modified)
                .filter(|time| time.timestamp() != 0)
                .map(|time| time.format("%a, %d %b %Y %H:%M:%S GMT").to_string()),
            generation: meta.version.clone(),
            size: Some(meta.size),
        };
        let body = answer.into_stream().map_err(|error| deepest(&error)).boxed();
        Ok(Answer { version, start, body })
    }

    /// The rest of what was begun, if it is still there. (Without an ETag its time is compared by
    /// who reads the answer.)
    fn from(&self, point: &Point) -> GetOptions {
        GetOptions {
            range: Some(GetRange::Offset(point.reached)),
            if_match: point.version.etag.clone(),
            version: point.version.generation.clone().filter(|_| self.has_generations),
            ..GetOptions::default()
        }
    }

    fn garbled(&self) -> HttpError {
        HttpError::Garbled { url: self.url.clone() }
    }
}

/// The store of a scheme and a bucket or container, if they and its place are as they should be.
pub(super) fn open_store(
    (scheme, bucket): (&str, &str),
    place: &StoreSettings,
    credentials: &Credentials,
    gate: Gate,
) -> Result<Box<dyn ObjectStore>, SourceError> {
    if !is_name(bucket) {
        return Err(unusable("it names no bucket or container"));
    }
    if ![&place.region, &place.account].into_iter().flatten().all(|word| is_name(word)) {
        return Err(unusable("its region or account is no name"));
    }
    if scheme == "az" && place.account.is_none() {
        return Err(unusable("its storage account is not named (--account)"));
    }
    if place.endpoint.as_ref().is_some_and(|endpoint| Url::parse(endpoint).is_err()) {
        return Err(unusable("its endpoint is no URL"));
    }
    store::open((scheme, bucket), place, credentials, gate)
}

fn unusable(problem: &str) -> SourceError {
    HttpError::InvalidUrl(problem.into()).into()
}

/// A key that is asked for as it is written. A query is none of it: it would be a signature.
pub(super) fn object_path(key: &str) -> Option<Path> {
    let path = Path::parse(key).ok()?;
    (!key.is_empty() && path.as_ref() == key && !key.contains('?')).then_some(path)
}

/// What may stand in a host's name or in a path: nothing that would lead elsewhere.
fn is_name(text: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    !text.is_empty() && !text.starts_with('.') && text.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objects_url_is_split_and_told_without_secrets() {
        assert_eq!(parts("s3://sales/2025/march.csv"), Some(("s3", "sales", "2025/march.csv")));
        assert_eq!(parts("gs://sales"), Some(("gs", "sales", "")));
        for url in ["https://sales/march.csv", "file:///march.csv", "march.csv", "S3://sales/x"] {
            assert_eq!(parts(url), None, "{url}");
        }
        for url in ["s3://key:s3cret@sales/march.csv", "s3://sales/march.csv?sig=s3cret"] {
            assert_eq!(without_secrets(url), "s3://sales/march.csv");
        }
    }

    #[test]
    fn a_key_is_asked_for_as_it_is_written_or_not_at_all() {
        for key in ["march.csv", "2025/march 1+2 é%20.csv", "..march", "a/...", "~#&=;"] {
            assert_eq!(object_path(key).unwrap().as_ref(), key);
        }
        for key in ["", "/", "/a", "a/", "a//b", "a/../b", ".", "a\nb", "a?b"] {
            assert!(object_path(key).is_none(), "{key:?}");
        }
    }
}
