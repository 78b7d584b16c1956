//! The request's id: the client's `X-Request-Id` where it is fit for a log, else a UUIDv7. It is
//! echoed, and stands in every log line of the request by way of its span.

use std::sync::Arc;

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::Instrument as _;
use uuid::Uuid;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_BYTES: usize = 128;

/// The id, as handlers receive it (`Extension<RequestId>`).
#[derive(Clone, Debug)]
pub(crate) struct RequestId(pub(crate) Arc<str>);

/// Gives the request its id.
pub(crate) async fn request_id(mut request: Request, next: Next) -> Response {
    let id = given(request.headers()).map_or_else(|| Uuid::now_v7().to_string(), ToOwned::to_owned);
    let span = tracing::info_span!("request", request_id = id);
    let header = HeaderValue::try_from(&id);
    request.extensions_mut().insert(RequestId(id.into()));
    let mut response = next.run(request).instrument(span).await;
    if let Ok(header) = header {
        response.headers_mut().insert(HEADER, header);
    }
    response
}

fn given(headers: &HeaderMap) -> Option<&str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let id = headers.get(HEADER)?.to_str().ok()?;
    let fit = (1..=MAX_BYTES).contains(&id.len()) && id.bytes().all(allowed);
    fit.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_that_is_fit_for_a_log_is_taken_over() {
        let taken = |id: &str| {
            let headers =
                HeaderMap::from_iter([(HEADER, HeaderValue::from_bytes(id.as_bytes()).unwrap())]);
            given(&headers).map(ToOwned::to_owned)
        };
        for id in ["a", "7f3c-22.b_1", &"x".repeat(128)] {
            assert_eq!(taken(id).as_deref(), Some(id));
        }
        for id in ["", " ", "a b", "a\"b", "é", "{}", &"x".repeat(129)] {
            assert_eq!(taken(id), None, "{id}");
        }
    }
}
