//! The SalesImport of a tick: its name, and what it is like. Pure.
//!
//! It is not owned by its schedule: the garbage collector would delete it, and end its import,
//! with the schedule. It is the record of what was loaded, and stays.

use k8s_openapi::jiff::{Timestamp, Zoned};
use kube::ResourceExt as _;

use super::placeholder::{self, PlaceholderError};
use crate::{
    crd::{SalesImport, SalesImportSchedule, SalesImportSpec},
    sales_import::name::{MAX_LABEL, fitted},
};

/// Label, with the name of the schedule (cut where it is long), and annotation, with all of it.
pub(crate) const SCHEDULE: &str = "takings.dev/sales-import-schedule";
/// Annotation: the tick, by the schedule's clocks.
pub(crate) const SCHEDULED_AT: &str = "takings.dev/scheduled-at";

/// The name of a tick's SalesImport: the schedule's, cut where it is long, and the tick in minutes
/// since 1970, as a CronJob names its Jobs. The same tick has the same name, whoever asks.
fn name(schedule: &str, tick: Timestamp) -> String {
    let minute = (tick.as_second() / 60).to_string();
    format!("{}-{minute}", fitted(schedule, MAX_LABEL - 1 - minute.len()))
}

/// The SalesImport of a tick.
pub(super) fn import(
    schedule: &SalesImportSchedule,
    tick: &Zoned,
) -> Result<SalesImport, PlaceholderError> {
    let template = &schedule.spec.template;
    let source = placeholder::filled(&template.spec.source, tick)?;
    let whole = schedule.name_any();
    let name = name(&whole, tick.timestamp());
    let mut import = SalesImport::new(&name, SalesImportSpec { source, ..template.spec.clone() });
    import.metadata.namespace = schedule.namespace();
    let metadata = template.metadata.clone().unwrap_or_default();
    import.labels_mut().extend(metadata.labels);
    import.labels_mut().insert(SCHEDULE.into(), fitted(&whole, MAX_LABEL));
    import.annotations_mut().extend(metadata.annotations);
    import.annotations_mut().insert(SCHEDULE.into(), whole);
    let at = tick.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    import.annotations_mut().insert(SCHEDULED_AT.into(), at);
    Ok(import)
}

/// Whether a SalesImport was made for this schedule.
pub(super) fn is_made_by(import: &SalesImport, schedule: &SalesImportSchedule) -> bool {
    import.annotations().get(SCHEDULE) == Some(&schedule.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_is_named_after_schedule_and_minute_and_long_names_stay_apart() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        assert_eq!(name("daily", at(1_748_831_400)), "daily-29147190");
        assert_eq!(name("daily", at(1_748_831_459)), "daily-29147190");
        assert_ne!(name("daily", at(1_748_831_460)), "daily-29147190");
        let long = format!("{}-.{}", "a".repeat(40), "b".repeat(200));
        let cut = name(&long, at(1_748_831_400));
        assert!(cut.len() <= MAX_LABEL && cut.ends_with("-29147190"), "{cut}");
        assert!(!cut.contains("--") && !cut.contains(".-"), "{cut}");
        assert_ne!(cut, name(&format!("{long}c"), at(1_748_831_400)));
    }
}
