//! A remote file read to its end, also where the connection is cut: it is then opened anew from
//! the byte that was reached on, and only if it is still the same file. No byte comes twice, and
//! no file consists of two.

use std::{io, time::Duration};

use bytes::Bytes;
use futures::{
    StreamExt,
    stream::{self, BoxStream},
};
use tokio::{io::AsyncRead, time::timeout};
use tokio_util::io::StreamReader;

use super::{HttpError, HttpSettings, SourceError, http::WebFile, object::StoredObject};
use crate::error::LoadError;

/// How often a cut connection is made anew before [`PROGRESS`] more bytes have come.
const MAX_RESUMES: u32 = 5;
/// So many bytes show that a connection is worth making anew.
const PROGRESS: u64 = 1024 * 1024;

/// A file that can be asked for from any byte on.
pub(super) enum Remote {
    Web(Box<WebFile>),
    Object(StoredObject),
}

/// The answer to a request for a file.
pub(super) struct Answer {
    /// Which content it is of.
    pub(super) version: Version,
    /// The byte it starts with.
    pub(super) start: u64,
    /// The bytes, or what cut them off.
    pub(super) body: BoxStream<'static, Result<Bytes, String>>,
}

/// How far a version of a file has been read.
pub(super) struct Point {
    pub(super) version: Version,
    pub(super) reached: u64,
}

/// What tells one content of a file from another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    pub(super) etag: Option<String>,
    /// As it stands in the header.
    pub(super) modified: Option<String>,
    pub(super) generation: Option<String>,
    pub(super) size: Option<u64>,
}

/// Opens a file, and reads on wherever its connection is cut. Its size comes along, where it is
/// told.
pub(super) async fn open(
    remote: Remote,
    settings: &HttpSettings,
) -> Result<(Box<dyn AsyncRead + Send + Unpin>, Option<u64>), SourceError> {
    let Answer { version, body, .. } = remote.open(None).await?;
    let bytes_told = version.size;
    let reading = Reading {
        remote,
        point: Point { version, reached: 0 },
        body,
        skip: 0,
        resumes: 0,
        progress: 0,
        read_timeout: settings.read_timeout,
        pause: settings.resume_pause,
    };
    let bytes = stream::try_unfold(reading, async |mut reading| {
        let next = reading.next().await.map_err(|error| io::Error::other(LoadError::from(error)));
        next.map(|bytes| Some((bytes?, reading)))
    });
    Ok((Box::new(StreamReader::new(Box::pin(bytes))), bytes_told))
}

impl Version {
    /// What a server can compare by itself: the ETag, or else the time of the last change.
    pub(super) fn validator(&self) -> Option<&str> {
        let etag = self.etag.as_deref().filter(|etag| !etag.starts_with("W/"));
        etag.or(self.modified.as_deref())
    }

    /// Whether the rest can be asked for, and its end be told from a cut.
    fn is_resumable(&self) -> bool {
        self.validator().is_some() && self.size.is_some()
    }

    /// Whether a later answer is of the same content, as far as it tells.
    fn is_same(&self, later: &Self) -> bool {
        let agree = |a: &Option<String>, b: &Option<String>| a.is_none() || b.is_none() || a == b;
        let by_time = agree(&self.modified, &later.modified);
        let is_same_size = self.size.is_none() || later.size.is_none() || self.size == later.size;
        self.etag == later.etag
            && agree(&self.generation, &later.generation)
            && is_same_size
            && (self.etag.is_some() || by_time)
    }
}

impl Remote {
    async fn open(&self, from: Option<&Point>) -> Result<Answer, SourceError> {
        Ok(match self {
            Self::Web(file) => file.open(from).await?,
            Self::Object(object) => object.open(from).await?,
        })
    }
}

struct Reading {
    remote: Remote,
    point: Point,
    body: BoxStream<'static, Result<Bytes, String>>,
    /// Bytes still to come that were read before.
    skip: u64,
    /// How often the connection was made anew since [`Self::progress`].
    resumes: u32,
    /// The byte from which on the count of resumes is kept.
    progress: u64,
    read_timeout: Duration,
    pause: Duration,
}

impl Reading {
    /// The next bytes; `None` at the file's end.
    async fn next(&mut self) -> Result<Option<Bytes>, SourceError> {
        loop {
            match timeout(self.read_timeout, self.body.next()).await {
                Ok(Some(Ok(bytes))) => {
                    let new = self.without_known(bytes);
                    self.point.reached += new.len() as u64;
                    if self.point.version.size.is_some_and(|size| self.point.reached > size) {
                        return Err(self.changed());
                    }
                    if !new.is_empty() {
                        return Ok(Some(new));
                    }
                }
                Ok(None) if self.is_whole() => return Ok(None),
                // A server may answer with less than it was asked for.
                Ok(None) => self.resume(broken("it ended early")).await?,
                Ok(Some(Err(cause))) => self.resume(broken(cause)).await?,
                Err(_) => self.resume(SourceError::Silent(self.read_timeout)).await?,
            }
        }
    }

    /// Opens the file anew where it was cut off; the error that stays where that does not help.
    async fn resume(&mut self, mut error: SourceError) -> Result<(), SourceError> {
        if self.point.reached - self.progress >= PROGRESS {
            (self.progress, self.resumes) = (self.point.reached, 0);
        }
        while self.point.version.is_resumable() && self.resumes < MAX_RESUMES {
            tracing::warn!(byte = self.point.reached, "{error} Reading on where it was cut off.");
            tokio::time::sleep(self.pause * 2_u32.pow(self.resumes)).await;
            self.resumes += 1;
            match self.remote.open(Some(&self.point)).await {
                Ok(answer) => return self.go_on(answer),
                Err(next) if next.is_retryable() => error = next,
                Err(next) if is_gone(&next) => return Err(self.changed()),
                Err(next) => return Err(next),
            }
        }
        Err(error)
    }

    fn go_on(&mut self, answer: Answer) -> Result<(), SourceError> {
        if !self.point.version.is_same(&answer.version) || answer.start > self.point.reached {
            return Err(self.changed());
        }
        // A server without ranges starts again.
        self.skip = self.point.reached - answer.start;
        self.body = answer.body;
        Ok(())
    }

    fn without_known(&mut self, mut bytes: Bytes) -> Bytes {
        let known = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.skip -= known as u64;
        bytes.split_off(known)
    }

    fn is_whole(&self) -> bool {
        self.point.version.size.is_none_or(|size| self.point.reached == size)
    }

    fn changed(&self) -> SourceError {
        SourceError::Changed { byte: self.point.reached }
    }
}

fn broken(cause: impl Into<String>) -> SourceError {
    SourceError::Broken(io::Error::other(cause.into()))
}

/// Whether the content that was begun is there no more.
fn is_gone(error: &SourceError) -> bool {
    match error {
        SourceError::Http(HttpError::Status { status, .. }) => {
            matches!(status.as_u16(), 404 | 410 | 412 | 416)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(etag: &str, modified: &str, size: u64) -> Version {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        Version { etag: some(etag), modified: some(modified), size: Some(size), generation: None }
    }

    #[test]
    fn a_weak_etag_is_no_validator_but_tells_a_change() {
        assert_eq!(version("\"a\"", "Mon", 1).validator(), Some("\"a\""));
        assert_eq!(version("W/\"a\"", "Mon", 1).validator(), Some("Mon"));
        assert_eq!(version("W/\"a\"", "", 1).validator(), None);
        assert!(!version("W/\"a\"", "Mon", 1).is_same(&version("W/\"b\"", "Mon", 1)));
    }

    #[test]
    fn a_later_answer_is_of_the_same_content_where_all_that_it_tells_agrees() {
        let first = version("\"a\"", "Mon", 9);
        assert!(first.is_same(&version("\"a\"", "Tue", 9)), "the ETag decides");
        assert!(first.is_same(&Version { size: None, ..first.clone() }));
        assert!(!first.is_same(&version("\"b\"", "Mon", 9)));
        assert!(!first.is_same(&version("", "Mon", 9)), "an ETag that is told no more");
        assert!(!first.is_same(&version("\"a\"", "Mon", 8)));
        assert!(!version("", "Mon", 9).is_same(&version("", "Tue", 9)));
        let of =
            |generation: &str| Version { generation: Some(generation.into()), ..first.clone() };
        assert!(!of("1").is_same(&of("2")));
    }
}
