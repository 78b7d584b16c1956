//! An opened source as a blocking reader that ends when the load is cancelled.

use std::{
    fs::File,
    io::{self, Read},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    runtime::Handle,
};
use tokio_util::sync::CancellationToken;

use super::{Opened, SourceError};
use crate::error::LoadError;

/// A source's bytes, for a thread that may block.
pub struct Reader {
    bytes: Bytes,
    cancel: CancellationToken,
}

enum Bytes {
    File(File),
    Stream {
        reader: Box<dyn AsyncRead + Send + Unpin>,
        read_timeout: Option<Duration>,
        runtime: Handle,
    },
}

impl Opened {
    /// Another handle of a file that can be read twice.
    pub(crate) fn file(&self) -> io::Result<Option<File>> {
        match self {
            Self::File(file) => Ok(Some(file.try_clone()?)),
            Self::Stream { .. } => Ok(None),
        }
    }

    /// How many bytes it has, where that is known.
    pub(crate) fn bytes(&self) -> io::Result<Option<u64>> {
        match self {
            Self::File(file) => Ok(Some(file.metadata()?.len())),
            Self::Stream { bytes, .. } => Ok(*bytes),
        }
    }

    /// A reader; a stream is read on the runtime that this is called on.
    pub(crate) fn reader(self, cancel: CancellationToken) -> Reader {
        let bytes = match self {
            Self::File(file) => Bytes::File(file),
            Self::Stream { reader, read_timeout, .. } => {
                Bytes::Stream { reader, read_timeout, runtime: Handle::current() }
            }
        };
        Reader { bytes, cancel }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let cancel = &self.cancel;
        if cancel.is_cancelled() {
            return Err(io::Error::other(LoadError::Stopped));
        }
        match &mut self.bytes {
            Bytes::File(file) => file.read(buffer),
            Bytes::Stream { reader, read_timeout, runtime } => runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = cancel.cancelled() => Err(io::Error::other(LoadError::Stopped)),
                    read = within(*read_timeout, reader.read(buffer)) => read.map_err(broken),
                }
            }),
        }
    }
}

async fn within(
    longest: Option<Duration>,
    read: impl Future<Output = io::Result<usize>>,
) -> io::Result<usize> {
    let Some(longest) = longest else { return read.await };
    tokio::time::timeout(longest, read)
        .await
        .unwrap_or_else(|_| Err(io::Error::other(LoadError::from(SourceError::Silent(longest)))))
}

/// Marked as the source's, so that no later stage takes it for a fault of the content.
fn broken(error: io::Error) -> io::Error {
    if error.get_ref().is_some_and(crate::decompress::is_ours) {
        return error;
    }
    io::Error::other(LoadError::from(SourceError::Broken(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one(cancel: CancellationToken, read_timeout: Duration) -> LoadError {
        let (reader, _writer) = tokio::io::duplex(8);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let _entered = runtime.enter();
        let (reader, read_timeout) = (Box::new(reader), Some(read_timeout));
        let opened = Opened::Stream { reader, read_timeout, bytes: None };
        opened.reader(cancel).read(&mut [0]).unwrap_err().into()
    }

    #[test]
    fn a_stream_that_stays_silent_is_given_up() {
        let error = read_one(CancellationToken::new(), Duration::from_millis(20));
        assert!(matches!(error, LoadError::Source(SourceError::Silent(_))), "{error}");
    }

    #[test]
    fn a_gzip_stream_that_breaks_off_is_the_sources_fault() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _entered = runtime.enter();
        let parts = [Ok(&[0x1f_u8, 0x8b, 8, 0, 0][..]), Err(io::Error::other("connection lost"))];
        let reader = Box::new(tokio_util::io::StreamReader::new(futures::stream::iter(parts)));
        let read_timeout = Some(Duration::from_secs(5));
        let opened = Opened::Stream { reader, read_timeout, bytes: None };
        let bytes = opened.reader(CancellationToken::new());
        let read = crate::decompress::decompress(bytes, crate::Limits::default());
        let read = read.and_then(|mut file| Ok(file.read_to_end(&mut Vec::new())?));
        let error = read.unwrap_err();
        assert!(matches!(error, LoadError::Source(SourceError::Broken(_))), "{error}");
    }

    #[test]
    fn a_cancelled_load_ends_a_read_that_waits() {
        let cancel = CancellationToken::new();
        let stop = cancel.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(20));
            stop.cancel();
        });
        let error = read_one(cancel, Duration::from_hours(1));
        assert!(matches!(error, LoadError::Stopped), "{error}");
    }
}
