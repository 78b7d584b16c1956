//! One request in, one answer out: https unless plain http is allowed, never to a place that
//! [`NetworkRules`] do not allow. Every byte that comes from elsewhere comes through here, also
//! what the object stores' library asks for.
//!
//! A name is looked up once, its addresses are checked, and the connection goes to just these:
//! a second answer of the DNS can't lead elsewhere. Redirects are not followed here, and proxies
//! of the environment are not used.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use ledger::outcome::Reason;
use reqwest::{
    Certificate, Client, Request, Response, StatusCode, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect::Policy,
};

use super::NetworkRules;

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
    /// Wait before a connection that was cut is made anew; doubled each time.
    pub resume_pause: Duration,
}

/// A URL that can't or may not be fetched. No message holds a user's name, a password, a query
/// or anything of an answer's body.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HttpError {
    /// Not a URL.
    #[error(
        "The URL can't be read ({0}): give one such as https://files.example.com/march.csv or \
         s3://sales/march.csv."
    )]
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
    #[error("{url} answered {status}{}.", advice(*status))]
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
    /// A part of a file of which nobody could tell which.
    #[error("{url} answered with a part of the file, and did not say which.")]
    Unranged {
        /// Where it leads.
        url: String,
    },
    /// Not what an object store answers, or nothing that could be signed.
    #[error(
        "{url} can't be read as an object: its server does not answer as such a store does, or the \
         credentials can't sign a request."
    )]
    Garbled {
        /// What was asked for.
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

/// Sends a request, trusting these authorities beside the system's. A user's name and password in
/// its URL become a header.
pub(super) async fn send(
    mut request: Request,
    authorities: &[Certificate],
    settings: &HttpSettings,
) -> Result<Response, HttpError> {
    let url = request.url().clone();
    let allowed = url.scheme() == "https" || (url.scheme() == "http" && settings.allow_http);
    if !allowed {
        return Err(HttpError::Scheme { url: shown(&url) });
    }
    let addresses = addresses(&url, settings).await?;
    // Done once a process; a later call finds it done.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .user_agent(concat!("takings-importer/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .no_proxy()
        .connect_timeout(settings.connect_timeout)
        .dns_resolver(Arc::new(Checked(addresses)))
        .tls_certs_merge(authorities.iter().cloned())
        .build()
        .map_err(|error| unreachable(&url, error))?;
    let body = request.body_mut().take().unwrap_or_default();
    let headers = std::mem::take(request.headers_mut());
    let request = client.request(request.method().clone(), url.clone()).headers(headers).body(body);
    let longest = settings.connect_timeout + settings.read_timeout;
    let answer = tokio::time::timeout(longest, request.send()).await;
    answer.map_err(|_| silent(&url))?.map_err(|error| unreachable(&url, error))
}

/// What went wrong, without the URL that the library would add.
pub(super) fn cause(error: reqwest::Error) -> String {
    deepest(&error.without_url())
}

/// What is at the bottom of an error.
pub(super) fn deepest(mut error: &dyn std::error::Error) -> String {
    while let Some(deeper) = error.source() {
        error = deeper;
    }
    error.to_string()
}

/// A URL without what may be secret: user, password, query and fragment.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    url.to_string().chars().take(300).collect()
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
            Self::Unreachable { .. } | Self::Unranged { .. } => Reason::SourceUnavailable,
            Self::Status { status, .. } => match status.as_u16() {
                404 | 410 => Reason::SourceNotFound,
                408 | 425 | 429 | 500..=599 => Reason::SourceUnavailable,
                _ => Reason::SourceForbidden,
            },
            Self::Garbled { .. } => Reason::SourceForbidden,
        }
    }
}

/// What to do about a status.
fn advice(status: StatusCode) -> &'static str {
    match status.as_u16() {
        301 | 307 => ": its bucket may be in another region (region)",
        401 | 403 => ": give credentials that may read it (credentialsSecretRef, --credentials)",
        404 | 410 => ": look whether its name is spelled right and it is still there",
        _ => "",
    }
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

fn unreachable(url: &Url, error: reqwest::Error) -> HttpError {
    HttpError::Unreachable { url: shown(url), cause: cause(error) }
}
