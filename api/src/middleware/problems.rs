//! Failures in words: `problem+json` (RFC 9457) under `/api/v1`, the envelope elsewhere.

use std::{error::Error as _, sync::Arc};

use axum::{
    Extension, Json,
    extract::Request,
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};
use ledger::{
    Outcome,
    outcome::{Conflict, Reason},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    envelope::Envelope,
    middleware::RequestId,
    problem::{Kind, Problem},
};

/// The paths whose failures are problem documents.
const OWN_FORM: &str = "/api/v1";
/// What a code is appended to, to make a problem's type.
const TYPES: &str = "https://takings.dev/problems/";

/// A problem document.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    detail: String,
    instance: &'a str,
    code: &'static str,
    request_id: &'a str,
    #[serde(flatten)]
    more: Value,
}

/// Writes a handler's [`Problem`] in the form of the path that was asked.
pub(crate) async fn problems(
    Extension(RequestId(id)): Extension<RequestId>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let bare = next.run(request).await;
    let Some(problem) = bare.extensions().get::<Arc<Problem>>().cloned() else {
        return bare;
    };
    log(&problem);
    let mut response = match path.strip_prefix(OWN_FORM) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => document(&problem, &path, &id),
        _ => envelope(&problem),
    };
    let headers = response.headers_mut();
    if let Some(seconds) = problem.retry_after() {
        headers.insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(allow) = bare.headers().get(header::ALLOW) {
        headers.insert(header::ALLOW, allow.clone());
    }
    response
}

/// To be written by [`problems`], which knows the path.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.kind().status, Extension(Arc::new(self))).into_response()
    }
}

fn document(problem: &Problem, instance: &str, request_id: &str) -> Response {
    let Kind { status, code, title } = problem.kind();
    let document = Document {
        r#type: format!("{TYPES}{code}"),
        title,
        status: status.as_u16(),
        detail: problem.to_string(),
        instance,
        code,
        request_id,
        more: match problem {
            Problem::Refused(outcome) => refused(outcome),
            _ => parameter(problem).unwrap_or_else(|| json!({})),
        },
    };
    let content_type = (header::CONTENT_TYPE, "application/problem+json");
    (status, [content_type], Json(document)).into_response()
}

fn envelope(problem: &Problem) -> Response {
    let data = match problem {
        Problem::Refused(outcome) if outcome.reason == Reason::TooManyRejected => {
            json!({ "count": outcome.lines_rejected, "first": outcome.rejects })
        }
        Problem::Refused(outcome) if outcome.reason == Reason::Overlap => {
            json!({ "conflicts": conflicts(outcome) })
        }
        Problem::FolderFailed { imported, failed } => {
            let failed =
                failed.iter().map(|(file, message)| json!({ "file": file, "message": message }));
            json!({ "imported_row": imported, "failed": failed.collect::<Vec<_>>() })
        }
        Problem::Unhealthy(reason) => json!({ "database": reason }),
        _ => Value::Null,
    };
    Envelope::new(problem.kind().status, problem.to_string(), data).into_response()
}

/// What speaks against a file, so far as its outcome says.
fn refused(outcome: &Outcome) -> Value {
    json!({
        "import_id": outcome.import_id,
        "lines_read": outcome.lines_read,
        "lines_rejected": outcome.lines_rejected,
        "rejects": outcome.rejects,
        "conflicts": conflicts(outcome),
    })
}

fn conflicts(outcome: &Outcome) -> Vec<Value> {
    let conflict = |conflict: &Conflict| {
        json!({
            "order_id": conflict.order_id,
            "sale_date": conflict.sale_date,
            "import_id": conflict.import_id,
            "load": conflict.load,
        })
    };
    outcome.conflicts.iter().map(conflict).collect()
}

fn parameter(problem: &Problem) -> Option<Value> {
    let name = match problem {
        Problem::MissingParameter { name, .. }
        | Problem::InvalidParameter { name, .. }
        | Problem::RepeatedParameter { name } => name,
        Problem::UnknownParameter { name, .. } => name.as_str(),
        Problem::RangeReversed { from, .. } => from,
        _ => return None,
    };
    Some(json!({ "errors": [{ "parameter": name, "detail": problem.to_string() }] }))
}

/// What is the server's own fault is told with its cause, once.
fn log(problem: &Problem) {
    let Kind { status, code, .. } = problem.kind();
    if !status.is_server_error() {
        return;
    }
    let cause = match problem {
        Problem::Ledger(error) => error.to_string(),
        Problem::Internal(what) => (*what).to_owned(),
        other => other.source().map_or_else(|| other.to_string(), ToString::to_string),
    };
    tracing::error!(code, cause, "the request failed");
}
