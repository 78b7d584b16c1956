//! Where there is no route, or none for the method.

use axum::{
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
};

use crate::problem::Problem;

/// A path that no route has.
pub(crate) async fn path() -> Problem {
    Problem::UnknownPath
}

/// A method that the route does not take. The router adds `Allow`, which is all that OPTIONS asks.
pub(crate) async fn method(method: Method) -> Response {
    match method {
        Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ => Problem::UnknownMethod.into_response(),
    }
}
