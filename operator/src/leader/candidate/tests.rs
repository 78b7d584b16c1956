//! One candidate at a time, on a clock that the test sets.

use kube::core::ObjectMeta;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn candidate(identity: &str) -> Candidate {
    Candidate::new(
        identity.to_owned(),
        &LeaseSettings {
            namespace: "takings".into(),
            name: "takings-operator".into(),
            duration: 12 * SECOND,
            renew_deadline: 8 * SECOND,
            retry_period: 2 * SECOND,
        },
    )
}

/// A Lease as the API server has it.
fn lease(version: u32, holder: Option<&str>, renewed: Timestamp) -> Lease {
    let spec = LeaseSpec {
        holder_identity: holder.map(str::to_owned),
        lease_duration_seconds: Some(12),
        acquire_time: holder.map(|_| MicroTime(at(0))),
        renew_time: Some(MicroTime(renewed)),
        lease_transitions: Some(3),
        ..LeaseSpec::default()
    };
    let metadata =
        ObjectMeta { resource_version: Some(version.to_string()), ..ObjectMeta::default() };
    Lease { metadata, spec: Some(spec) }
}

/// It takes version 7, which is vacant, and makes it version 8 at the moment zero.
fn take(candidate: &mut Candidate) {
    candidate.saw(Some(lease(7, None, at(0))), Duration::ZERO);
    candidate.wrote(lease(8, Some("a"), at(0)), Duration::ZERO, Duration::ZERO);
}

fn leads(candidate: &Candidate, now: Duration) -> bool {
    candidate.leads(now).is_some()
}

fn at(hour: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + hour * 3_600).unwrap()
}

#[test]
fn a_vacant_lease_is_taken_at_once_over_the_version_that_was_seen() {
    let mut candidate = candidate("a");
    candidate.saw(Some(lease(7, None, at(0))), SECOND);
    let claim = candidate.claim(SECOND, at(1)).unwrap();
    assert_eq!(claim.metadata.resource_version.as_deref(), Some("7"));
    let spec = claim.spec.unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some("a"));
    assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(12), Some(4)));
    assert_eq!((spec.acquire_time, spec.renew_time), (Some(at(1).into()), Some(at(1).into())));
}

#[test]
fn a_leader_leads_from_before_it_asked_until_the_renew_deadline() {
    let mut candidate = candidate("a");
    candidate.saw(Some(lease(7, None, at(0))), SECOND);
    assert!(candidate.claim(SECOND, at(0)).is_some() && !leads(&candidate, SECOND));
    // Sent at 2 s; when the answer came does not matter.
    candidate.wrote(lease(8, Some("a"), at(0)), 2 * SECOND, 5 * SECOND);
    assert!(leads(&candidate, 9 * SECOND) && !leads(&candidate, 10 * SECOND));
    // It renews without a look, and says since when it holds the Lease.
    assert!(candidate.is_sure());
    let renewed = candidate.claim(4 * SECOND, at(1)).unwrap().spec.unwrap();
    assert_eq!(renewed.lease_transitions, Some(3));
    assert_eq!(
        (renewed.acquire_time, renewed.renew_time),
        (Some(at(0).into()), Some(at(1).into()))
    );
    assert!(!candidate.is_sure());
    candidate.wrote(lease(9, Some("a"), at(1)), 4 * SECOND, 4 * SECOND);
    assert!(leads(&candidate, 11 * SECOND) && !leads(&candidate, 12 * SECOND));
}

#[test]
fn another_s_lease_is_taken_once_it_was_seen_unchanged_for_its_duration() {
    let mut candidate = candidate("b");
    candidate.saw(Some(lease(7, Some("a"), at(0))), 100 * SECOND);
    candidate.saw(Some(lease(8, Some("a"), at(0))), 105 * SECOND);
    candidate.saw(Some(lease(8, Some("a"), at(0))), 116 * SECOND);
    assert_eq!(candidate.claim(116 * SECOND, at(0)), None);
    candidate.saw(Some(lease(8, Some("a"), at(0))), 117 * SECOND);
    assert!(candidate.claim(117 * SECOND, at(0)).is_some());
}

#[test]
fn a_holder_s_clock_that_is_an_hour_off_changes_nothing() {
    for hours in [-1, 1] {
        let mut candidate = candidate("b");
        candidate.saw(Some(lease(7, Some("a"), at(hours))), SECOND);
        assert_eq!(candidate.claim(12 * SECOND, at(0)), None);
        assert!(candidate.claim(13 * SECOND, at(0)).is_some());
    }
}

#[test]
fn the_holder_s_duration_counts_not_one_s_own() {
    let mut candidate = candidate("b");
    let mut longer = lease(7, Some("a"), at(0));
    longer.spec.as_mut().unwrap().lease_duration_seconds = Some(60);
    candidate.saw(Some(longer), Duration::ZERO);
    assert_eq!(candidate.claim(59 * SECOND, at(0)), None);
    assert!(candidate.claim(60 * SECOND, at(0)).is_some());
}

#[test]
fn a_lease_that_is_gone_is_made_and_led_by_only_after_its_duration() {
    let mut candidate = candidate("b");
    candidate.saw(None, 20 * SECOND);
    let made = candidate.claim(20 * SECOND, at(0)).unwrap();
    assert_eq!(made.metadata.resource_version, None);
    assert_eq!(made.spec.unwrap().lease_transitions, Some(0));
    candidate.wrote(lease(1, Some("b"), at(0)), 20 * SECOND, 21 * SECOND);
    assert!(!leads(&candidate, 21 * SECOND), "another one may lead yet");
    candidate.wrote(lease(2, Some("b"), at(0)), 30 * SECOND, 30 * SECOND);
    assert!(!leads(&candidate, 32 * SECOND) && leads(&candidate, 33 * SECOND));
}

#[test]
fn a_lease_that_was_made_or_taken_without_an_answer_is_led_by_only_after_its_duration() {
    let mut candidate = candidate("b");
    candidate.saw(None, Duration::ZERO);
    assert!(candidate.claim(Duration::ZERO, at(0)).is_some());
    candidate.saw(Some(lease(1, Some("b"), at(0))), 40 * SECOND);
    assert!(candidate.claim(40 * SECOND, at(0)).is_some(), "it is renewed");
    candidate.wrote(lease(2, Some("b"), at(0)), 50 * SECOND, 50 * SECOND);
    assert!(!leads(&candidate, 51 * SECOND) && leads(&candidate, 52 * SECOND));
}

#[test]
fn a_leader_that_sees_another_s_lease_or_none_leads_no_more() {
    for seen in [Some(lease(9, Some("b"), at(0))), Some(lease(9, None, at(0))), None] {
        let mut candidate = candidate("a");
        take(&mut candidate);
        assert!(leads(&candidate, SECOND));
        candidate.saw(seen, SECOND);
        assert!(!leads(&candidate, SECOND));
    }
}

#[test]
fn a_renewal_whose_answer_was_lost_is_looked_for() {
    let mut candidate = candidate("a");
    take(&mut candidate);
    assert!(candidate.claim(2 * SECOND, at(0)).is_some() && !candidate.is_sure());
    candidate.saw(Some(lease(9, Some("a"), at(0))), 4 * SECOND);
    assert!(leads(&candidate, 7 * SECOND) && !leads(&candidate, 8 * SECOND), "as the answer said");
    let claim = candidate.claim(4 * SECOND, at(0)).unwrap();
    assert_eq!(claim.metadata.resource_version.as_deref(), Some("9"));
}

#[test]
fn who_lets_go_leads_no_more_and_leaves_the_lease_vacant() {
    let mut candidate = candidate("a");
    take(&mut candidate);
    let released = candidate.release().unwrap();
    assert!(!leads(&candidate, Duration::ZERO));
    assert_eq!(released.metadata.resource_version.as_deref(), Some("8"));
    assert_eq!(released.spec.unwrap().holder_identity, None);
    candidate.saw(Some(lease(9, Some("b"), at(0))), SECOND);
    assert_eq!(candidate.release(), None, "another's is left alone");
}
