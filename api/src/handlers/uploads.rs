//! Uploads: a file in a form, loaded while it arrives, answered when it is in the figures.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use importer::Source;
use ledger::{ImportId, Outcome};
use serde::Serialize;

use crate::{
    envelope::Envelope,
    form,
    handlers::imports,
    lingering::Lingering,
    middleware::RequestId,
    params::Params,
    problem::Problem,
    state::{App, SharedApp},
    uploads::Policy,
};

/// How many lines are new, as existing clients read it.
#[derive(Debug, Serialize)]
pub(crate) struct Imported {
    pub(crate) imported_row: u64,
}

/// `POST /api/sales/import-sales/`, `POST /api/import-sales/`
pub(crate) async fn compatible(
    State(app): State<SharedApp>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Envelope<Imported>, Problem> {
    let (parts, body) = request.into_parts();
    let body = Lingering::new(&parts.headers, body);
    let outcome = receive(&app, id, parts.headers, body, Policy::default()).await?;
    let imported_row = outcome.lines_imported;
    // Nothing new is a success that clients should be able to tell from the other.
    let message = if imported_row == 0 { outcome.message } else { "success".into() };
    Ok(Envelope::new(StatusCode::CREATED, message, Imported { imported_row }))
}

/// `POST /api/v1/imports?dataset=&currency=&on_overlap=&max_rejected=`
pub(crate) async fn create(
    State(app): State<SharedApp>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let body = Lingering::new(&parts.headers, body);
    let params = Params::only(&parts.uri, &["dataset", "currency", "on_overlap", "max_rejected"])?;
    let outcome = receive(&app, id, parts.headers, body, policy(&params)?).await?;
    created(&app, outcome.import_id).await
}

async fn created(app: &App, id: ImportId) -> Result<Response, Problem> {
    let import = imports::by_id(app, id).await?;
    let location = (header::LOCATION, format!("/api/v1/imports/{id}"));
    Ok((StatusCode::CREATED, [location], Json(import)).into_response())
}

fn policy(params: &Params) -> Result<Policy, Problem> {
    let on_overlap = params.parsed("on_overlap", "one of fail, skip and replace")?;
    let max_rejected =
        params.parsed("max_rejected", "a count such as 10 or a percentage such as 2%")?;
    Ok(Policy {
        dataset: params.dataset()?,
        currency: params.parsed("currency", "an ISO 4217 code such as SGD")?.unwrap_or_default(),
        on_overlap: on_overlap.unwrap_or_default(),
        max_rejected: max_rejected.unwrap_or_default(),
    })
}

/// Loads the file of the form while it arrives.
async fn receive(
    app: &App,
    RequestId(id): RequestId,
    headers: HeaderMap,
    body: Lingering,
    policy: Policy,
) -> Result<Outcome, Problem> {
    let uploads = app.uploads()?.clone();
    let slot = uploads.slot()?;
    let limits = uploads.limits;
    let load = uploads.clone();
    let work = async move {
        let file = form::open(&headers, body, limits).await?;
        let failure = Arc::clone(&file.failure);
        let source = Source::Stream {
            filename: file.filename.clone(),
            // The form's own limits come first, and say more.
            read_timeout: limits.whole + limits.pause,
            reader: Box::new(file.into_reader()),
        };
        let ended = load.load(source, &policy, &id).await;
        match failure.get() {
            Some(broken) if ended.is_err() => Err(broken.clone().into()),
            _ => ended,
        }
    };
    uploads.finish(slot, work).await
}
