//! What there is: a schedule's name in, everything that the next plan needs out. Async, reads
//! only, and always live.

use kube::{Api, Client};

use super::plan::Observed;
use crate::crd::{SalesImport, SalesImportSchedule};

/// What there is of a schedule; `None` where it is gone.
pub(super) async fn observe(
    client: &Client,
    (namespace, name): (&str, &str),
) -> kube::Result<Option<Observed>> {
    let schedules: Api<SalesImportSchedule> = Api::namespaced(client.clone(), namespace);
    let Some(schedule) = schedules.get_opt(name).await? else { return Ok(None) };
    let imports: Api<SalesImport> = Api::namespaced(client.clone(), namespace);
    let mut active = Vec::new();
    for entry in schedule.status.iter().flat_map(|status| &status.active) {
        active.push(imports.get_opt(&entry.name).await?);
    }
    Ok(Some(Observed { schedule, active, refused: None }))
}
