//! Where a file comes from. Every source gives bytes once, in order; what may be opened is
//! decided here, and nothing of a secret gets out.

mod credentials;
mod fetch;
mod file;
mod folder;
mod gate;
mod http;
mod list;
mod network;
mod object;
mod pattern;
mod reader;
mod resume;
mod store;

use std::{fmt, io, path::PathBuf, time::Duration};

use ledger::outcome::Reason;
use tokio::io::AsyncRead;

use self::{http::WebFile, object::StoredObject, resume::Remote};
pub use credentials::{Credentials, CredentialsError};
pub use fetch::{HttpError, HttpSettings};
pub use file::FileError;
pub use list::ListError;
pub(crate) use list::{Found, FoundFile};
pub use network::{Allowed, AllowedError, NetworkRules};
pub use reader::Reader;
pub use store::StoreSettings;

/// Longest name of a file that is put on record.
const MAX_NAME_BYTES: usize = 255;

/// Where one file comes from.
pub enum Source {
    /// A regular file, such as one of a mounted volume or ConfigMap.
    File {
        /// Where it is; beneath the root, if there is one.
        path: PathBuf,
        /// Nothing outside is opened. `None`: anything may be, as by hand.
        root: Option<PathBuf>,
    },
    /// A file on a web server, or an object in a store.
    Url {
        /// Where it is: `https:`, `s3:`, `gs:` or `az:`. May hold a user's name and password.
        url: String,
        /// Where the store is, if it is in one.
        store: StoreSettings,
        /// What it is opened with.
        credentials: Credentials,
        /// What is allowed, and how long to wait.
        settings: HttpSettings,
    },
    /// Bytes that somebody else brings, such as an upload.
    Stream {
        /// The bytes.
        reader: Box<dyn AsyncRead + Send + Unpin>,
        /// What their sender calls them.
        filename: String,
        /// Longest wait for the next of them.
        read_timeout: Duration,
    },
}

/// Why a source can't be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A path that can't or may not be opened.
    #[error(transparent)]
    File(#[from] FileError),
    /// A URL that can't or may not be fetched.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// Credentials that can't be used.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// Reading broke off, and what is there now is something else.
    #[error(
        "The source was changed or taken away while it was read (the connection was cut at byte \
         {byte}); nothing was loaded. Once it stays as it is, run the import again."
    )]
    Changed {
        /// How far it had been read.
        byte: u64,
    },
    /// Reading broke off.
    #[error("The source broke off while it was read: {0}.")]
    Broken(#[source] io::Error),
    /// Nothing came for too long.
    #[error("The source sent nothing for {} seconds.", .0.as_secs())]
    Silent(Duration),
}

/// A source that was opened.
pub(crate) enum Opened {
    /// Can be read twice.
    File(std::fs::File),
    /// Can be read once.
    Stream {
        reader: Box<dyn AsyncRead + Send + Unpin>,
        /// `None`: it keeps its own time.
        read_timeout: Option<Duration>,
        /// How many they are, where the source says it.
        bytes: Option<u64>,
    },
}

impl Source {
    /// The file's own name, without folders, hosts or queries.
    #[must_use]
    pub fn filename(&self) -> String {
        let name = match self {
            Self::File { path, .. } => path.file_name().unwrap_or_default().to_string_lossy(),
            Self::Url { url, .. } => match object::parts(url) {
                Some(_) => {
                    let shown = object::without_secrets(url);
                    shown.rsplit('/').next().unwrap_or_default().to_owned().into()
                }
                None => http::filename(url).into(),
            },
            Self::Stream { filename, .. } => {
                filename.rsplit(['/', '\\']).next().unwrap_or_default().into()
            }
        };
        recorded(&name)
    }

    pub(crate) async fn open(self) -> Result<Opened, SourceError> {
        match self {
            Self::File { path, root } => Ok(Opened::File(file::open(&path, root.as_deref())?)),
            Self::Url { url, store, credentials, settings } => {
                let remote = match object::parts(&url) {
                    Some(_) => {
                        let object = StoredObject::new(&url, &store, &credentials, &settings)?;
                        Remote::Object(object)
                    }
                    None => Remote::Web(Box::new(WebFile::new(&url, &credentials, &settings)?)),
                };
                let (reader, bytes) = resume::open(remote, &settings).await?;
                Ok(Opened::Stream { reader, read_timeout: None, bytes })
            }
            Self::Stream { reader, read_timeout, .. } => {
                Ok(Opened::Stream { reader, read_timeout: Some(read_timeout), bytes: None })
            }
        }
    }
}

/// Where it comes from, without secrets.
impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => {
                write!(formatter, "file {}", recorded(&path.to_string_lossy()))
            }
            Self::Url { url, .. } if object::parts(url).is_some() => {
                formatter.write_str(&recorded(&object::without_secrets(url)))
            }
            Self::Url { url, .. } => formatter.write_str(&http::without_secrets(url)),
            Self::Stream { .. } => formatter.write_str("upload"),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Source({self})")
    }
}

impl SourceError {
    /// The reason that stands in the outcome.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::File(error) => error.reason(),
            Self::Http(error) => error.reason(),
            Self::Credentials(error) => error.reason(),
            Self::Changed { .. } => Reason::SourceChanged,
            Self::Broken(_) | Self::Silent(_) => Reason::SourceUnavailable,
        }
    }

    /// Whether the source may be readable later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.reason() == Reason::SourceUnavailable
    }
}

/// A name from outside as it is put on record: no control characters, not too long.
fn recorded(name: &str) -> String {
    let plain: String = name.chars().filter(|character| !character.is_control()).collect();
    plain[..plain.floor_char_boundary(MAX_NAME_BYTES)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(filename: &str) -> Source {
        let reader = Box::new(tokio::io::empty());
        Source::Stream { reader, filename: filename.into(), read_timeout: Duration::ZERO }
    }

    #[test]
    fn a_file_is_named_without_folders_whoever_names_it() {
        for (name, kept) in [
            ("march.csv", "march.csv"),
            ("../../etc/march.csv", "march.csv"),
            ("C:\\sales\\march.csv", "march.csv"),
            ("ma\0rch\n.csv", "march.csv"),
            ("", ""),
        ] {
            assert_eq!(stream(name).filename(), kept);
        }
        assert_eq!(stream(&"é".repeat(300)).filename().len(), 254);
        let path = PathBuf::from("/data/march.csv");
        assert_eq!(Source::File { path, root: None }.filename(), "march.csv");
    }
}
