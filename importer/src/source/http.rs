//! A URL in, the body of its answer out, from any byte on: at most five redirects, each checked
//! like the first. What is secret goes to the URL's own origin, and to no other.

use futures::{StreamExt, TryStreamExt};
use reqwest::{
    Certificate, Method, Request, Response, StatusCode, Url,
    header::{
        CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, LAST_MODIFIED, LOCATION, RANGE,
        TRANSFER_ENCODING,
    },
};

use super::{
    Credentials, HttpError, HttpSettings, SourceError,
    fetch::{cause, send, shown},
    resume::{Answer, Point, Version},
};

const MAX_REDIRECTS: usize = 5;

/// A file on a web server.
pub(super) struct WebFile {
    url: Url,
    /// What is secret.
    headers: HeaderMap,
    authorities: Vec<Certificate>,
    settings: HttpSettings,
}

impl WebFile {
    pub(super) fn new(
        url: &str,
        credentials: &Credentials,
        settings: &HttpSettings,
    ) -> Result<Self, SourceError> {
        let url = Url::parse(url).map_err(|error| HttpError::InvalidUrl(error.to_string()))?;
        let (headers, authorities) = (credentials.headers()?, credentials.authorities()?);
        Ok(Self { url, headers, authorities, settings: settings.clone() })
    }

    /// Fetches it as far as the beginning of its body.
    pub(super) async fn open(&self, from: Option<&Point>) -> Result<Answer, HttpError> {
        let mut url = self.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let request = self.request(&url, from);
            let response = send(request, &self.authorities, &self.settings).await?;
            match redirected(&url, &response)? {
                Some(next) => url = with_credentials(next, &self.url),
                None => return answer(&url, response, from),
            }
        }
        let problem = "redirects more than 5 times";
        Err(HttpError::Redirect { url: shown(&self.url), problem })
    }

    fn request(&self, url: &Url, from: Option<&Point>) -> Request {
        let mut request = Request::new(Method::GET, url.clone());
        let headers = request.headers_mut();
        if url.origin() == self.url.origin() {
            headers.clone_from(&self.headers);
        }
        if let Some(point) = from {
            let value = |text: &str| HeaderValue::from_str(text).ok();
            let range = value(&format!("bytes={}-", point.reached));
            headers.extend(range.map(|range| (RANGE, range)));
            let validator = point.version.validator().and_then(value);
            headers.extend(validator.map(|validator| (IF_RANGE, validator)));
        }
        request
    }
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

fn answer(url: &Url, response: Response, from: Option<&Point>) -> Result<Answer, HttpError> {
    let is_framed =
        response.content_length().is_some() || response.headers().contains_key(TRANSFER_ENCODING);
    let (start, size) = match (response.status(), from) {
        (StatusCode::OK, _) => (0, response.content_length()),
        (StatusCode::PARTIAL_CONTENT, Some(_)) => content_range(response.headers())
            .ok_or_else(|| HttpError::Unranged { url: shown(url) })?,
        (status, _) => return Err(HttpError::Status { url: shown(url), status }),
    };
    if url.scheme() == "http" && !is_framed {
        return Err(HttpError::Unframed { url: shown(url) });
    }
    let text = |name| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let version =
        Version { etag: text(ETAG), modified: text(LAST_MODIFIED), generation: None, size };
    Ok(Answer { version, start, body: response.bytes_stream().map_err(cause).boxed() })
}

/// Where `bytes START-END/SIZE` starts, and the size where it is told.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, size) = range.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    Some((start.trim().parse().ok()?, size.trim().parse().ok()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ledger::outcome::Reason;

    use super::*;
    use crate::NetworkRules;

    fn settings() -> HttpSettings {
        let second = Duration::from_secs(1);
        HttpSettings {
            allow_http: false,
            network: NetworkRules::default(),
            connect_timeout: second,
            read_timeout: second,
            resume_pause: second,
        }
    }

    async fn error(url: &str) -> SourceError {
        let file = match WebFile::new(url, &Credentials::default(), &settings()) {
            Ok(file) => file,
            Err(error) => return error,
        };
        match file.open(None).await {
            Err(error) => error.into(),
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

    #[test]
    fn a_range_starts_where_it_says() {
        for (range, start) in [
            ("bytes 7-9/10", Some((7, Some(10)))),
            ("bytes 7-9/*", Some((7, None))),
            ("bytes */10", None),
            ("lines 7-9/10", None),
            ("bytes 99999999999999999999-/10", None),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_RANGE, range.parse().unwrap())]);
            assert_eq!(content_range(&headers), start, "{range}");
        }
    }

    #[tokio::test]
    async fn only_https_is_fetched_unless_http_is_allowed() {
        for url in ["http://example.com/x", "ftp://example.com/x", "file:///etc/passwd", "data:,x"]
        {
            let error = error(url).await;
            assert!(matches!(error, SourceError::Http(HttpError::Scheme { .. })), "{url}");
        }
        let error = error("march.csv").await;
        assert!(matches!(error, SourceError::Http(HttpError::InvalidUrl(_))), "{error}");
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
            let error = error(url).await;
            assert!(
                matches!(error, SourceError::Http(HttpError::Address { .. })),
                "{url}: {error}"
            );
            assert_eq!(error.reason(), Reason::SourceNotAllowed);
        }
    }
}
