//! Conditions: what is being done, in one reason and one sentence, as kstatus and people read it.
//! Pure.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

use crate::crd::{
    SalesImportStatus,
    conditions::{FINISHED, Phase, READY, RECONCILING, STALLED},
};

/// A condition's message may hold 32,768 bytes; what users read is shorter.
const MAX_MESSAGE: usize = 1_500;

/// Says what is being done, in all four conditions.
pub(crate) fn report(
    status: &mut SalesImportStatus,
    (phase, reason, message): (Phase, &str, &str),
    now: Timestamp,
) {
    let types = [
        (READY, phase == Phase::Succeeded),
        (RECONCILING, phase == Phase::InProgress),
        (STALLED, phase == Phase::Failed),
        (FINISHED, phase != Phase::InProgress),
    ];
    let generation = status.observed_generation;
    status.conditions =
        conditions(&status.conditions, &types, (reason, message), (generation, now));
}

/// Conditions of these types, which are true or not. A condition keeps its transition time unless
/// its status changes.
pub(crate) fn conditions(
    old: &[Condition],
    types: &[(&str, bool)],
    (reason, message): (&str, &str),
    (generation, now): (Option<i64>, Timestamp),
) -> Vec<Condition> {
    let message = &message[..message.floor_char_boundary(MAX_MESSAGE)];
    let condition = |(type_, is_true): &(&str, bool)| {
        let status = if *is_true { "True" } else { "False" };
        let unchanged = old.iter().find(|old| old.type_ == *type_ && old.status == status);
        Condition {
            type_: (*type_).into(),
            status: status.into(),
            reason: reason.into(),
            message: message.into(),
            observed_generation: generation,
            last_transition_time: unchanged
                .map_or(Time(now), |old| old.last_transition_time.clone()),
        }
    };
    types.iter().map(condition).collect()
}

/// Says the same of the newest generation.
pub(crate) fn renew(status: &mut SalesImportStatus) {
    for condition in &mut status.conditions {
        condition.observed_generation = status.observed_generation;
    }
}

/// The reason that all conditions carry.
pub(crate) fn reason(status: &SalesImportStatus) -> Option<&str> {
    finished(status).map(|condition| condition.reason.as_str())
}

/// The sentence that all conditions carry.
pub(crate) fn message(status: &SalesImportStatus) -> Option<&str> {
    finished(status).map(|condition| condition.message.as_str())
}

fn finished(status: &SalesImportStatus) -> Option<&Condition> {
    status.conditions.iter().find(|condition| condition.type_ == FINISHED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn statuses(status: &SalesImportStatus) -> Vec<&str> {
        status.conditions.iter().map(|condition| condition.status.as_str()).collect()
    }

    #[test]
    fn a_terminal_failure_is_stalled_and_finished_at_its_generation() {
        let mut status =
            SalesImportStatus { observed_generation: Some(3), ..SalesImportStatus::default() };
        report(&mut status, (Phase::Failed, "Overlap", "Two orders differ."), at(10));
        assert_eq!(statuses(&status), ["False", "False", "True", "True"]);
        assert!(status.conditions.iter().all(|condition| condition.observed_generation == Some(3)));
    }

    #[test]
    fn a_condition_keeps_its_transition_time_until_its_status_changes() {
        let mut status = SalesImportStatus::default();
        report(&mut status, (Phase::InProgress, "Starting", "One."), at(10));
        report(&mut status, (Phase::InProgress, "Running", "Two."), at(20));
        assert!(status.conditions.iter().all(|one| one.last_transition_time == Time(at(10))));
        report(&mut status, (Phase::Succeeded, "Published", "Three."), at(30));
        let times: Vec<_> =
            status.conditions.iter().map(|one| one.last_transition_time.0.as_second()).collect();
        assert_eq!(times, [30, 30, 10, 30]);
        assert_eq!((reason(&status), message(&status)), (Some("Published"), Some("Three.")));
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let mut status = SalesImportStatus::default();
        report(&mut status, (Phase::InProgress, "Running", &"é".repeat(9_000)), at(10));
        assert_eq!(message(&status).map(str::len), Some(MAX_MESSAGE));
    }
}
