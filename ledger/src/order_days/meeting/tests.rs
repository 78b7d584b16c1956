//! What becomes of an order that several chunks or loads hold.

use proptest::{collection::btree_map, collection::vec, prelude::*};

use super::{Role::*, *};
use crate::Decimal;

const NO_PLACE: Place = Place { block: 0, order_day: 0 };

/// Of so many lines and so much revenue; equal where both are.
fn order_day(day: i32, lines: u32, units: i128) -> (OrderDay, Fingerprint) {
    let fingerprint = u128::from(lines) * 1_000 + units.cast_unsigned();
    (OrderDay { day, lines, revenue: Decimal::from_units(units) }, Fingerprint(fingerprint))
}

/// What a chunk of a load holds of the order; a day of which it is said was skipped.
#[derive(Clone, Debug)]
struct Held {
    load: usize,
    place: Place,
    days: Vec<OrderDay>,
    fingerprints: Vec<Fingerprint>,
    skipped: Vec<bool>,
}

fn held(load: usize, days: &[(i32, u32, i128)]) -> Held {
    let (days, fingerprints): (Vec<_>, _) =
        days.iter().map(|&(day, lines, units)| order_day(day, lines, units)).unzip();
    Held { load, place: NO_PLACE, days, fingerprints, skipped: Vec::new() }
}

fn order() -> OrderKey {
    OrderKey::new(b"7")
}

fn meet(roles: &[Role], on_overlap: OnOverlap, all: &[Held]) -> Meeting {
    let mut meeting = Meeting::default();
    let parts: Vec<_> = all
        .iter()
        .map(|Held { load, place, days, fingerprints, skipped }| {
            let (load, place) = (*load, *place);
            Part { load, place, days, fingerprints, skipped }
        })
        .collect();
    meeting.meet(&Change { roles: roles.to_vec(), on_overlap }, &order(), &parts);
    meeting
}

fn superseded(load: usize, day: i32) -> Superseded {
    Superseded { load, order: order(), day }
}

fn figures<'a>(orders: impl IntoIterator<Item = &'a Vec<OrderDay>>) -> Figures {
    let mut figures = Figures::default();
    orders.into_iter().for_each(|order| figures.add(order));
    figures
}

#[test]
fn an_order_of_two_chunks_is_one_order_and_a_day_of_two_chunks_one_day() {
    let chunks = [held(0, &[(1, 1, 5), (2, 1, 5)]), held(0, &[(2, 2, 3), (4, 1, 1)])];
    let meeting = meet(&[Arrives], OnOverlap::Fail, &chunks);
    let mut own = figures(chunks.iter().map(|chunk| &chunk.days));
    own.merge(&meeting.own);
    let whole = held(0, &[(1, 1, 5), (2, 3, 8), (4, 1, 1)]);
    assert_eq!(own.trimmed(), figures([&whole.days]));
    assert_eq!((meeting.repeated_orders, meeting.repeated_order_days), (1, 1));
    assert_eq!(meeting.across.trimmed(), Figures::default());
}

#[test]
fn the_same_lines_are_skipped_in_each_chunk_whatever_the_policy() {
    for on_overlap in [OnOverlap::Fail, OnOverlap::Skip, OnOverlap::Replace] {
        let mut parts =
            [held(0, &[(2, 3, 8)]), held(1, &[(1, 1, 5), (2, 1, 5)]), held(1, &[(2, 2, 3)])];
        parts[1].place = Place { block: 4, order_day: 10 };
        parts[2].place = Place { block: 5, order_day: 0 };
        let meeting = meet(&[Stays, Arrives], on_overlap, &parts);
        assert_eq!((meeting.same_count, meeting.conflict_count), (1, 0));
        assert_eq!(meeting.lines_skipped, 3);
        let skipped = [Place { block: 4, order_day: 11 }, Place { block: 5, order_day: 0 }];
        assert_eq!(meeting.skipped, skipped);
        assert_eq!(meeting.superseded, [superseded(1, 2)]);
        assert_eq!(meeting.overlaps, BTreeMap::from([(0, (1, 0))]));
    }
}

#[test]
fn lines_are_other_ones_where_count_sum_or_fingerprint_differ() {
    let mut other_names = held(1, &[(1, 2, 5)]);
    other_names.fingerprints[0] = Fingerprint(1);
    for arriving in [held(1, &[(1, 1, 5)]), held(1, &[(1, 2, 6)]), other_names] {
        let meeting = meet(&[Stays, Arrives], OnOverlap::Fail, &[held(0, &[(1, 2, 5)]), arriving]);
        assert_eq!((meeting.same_count, meeting.conflict_count), (0, 1));
        assert_eq!(meeting.conflicts, [superseded(0, 1)]);
    }
}

#[test]
fn other_lines_stay_out_or_take_over_from_all_that_hold_the_day() {
    let parts = [held(0, &[(1, 1, 1)]), held(1, &[(1, 1, 2), (3, 1, 1)]), held(2, &[(1, 2, 9)])];
    let roles = [Stays, Stays, Arrives];
    let skip = meet(&roles, OnOverlap::Skip, &parts);
    assert_eq!((skip.conflict_count, skip.lines_skipped), (1, 2));
    assert_eq!(skip.superseded, [superseded(2, 1)]);
    assert_eq!(skip.overlaps, BTreeMap::from([(1, (1, 0))]), "the later of the two counts");
    let replace = meet(&roles, OnOverlap::Replace, &parts);
    assert_eq!((replace.conflict_count, replace.lines_skipped), (1, 0));
    assert_eq!(replace.superseded, [superseded(0, 1), superseded(1, 1)]);
    assert_eq!(replace.overlaps, BTreeMap::from([(0, (0, 1)), (1, (0, 1))]));
}

#[test]
fn what_leaves_or_had_skipped_a_day_is_met_by_nobody() {
    let mut had_skipped = held(0, &[(1, 1, 1)]);
    had_skipped.skipped = vec![true];
    let parts = [had_skipped, held(1, &[(1, 1, 2)]), held(2, &[(1, 2, 9)])];
    let meeting = meet(&[Stays, Leaves, Arrives], OnOverlap::Fail, &parts);
    assert_eq!((meeting.same_count, meeting.conflict_count), (0, 0));
    assert!(meeting.superseded.is_empty() && meeting.overlaps.is_empty());
}

#[test]
fn lines_that_a_load_had_skipped_are_not_there_for_the_same_lines() {
    let mut had_skipped = held(0, &[(1, 1, 1)]);
    had_skipped.skipped = vec![true];
    let parts = [had_skipped, held(1, &[(1, 1, 1)])];
    let meeting = meet(&[Stays, Arrives], OnOverlap::Fail, &parts);
    assert_eq!((meeting.same_count, meeting.lines_skipped), (0, 0));
    assert!(meeting.superseded.is_empty());
}

#[test]
fn of_many_conflicts_the_first_by_date_and_id_are_told() {
    let mut meeting = Meeting::default();
    for number in (0..100).rev() {
        let day = number / 2;
        let (mine, theirs) = (held(1, &[(day, 1, 1)]), held(0, &[(day, 1, 2)]));
        let parts = [&theirs, &mine].map(|held| Part {
            load: held.load,
            place: NO_PLACE,
            days: &held.days,
            fingerprints: &held.fingerprints,
            skipped: &[],
        });
        let change = Change { roles: vec![Stays, Arrives], on_overlap: OnOverlap::Fail };
        meeting.meet(&change, &OrderKey::new(number.to_string().as_bytes()), &parts);
    }
    meeting.shorten_conflicts();
    assert_eq!(meeting.conflict_count, 100);
    let days: Vec<_> = meeting.conflicts.iter().map(|conflict| conflict.day).collect();
    assert_eq!(days, (0..10).flat_map(|day| [day, day]).collect::<Vec<_>>());
    assert_eq!(meeting.conflicts[1].order.id(), b"1");
}

/// Which version of each day counts: that of the last load of those that are asked for.
fn live(all: &[Held], of: impl Fn(usize) -> bool) -> BTreeMap<i32, (usize, OrderDay, u128)> {
    let mut live = BTreeMap::<_, (usize, OrderDay, u128)>::new();
    let mut by_load: Vec<_> = all.iter().filter(|held| of(held.load)).collect();
    by_load.sort_by_key(|held| held.load);
    for Held { load, days, fingerprints, skipped, .. } in by_load {
        for (index, day) in days.iter().enumerate() {
            if skipped.get(index) == Some(&true) {
                continue;
            }
            let Fingerprint(print) = fingerprints[index];
            match live.get_mut(&day.day) {
                Some((by, sum, prints)) if by == load => {
                    sum.lines += day.lines;
                    sum.revenue = sum.revenue + day.revenue;
                    *prints = prints.wrapping_add(print);
                }
                _ => drop(live.insert(day.day, (*load, *day, print))),
            }
        }
    }
    live
}

/// The order's figures, where it has these days.
fn of_live(live: &BTreeMap<i32, (usize, OrderDay, u128)>) -> Figures {
    let days: Vec<_> = live.values().map(|(_, day, _)| *day).collect();
    figures([&days])
}

const ARRIVING: usize = 3;

fn any_held() -> impl Strategy<Value = Held> {
    let days = btree_map(0..4_i32, (1..3_u32, 0..2_i128, any::<bool>()), 1..4);
    (0..=ARRIVING, days).prop_map(|(load, days)| {
        let plain: Vec<_> =
            days.iter().map(|(day, (lines, units, _))| (*day, *lines, *units)).collect();
        // A load that arrives has skipped nothing yet.
        let skipped = days.values().map(|day| day.2 && load != ARRIVING).collect();
        Held { skipped, ..held(load, &plain) }
    })
}

proptest! {
    #[test]
    fn figures_with_the_corrections_are_those_of_what_counts_then(
        all in vec(any_held(), 2..7),
        leaves in vec(any::<bool>(), ARRIVING),
        replaces in any::<bool>(),
    ) {
        let mut roles: Vec<_> = leaves.iter().map(|is| if *is { Leaves } else { Stays }).collect();
        roles.push(Arrives);
        let on_overlap = if replaces { OnOverlap::Replace } else { OnOverlap::Skip };
        let meeting = meet(&roles, on_overlap, &all);

        let staying = live(&all, |load| roles[load] == Stays);
        let mut arriving = live(&all, |load| load == ARRIVING);
        arriving.retain(|day, (_, mine, print)| {
            staying.get(day).is_none_or(|(_, theirs, other)| {
                replaces && (mine, print) != (&mut theirs.clone(), &mut other.clone())
            })
        });
        let mut own = figures(
            all.iter().filter(|held| held.load == ARRIVING).map(|held| &held.days),
        );
        own.merge(&meeting.own);
        prop_assert_eq!(own.clone().trimmed(), of_live(&arriving).trimmed());

        let mut after = staying;
        after.extend(arriving);
        let mut found = of_live(&live(&all, |load| load != ARRIVING));
        found.merge(&own);
        for load in (0..ARRIVING).filter(|load| leaves[*load]) {
            let leaving: Vec<_> =
                live(&all, |other| other == load).values().map(|(_, day, _)| *day).collect();
            found.subtract(&leaving);
        }
        found.merge(&meeting.across);
        prop_assert_eq!(found.trimmed(), of_live(&after).trimmed());
    }
}
