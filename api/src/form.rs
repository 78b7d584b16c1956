//! The file in an upload's multipart body, as a stream that never holds more than a few chunks.
//!
//! In comes a request's body; out comes the file as an `AsyncRead`. Its end is told only when the
//! whole body has arrived and holds no second file: what is cut off, too large or too slow is an
//! error, and so never published.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use importer::{error::LoadError, source::SourceError};
use multer::{Field, Multipart};
use tokio::{io::AsyncRead, time::Instant};
use tokio_util::io::StreamReader;

use crate::{filename, lingering::Lingering, problem::Kind};

/// The field that holds the file.
const FIELD: &str = "file";
/// Bytes that may lie around the file: other fields, headers. They are held in memory.
const MAX_AROUND: u64 = 128 * 1024;
/// Bytes of them that the parser is given at once. It asks up to six times before it looks at what
/// it has, so that more would count the beginning of the file as what lies around it.
const PIECE: usize = 8 * 1024;

/// How much a body may have, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FormLimits {
    pub(crate) bytes: u64,
    pub(crate) pause: Duration,
    pub(crate) whole: Duration,
}

/// Why an upload's body can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FormError {
    /// Another content type.
    #[error(
        "The content type is not multipart/form-data; send the file as its field file, as curl \
         -F file=@sales.csv does."
    )]
    NotMultipart,
    /// No multipart body, though it says so.
    #[error(
        "The body is not well-formed multipart/form-data; send the file as its field file, as \
         curl -F file=@sales.csv does."
    )]
    Malformed,
    /// No field `file`.
    #[error(
        "The form has no field file; send the file under that name, as curl -F file=@sales.csv \
         does."
    )]
    NoFile,
    /// A field `file` that is no file.
    #[error("The field file holds text, not a file; write curl -F file=@sales.csv, with the @.")]
    NotAFile,
    /// A second file.
    #[error(
        "The form has more than one field file; send one file in each request. Nothing was loaded."
    )]
    SecondFile,
    /// Too much beside the file.
    #[error("The form holds more than {MAX_AROUND} bytes beside the file; send the file alone.")]
    TooMuchAround,
    /// More bytes than allowed.
    #[error(
        "The body has more than the {0} bytes that an upload may have; cut the file between two \
         days, or compress it with gzip."
    )]
    TooLarge(u64),
    /// The body ended early.
    #[error("The body broke off before its end; send it again. Nothing was loaded.")]
    BrokenOff,
    /// Nothing came for a while.
    #[error(
        "Nothing of the body came for {} seconds; send it again. Nothing was loaded.",
        .0.as_secs()
    )]
    Stalled(Duration),
    /// The body as a whole took too long.
    #[error(
        "The body took more than {} seconds; send a smaller file. Nothing was loaded.",
        .0.as_secs()
    )]
    TooSlow(Duration),
}

/// The file of an upload, not read yet.
pub(crate) struct UploadedFile {
    pub(crate) filename: String,
    /// Why reading failed, once it has.
    pub(crate) failure: Arc<OnceLock<FormError>>,
    multipart: Multipart<'static>,
    field: Field<'static>,
    allowed: Arc<AtomicU64>,
}

impl FormError {
    /// Status, code and title.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::NotMultipart => {
                Kind::new(415, "not-multipart", "The content type is not multipart/form-data")
            }
            Self::TooLarge(_) => Kind::new(413, "too-large", "The body is too large"),
            Self::Stalled(_) | Self::TooSlow(_) => {
                Kind::new(408, "too-slow", "The body came too slowly")
            }
            _ => Kind::new(400, "invalid-form", "The body is not a form with one file"),
        }
    }
}

/// Reads up to the beginning of the file.
pub(crate) async fn open(
    headers: &HeaderMap,
    body: Lingering,
    limits: FormLimits,
) -> Result<UploadedFile, FormError> {
    let boundary = boundary(headers)?;
    if declared_length(headers).is_some_and(|length| length > limits.bytes) {
        return Err(FormError::TooLarge(limits.bytes));
    }
    let allowed = Arc::new(AtomicU64::new(MAX_AROUND));
    let chunks = chunks(body, limits, Arc::clone(&allowed));
    let mut multipart = Multipart::new(chunks, boundary);
    let field = loop {
        let field = multipart
            .next_field()
            .await
            .map_err(|error| form_error(&error))?
            .ok_or(FormError::NoFile)?;
        if field.name() == Some(FIELD) {
            break field;
        }
    };
    let filename = filename::sanitized(field.file_name().ok_or(FormError::NotAFile)?);
    allowed.store(u64::MAX, Ordering::Relaxed);
    Ok(UploadedFile { filename, failure: Arc::default(), multipart, field, allowed })
}

impl UploadedFile {
    /// The file's bytes. Where they fail, `failure` says why.
    pub(crate) fn into_reader(self) -> impl AsyncRead + Send + Unpin + 'static {
        let Self { failure, multipart, field, allowed, .. } = self;
        let bytes = stream::try_unfold(
            (multipart, Some(field), allowed),
            |(multipart, field, allowed)| async move {
                let Some(mut field) = field else { return Ok(None) };
                if let Some(chunk) = field.chunk().await.map_err(|error| form_error(&error))? {
                    return Ok(Some((chunk, (multipart, Some(field), allowed))));
                }
                drop(field);
                let multipart = to_the_end(multipart, &allowed).await?;
                Ok(Some((Bytes::new(), (multipart, None, allowed))))
            },
        );
        let bytes = bytes.map_err(move |error: FormError| {
            // As the source's own error: no decoder may take it for damage of the file.
            let broken = SourceError::Broken(io::Error::other(error.to_string()));
            failure.get_or_init(|| error);
            io::Error::other(LoadError::from(broken))
        });
        StreamReader::new(Box::pin(bytes))
    }
}

/// Reads what comes after the file, which may be no second one.
async fn to_the_end(
    mut multipart: Multipart<'static>,
    allowed: &AtomicU64,
) -> Result<Multipart<'static>, FormError> {
    allowed.store(MAX_AROUND, Ordering::Relaxed);
    while let Some(field) = multipart.next_field().await.map_err(|error| form_error(&error))? {
        if field.name() == Some(FIELD) {
            return Err(FormError::SecondFile);
        }
    }
    Ok(multipart)
}

/// The body in chunks, within its limits. `allowed` is how much may still come at the moment:
/// the parser holds in memory whatever is not the file.
fn chunks(
    body: Lingering,
    limits: FormLimits,
    allowed: Arc<AtomicU64>,
) -> impl futures::Stream<Item = Result<Bytes, FormError>> + Send + 'static {
    let end = Instant::now() + limits.whole;
    let state = (body, Bytes::new(), 0_u64, allowed);
    stream::try_unfold(state, move |(mut body, mut rest, mut read, allowed)| async move {
        // One piece at a time: the parser takes in all that it can have at once.
        tokio::task::yield_now().await;
        let left = allowed.load(Ordering::Relaxed);
        if left == 0 {
            return Err(FormError::TooMuchAround);
        }
        if rest.is_empty() {
            let until = end.min(Instant::now() + limits.pause);
            let next = tokio::time::timeout_at(until, body.next());
            let next = next.await.map_err(|_| too_late(end, limits))?;
            let Some(chunk) = next.transpose().map_err(|_| FormError::BrokenOff)? else {
                return Ok(None);
            };
            read = read.saturating_add(chunk.len() as u64);
            if read > limits.bytes {
                return Err(FormError::TooLarge(limits.bytes));
            }
            rest = chunk;
        }
        if left == u64::MAX {
            return Ok(Some((std::mem::take(&mut rest), (body, rest, read, allowed))));
        }
        let piece = rest.split_to(rest.len().min(PIECE));
        allowed.store(left.saturating_sub(piece.len() as u64), Ordering::Relaxed);
        Ok(Some((piece, (body, rest, read, allowed))))
    })
}

fn too_late(end: Instant, limits: FormLimits) -> FormError {
    if Instant::now() >= end {
        FormError::TooSlow(limits.whole)
    } else {
        FormError::Stalled(limits.pause)
    }
}

fn boundary(headers: &HeaderMap) -> Result<String, FormError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    multer::parse_boundary(content_type.unwrap_or_default()).map_err(|error| match error {
        multer::Error::NoBoundary => FormError::Malformed,
        _ => FormError::NotMultipart,
    })
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn form_error(error: &multer::Error) -> FormError {
    match error {
        multer::Error::StreamReadFailed(cause) => match cause.downcast_ref::<FormError>() {
            Some(error) => error.clone(),
            None => FormError::BrokenOff,
        },
        multer::Error::IncompleteFieldData { .. } | multer::Error::IncompleteStream => {
            FormError::BrokenOff
        }
        _ => FormError::Malformed,
    }
}
