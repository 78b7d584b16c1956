//! What an outcome says, and that its document is whole whatever texts stand in it.

use jiff::civil::date;
use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::RejectReason;

fn outcome(message: String) -> Outcome {
    let id = "00000000-0000-4000-8000-000000000001".parse().unwrap();
    let stream = (Dataset::default(), Currency::default());
    Outcome::bare((id, Run(1)), stream, (RunResult::Refused, Reason::TooManyRejected), message)
}

#[test]
fn only_a_fault_is_worth_a_retry() {
    assert_eq!(RunResult::Fault.exit_code(), 1);
    assert_eq!(RunResult::AlreadyLoaded.exit_code(), 0);
    assert_eq!(RunResult::Refused.exit_code(), 2);
    assert!(!RunResult::Fault.is_final());
}

#[test]
fn a_dry_run_exits_as_the_run_itself_would() {
    let dry = |reason| Outcome { reason, ..outcome(String::new()) }.of_dry_run();
    assert_eq!(dry(Reason::Published).exit_code(), 0);
    assert_eq!(dry(Reason::AlreadyLoaded).exit_code(), 0);
    assert_eq!(dry(Reason::Overlap).exit_code(), 2);
    assert_eq!(outcome(String::new()).exit_code(), 2);
    assert!(!dry(Reason::Published).result.is_final());
}

#[test]
fn a_reason_of_a_newer_importer_is_still_readable() {
    assert_eq!(serde_json::from_str::<Reason>("\"FromTheFuture\"").unwrap(), Reason::Other);
}

/// Any text, the ones that JSON makes six times longer, and very long ones.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        vec(any::<char>(), 0..400).prop_map(String::from_iter),
        "(?s)[\u{0}-\u{1f}\u{7f}-\u{9f}\"\\\\/\u{2028}\u{202e}é漢\u{1F600}]{0,2000}",
        (any::<char>(), 0_usize..10_000).prop_map(|(one, count)| one.to_string().repeat(count)),
    ]
}

fn rejects() -> impl Strategy<Value = Vec<Reject>> {
    let reject = (any::<u32>(), hostile(), hostile()).prop_map(|(line, column, value)| Reject {
        line,
        column,
        value,
        reason: RejectReason::WrongFieldCount,
    });
    vec(reject, 0..7)
}

fn conflicts() -> impl Strategy<Value = Vec<Conflict>> {
    let conflict = hostile().prop_map(|order_id| Conflict {
        order_id,
        sale_date: date(2025, 3, 1),
        import_id: outcome(String::new()).import_id,
        load: i32::MIN,
    });
    vec(conflict, 0..7)
}

fn existing() -> impl Strategy<Value = Option<Existing>> {
    option::of((hostile(), hostile()).prop_map(|(filename, requested_by)| Existing {
        import_id: outcome(String::new()).import_id,
        run: Run(u32::MAX),
        load: i32::MIN,
        filename,
        requested_by,
    }))
}

/// Every field that has a value has its longest.
fn full(message: String) -> Outcome {
    let most = Decimal::from_units(i128::MIN + 1);
    let count = u64::MAX;
    Outcome {
        run: Run(u32::MAX),
        load: Some(i32::MIN),
        dataset: "d".repeat(63).parse().unwrap(),
        digest: Some(crate::Digest([255; 32])),
        bytes: count,
        lines_read: count,
        lines_imported: count,
        lines_skipped: count,
        lines_rejected: count,
        lines_valid: count,
        first_sale_date: Some(date(2025, 3, 1)),
        last_sale_date: Some(date(2025, 3, 31)),
        revenue: Some(most),
        dry_run: Some(Found {
            orders: count,
            order_days: count,
            order_days_same: count,
            order_days_conflicting: count,
            revenue: most,
        }),
        ..outcome(message)
    }
}

proptest! {
    #[test]
    fn hostile_texts_stay_within_the_termination_message(
        message in hostile(),
        rejects in rejects(),
        conflicts in conflicts(),
        existing in existing(),
    ) {
        let outcome = Outcome { existing, rejects, conflicts, ..full(message) };
        let json = outcome.to_json();
        prop_assert!(json.len() <= MAX_BYTES, "{} bytes", json.len());
        prop_assert_eq!(json.lines().count(), 1);
        let read: Outcome = serde_json::from_str(&json).unwrap();
        prop_assert!(outcome.message.starts_with(&read.message));
        prop_assert!(read.rejects.len() <= outcome.rejects.len());
        let texts = |outcome: Outcome| Outcome {
            message: String::new(),
            rejects: Vec::new(),
            conflicts: Vec::new(),
            existing: None,
            ..outcome
        };
        prop_assert_eq!(texts(read), texts(outcome), "all that is no text is as it was");
    }

    #[test]
    fn what_fits_is_shown_as_it_is(message in "[a-zA-Z0-9 .,:;]{0,600}") {
        let outcome = full(message);
        prop_assert_eq!(serde_json::from_str::<Outcome>(&outcome.to_json()).unwrap(), outcome);
    }
}
