//! Whether the database answers: for people and load balancers, never a liveness probe.

use axum::extract::State;
use serde::Serialize;

use crate::{envelope::Envelope, problem::Problem, state::SharedApp};

/// What the API relies on.
#[derive(Debug, Serialize)]
pub(crate) struct Health {
    database: &'static str,
}

/// `GET /health`, `/api/health/`, `/api/healthcheck/`
pub(crate) async fn health(State(app): State<SharedApp>) -> Result<Envelope<Health>, Problem> {
    match app.read(app.ledger.check_schema()).await {
        Ok(()) => Ok(Envelope::success(Health { database: "ok" })),
        Err(Problem::Ledger(error)) => Err(Problem::Unhealthy(error.to_string())),
        Err(problem) => Err(Problem::Unhealthy(problem.to_string())),
    }
}
