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
use reqwest::{
    Certificate, Request, Url,
    header::{ACCEPT_ENCODING, HeaderValue},
};

use super::{
    HttpError, HttpSettings,
    fetch::{cause, send, shown},
};

/// The way out.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    authorities: Vec<Certificate>,
    takes_gzip: bool,
    settings: HttpSettings,
}

impl Gate {
    /// `takes_gzip`: a file that is stored gzipped is to be sent so.
    pub(super) fn new(
        authorities: Vec<Certificate>,
        takes_gzip: bool,
        settings: HttpSettings,
    ) -> Self {
        Self { authorities, takes_gzip, settings }
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
        if self.takes_gzip {
            request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{Router, http::StatusCode, routing::post};

    use super::*;
    use crate::NetworkRules;

    fn gate(allow_loopback: bool) -> HttpClient {
        let second = Duration::from_secs(1);
        let settings = HttpSettings {
            allow_http: true,
            network: NetworkRules { allow_loopback, ..NetworkRules::default() },
            connect_timeout: second,
            read_timeout: second,
            resume_pause: second,
        };
        Gate::new(Vec::new(), false, settings).connect(&ClientOptions::new()).unwrap()
    }

    fn asked(url: String) -> HttpRequest {
        let request = http::Request::post(url).header("x-shop", "7");
        request.body("grant_type=s3cret".to_owned().into()).unwrap()
    }

    #[tokio::test]
    async fn a_request_for_a_token_goes_through_whole_and_the_answer_comes_back() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let token = async |headers: http::HeaderMap, body: String| {
            format!("{:?} {body}", headers["x-shop"])
        };
        let denied = async || (StatusCode::FORBIDDEN, "s3cret");
        let router = Router::new().route("/token", post(token)).route("/denied", post(denied));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let answer = gate(true).execute(asked(format!("{url}/token?sig=s3cret"))).await.unwrap();
        assert_eq!(answer.into_body().bytes().await.unwrap(), "\"7\" grant_type=s3cret");

        let error =
            gate(true).execute(asked(format!("{url}/denied?sig=s3cret"))).await.unwrap_err();
        assert!(matches!(refusal(&error), Some(HttpError::Status { .. })), "{error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");

        let error = gate(false).execute(asked(format!("{url}/token"))).await.unwrap_err();
        assert!(matches!(refusal(&error), Some(HttpError::Address { .. })), "{error}");
    }
}
