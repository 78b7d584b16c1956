//! A URL in, the body of its answer out: https unless plain http is allowed, at most five
//! redirects, each checked like the first, never to a place that [`NetworkRules`] do not allow.
//!
//! A name is looked up once, its addresses are checked, and the connection goes to just these:
//! a second answer of the DNS can't lead elsewhere. Proxies of the environment are not used.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures::TryStreamExt;
use ledger::outcome::Reason;
use reqwest::{
    Client, Response, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{LOCATION, TRANSFER_ENCODING},
    redirect::Policy,
};
use tokio::io::AsyncRead;
use tokio_util::io::StreamReader;

use super::NetworkRules;

const MAX_REDIRECTS: usize = 5;

/// What a download may do, and how long it may wait.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Whether plain `http:` is allowed.
    pub allow_http: bool,
    /// Where it may go.
    pub network: NetworkRules,
    /// Longest wait for a name's addresses and for a connection, each.
    pub connect_timeout: Duration,
    /// Longest wait for the answer's beginning and for each further part of it.
    pub read_timeout: Duration,
}

/// A URL that can't or may not be fetched. No message holds a user's name, a password, a query
/// or anything of an answer's body.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Not a URL.
    #[error("The URL can't be read ({0}): give one such as https://files.example.com/march.csv.")]
    InvalidUrl(String),
    /// A scheme that is not allowed.
    #[error("{url} is not https: use https, or have plain http allowed (--allow-http).")]
    Scheme {
        /// Where it leads.
        url: String,
    },
    /// An address that is not allowed.
    #[error(
        "{url} leads to {address}, which sources may not reach: a private address must be listed \
         in importer.network.allow (--allow-network); loopback, link-local and metadata addresses \
         are never allowed."
    )]
    Address {
        /// Where it leads.
        url: String,
        /// The address, or what its name stands for.
        address: IpAddr,
    },
    /// Too many redirects, or one without a target.
    #[error("{url} {problem}.")]
    Redirect {
        /// Where it leads.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An answer that is no file.
    #[error("{url} answered {status}.")]
    Status {
        /// Where it leads.
        url: String,
        /// What it answered.
        status: StatusCode,
    },
    /// An answer of which nobody could tell whether it is complete.
    #[error(
        "{url} answered without Content-Length and unchunked over plain http: a file that is cut \
         off could not be told from a whole one. Use https, or a server that says the length."
    )]
    Unframed {
        /// Where it leads.
        url: String,
    },
    /// No answer.
    #[error("{url} can't be reached: {cause}.")]
    Unreachable {
        /// Where it leads.
        url: String,
        /// Why.
        cause: String,
    },
}

/// Fetches a URL as far as the beginning of its body.
pub(super) async fn open(
    url: &str,
    settings: &HttpSettings,
) -> Result<Box<dyn AsyncRead + Send + Unpin>, HttpError> {
    let first = Url::parse(url).map_err(|error| HttpError::InvalidUrl(error.to_string()))?;
    let mut url = first.clone();
    for _ in 0..=MAX_REDIRECTS {
        let response = fetch(&url, settings).await?;
        match redirected(&url, &response)? {
            Some(next) => url = with_credentials(next, &first),
            None => return body(&url, response),
        }
    }
    let problem = "redirects more than 5 times";
    Err(HttpError::Redirect { url: shown(&first), problem })
}

/// A URL's last segment, or its host where it has none.
pub(super) fn filename(url: &str) -> String {
    let Ok(url) = Url::parse(url) else { return String::new() };
    let last = url.path_segments().and_then(|mut segments| segments.next_back());
    match last {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => url.host_str().unwrap_or_default().to_owned(),
    }
}

/// A URL without what may be secret: user, password, query and fragment.
pub(super) fn without_secrets(url: &str) -> String {
    Url::parse(url).map_or_else(|_| "an unreadable URL".to_owned(), |url| shown(&url))
}

impl HttpError {
    /// The reason that stands in the outcome.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::InvalidUrl(_) => Reason::InvalidArgument,
            Self::Scheme { .. } | Self::Address { .. } | Self::Redirect { .. } => {
                Reason::SourceNotAllowed
            }
            Self::Unframed { .. } => Reason::SourceNotAllowed,
            Self::Unreachable { .. } => Reason::SourceUnavailable,
            Self::Status { status, .. } => match status.as_u16() {
                404 | 410 => Reason::SourceNotFound,
                408 | 425 | 429 | 500..=599 => Reason::SourceUnavailable,
                _ => Reason::SourceForbidden,
            },
        }
    }
}

async fn fetch(url: &Url, settings: &HttpSettings) -> Result<Response, HttpError> {
    let allowed = url.scheme() == "https" || (url.scheme() == "http" && settings.allow_http);
    if !allowed {
        return Err(HttpError::Scheme { url: shown(url) });
    }
    let addresses = addresses(url, settings).await?;
    // Done once a process; a later call finds it done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .user_agent(concat!("takings-importer/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(settings.connect_timeout)
        .dns_resolver(Arc::new(Checked(addresses)))
        .build()
        .map_err(|error| unreachable(url, error))?;
    let answer = tokio::time::timeout(
        settings.connect_timeout + settings.read_timeout,
        client.get(url.clone()).send(),
    );
    answer.await.map_err(|_| silent(url))?.map_err(|error| unreachable(url, error))
}

/// The addresses of a URL's host, those that are not allowed left out; an error if none is left.
async fn addresses(url: &Url, settings: &HttpSettings) -> Result<Vec<SocketAddr>, HttpError> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let lookup = tokio::net::lookup_host((host, 0));
    let found = tokio::time::timeout(settings.connect_timeout, lookup).await;
    let found = found.map_err(|_| silent(url))?.map_err(|error| {
        let cause = format!("its name can't be looked up ({error})");
        HttpError::Unreachable { url: shown(url), cause }
    })?;
    let (allowed, refused): (Vec<_>, Vec<_>) =
        found.partition(|address| settings.network.allow(host, address.ip()));
    match refused.first() {
        Some(address) if allowed.is_empty() => {
            Err(HttpError::Address { url: shown(url), address: address.ip() })
        }
        _ => Ok(allowed),
    }
}

/// Where an answer leads, if it is a redirect.
fn redirected(url: &Url, response: &Response) -> Result<Option<Url>, HttpError> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let next = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let next = next.and_then(|location| url.join(location).ok());
    let problem = "redirects to nowhere";
    next.map(Some).ok_or_else(|| HttpError::Redirect { url: shown(url), problem })
}

/// A user's name and password go to the host they were given for, and to no other.
fn with_credentials(mut next: Url, first: &Url) -> Url {
    let is_same = next.origin() == first.origin();
    let (user, password) = if is_same { (first.username(), first.password()) } else { ("", None) };
    // These fail for URLs without a host only, which hold no credentials.
    let _ = next.set_username(user);
    let _ = next.set_password(password);
    next
}

fn body(url: &Url, response: Response) -> Result<Box<dyn AsyncRead + Send + Unpin>, HttpError> {
    if response.status() != StatusCode::OK {
        return Err(HttpError::Status { url: shown(url), status: response.status() });
    }
    let is_framed =
        response.content_length().is_some() || response.headers().contains_key(TRANSFER_ENCODING);
    if url.scheme() == "http" && !is_framed {
        return Err(HttpError::Unframed { url: shown(url) });
    }
    let url = url.clone();
    let bytes = response
        .bytes_stream()
        .map_err(move |error| std::io::Error::other(unreachable(&url, error).to_string()));
    Ok(Box::new(StreamReader::new(Box::pin(bytes))))
}

/// Addresses that were checked, whatever name is asked for.
struct Checked(Vec<SocketAddr>);

impl Resolve for Checked {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

fn silent(url: &Url) -> HttpError {
    HttpError::Unreachable { url: shown(url), cause: "it did not answer in time".into() }
}

/// What went wrong, without the URL that the library would add.
fn unreachable(url: &Url, error: reqwest::Error) -> HttpError {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    HttpError::Unreachable { url: shown(url), cause: cause.to_string() }
}

fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string().chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> HttpSettings {
        let second = Duration::from_secs(1);
        HttpSettings {
            allow_http: false,
            network: NetworkRules::default(),
            connect_timeout: second,
            read_timeout: second,
        }
    }

    async fn error(url: &str, settings: &HttpSettings) -> HttpError {
        match open(url, settings).await {
            Err(error) => error,
            Ok(_) => panic!("{url} was opened"),
        }
    }

    #[test]
    fn nothing_secret_of_a_url_is_shown() {
        let url = "https://user:s3cret@files.example.com/a/march.csv?sig=s3cret#s3cret";
        assert_eq!(without_secrets(url), "https://files.example.com/a/march.csv");
        assert_eq!(filename(url), "march.csv");
        assert_eq!(filename("https://files.example.com/?sig=s3cret"), "files.example.com");
        assert_eq!(without_secrets("s3cret"), "an unreadable URL");
    }

    #[test]
    fn credentials_go_to_no_other_host() {
        let first = Url::parse("https://user:s3cret@files.example.com/a").unwrap();
        let same = with_credentials(first.join("/b").unwrap(), &first);
        assert_eq!((same.username(), same.password()), ("user", Some("s3cret")));
        let absolute = Url::parse("https://files.example.com/b").unwrap();
        assert_eq!(with_credentials(absolute, &first).password(), Some("s3cret"));
        for other in [
            "https://example.com/",
            "https://files.example.com:444/",
            "http://files.example.com/",
            "//example.com/",
            "https://you:too@example.com/",
        ] {
            let other = with_credentials(first.join(other).unwrap(), &first);
            assert_eq!((other.username(), other.password()), ("", None), "{other}");
        }
    }

    #[tokio::test]
    async fn only_https_is_fetched_unless_http_is_allowed() {
        for url in ["http://example.com/x", "ftp://example.com/x", "file:///etc/passwd", "data:,x"]
        {
            assert!(matches!(error(url, &settings()).await, HttpError::Scheme { .. }), "{url}");
        }
        assert!(matches!(error("march.csv", &settings()).await, HttpError::InvalidUrl(_)));
    }

    #[tokio::test]
    async fn addresses_in_every_spelling_are_checked() {
        for url in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://017700000001/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest",
            "https://localhost/",
            "https://LOCALHOST/",
            "https://10.1.2.3/",
            "https://0/",
        ] {
            let error = error(url, &settings()).await;
            assert!(matches!(error, HttpError::Address { .. }), "{url}: {error}");
            assert_eq!(error.reason(), Reason::SourceNotAllowed);
        }
    }
}
