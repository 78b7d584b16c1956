//! The object stores' library asks through this gate for all that it wants from the network, also
//! for tokens: its request in, through [`send`], and the answer out, if it is a good one. What an
//! error's body says stays outside: it never gets into the library's errors and logs.

use std::error::Error;

use http_body_util::BodyExt;
use object_store::{
    ClientOptions,
    client::{
        HttpClient, HttpConnector, HttpError as ClientError, HttpErrorKind, HttpRequest,
        HttpResponse, HttpResponseBody, HttpService,
    },
};
use reqwest::{Certificate, Request, Url};

use super::{
    HttpError, HttpSettings,
    fetch::{cause, send, shown},
};

/// The way out.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    authorities: Vec<Certificate>,
    settings: HttpSettings,
}

impl Gate {
    pub(super) fn new(authorities: Vec<Certificate>, settings: HttpSettings) -> Self {
        Self { authorities, settings }
    }
}

/// Why a request did not get through the gate, out of the library's error around it.
pub(super) fn refusal(error: &(dyn Error + 'static)) -> Option<HttpError> {
    let mut error = Some(error);
    while let Some(outer) = error {
        if let Some(refusal) = outer.downcast_ref::<HttpError>() {
            return Some(refusal.clone());
        }
        error = outer.source();
    }
    None
}

impl HttpConnector for Gate {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(self.clone()))
    }
}

#[async_trait::async_trait]
impl HttpService for Gate {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, ClientError> {
        let (parts, body) = request.into_parts();
        let url = Url::parse(&parts.uri.to_string())
            .map_err(|error| closed(HttpError::InvalidUrl(error.to_string())))?;
        let mut request = Request::new(parts.method, url.clone());
        *request.headers_mut() = parts.headers;
        *request.body_mut() = body.as_bytes().cloned().map(Into::into);
        let response = send(request, &self.authorities, &self.settings).await.map_err(closed)?;
        if !response.status().is_success() {
            return Err(closed(HttpError::Status { url: shown(&url), status: response.status() }));
        }
        let (parts, body) = http::Response::<reqwest::Body>::from(response).into_parts();
        let body = body.map_err(|error| {
            ClientError::new(HttpErrorKind::Unknown, std::io::Error::other(cause(error)))
        });
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
    }
}

/// Never tried again by the library.
fn closed(error: HttpError) -> ClientError {
    ClientError::new(HttpErrorKind::Unknown, error)
}
