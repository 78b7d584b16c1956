//! Which program answers.

use axum::Json;
use serde::Serialize;

/// Name and version of the program.
#[derive(Debug, Serialize)]
pub(crate) struct Version {
    name: &'static str,
    version: &'static str,
}

/// `GET /version`
pub(crate) async fn version() -> Json<Version> {
    Json(Version { name: "takings-api", version: env!("CARGO_PKG_VERSION") })
}
