//! The SalesImport of a tick or of a file that was found: its name, and what it is like. Pure.
//!
//! It is not owned by its schedule: the garbage collector would delete it, and end its import,
//! with the schedule. It is the record of what was loaded, and stays.

use k8s_openapi::jiff::{Timestamp, Zoned};
use kube::ResourceExt as _;
use ledger::listing::ListedFile;

use super::placeholder::{self, PlaceholderError};
use crate::{
    crd::{SalesImport, SalesImportSchedule, SalesImportSpec, Source},
    sales_import::name::{MAX_LABEL, fitted},
};

/// Label, with the name of the schedule (cut where it is long), and annotation, with all of it.
pub(crate) const SCHEDULE: &str = "takings.dev/sales-import-schedule";
/// Annotation: the tick, by the schedule's clocks.
pub(crate) const SCHEDULED_AT: &str = "takings.dev/scheduled-at";
/// Annotation: the version of the file when it was found.
pub(crate) const FILE_VERSION: &str = "takings.dev/file-version";

/// The name of a tick's SalesImport: the schedule's, cut where it is long, and the tick in minutes
/// since 1970, as a CronJob names its Jobs. The same tick has the same name, whoever asks.
fn name(schedule: &str, tick: Timestamp) -> String {
    named(schedule, &(tick.as_second() / 60).to_string())
}

/// The name of a file's SalesImport: the schedule's, cut where it is long, and the file's id. The
/// same version of the same file has the same name, whoever finds it.
pub(super) fn name_of_file(schedule: &SalesImportSchedule, file: &ListedFile) -> String {
    named(&schedule.name_any(), &file.id)
}

fn named(schedule: &str, suffix: &str) -> String {
    format!("{}-{suffix}", fitted(schedule, MAX_LABEL - 1 - suffix.len()))
}

/// The SalesImport of a tick.
pub(super) fn import(
    schedule: &SalesImportSchedule,
    tick: &Zoned,
) -> Result<SalesImport, PlaceholderError> {
    let source = placeholder::filled(&schedule.spec.template.spec.source, tick)?;
    let name = name(&schedule.name_any(), tick.timestamp());
    Ok(made(schedule, &name, source, tick))
}

/// The SalesImport of a file that was found for a tick.
pub(super) fn import_of_file(
    schedule: &SalesImportSchedule,
    tick: &Zoned,
    file: &ListedFile,
) -> SalesImport {
    let mut source = schedule.spec.template.spec.source.clone();
    if let Some(name) = source.file_mut() {
        name.clone_from(&file.name);
    }
    let mut import = made(schedule, &name_of_file(schedule, file), source, tick);
    import.annotations_mut().insert(FILE_VERSION.into(), file.version.clone());
    import
}

fn made(schedule: &SalesImportSchedule, name: &str, source: Source, tick: &Zoned) -> SalesImport {
    let (template, whole) = (&schedule.spec.template, schedule.name_any());
    let mut import = SalesImport::new(name, SalesImportSpec { source, ..template.spec.clone() });
    import.metadata.namespace = schedule.namespace();
    let metadata = template.metadata.clone().unwrap_or_default();
    import.labels_mut().extend(metadata.labels);
    import.labels_mut().insert(SCHEDULE.into(), fitted(&whole, MAX_LABEL));
    import.annotations_mut().extend(metadata.annotations);
    import.annotations_mut().insert(SCHEDULE.into(), whole);
    let at = tick.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string();
    import.annotations_mut().insert(SCHEDULED_AT.into(), at);
    import
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
