//! Orders that several chunks hold: which version of each order-day counts, before a change of
//! the live loads and after it, and what that changes beyond the plain sums.

use std::collections::BTreeMap;

use super::{Figures, Fingerprint, OrderDay, OrderKey};
use crate::OnOverlap;

/// How many conflicts are told.
const CONFLICTS_SHOWN: usize = 20;

/// What becomes of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It is live and stays so.
    Stays,
    /// It is live, and retired or reverted now.
    Leaves,
    /// It is published now: the last in order.
    Arrives,
}

/// A change of the live loads.
#[derive(Clone, Debug)]
pub struct Change {
    /// All loads that matter, in the order of their publish.
    pub roles: Vec<Role>,
    /// What happens to order-days that are there with other lines.
    pub on_overlap: OnOverlap,
}

/// What one chunk holds of an order.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// Its load, by the place in [`Change::roles`].
    pub load: usize,
    /// The caller's name for where its first order-day is.
    pub place: Place,
    /// Its order-days, ascending.
    pub days: &'a [OrderDay],
    /// Their fingerprints; may be left out where no arriving load meets one that stays.
    pub fingerprints: &'a [Fingerprint],
    /// Whether the load holds them, or had skipped them; none given: it holds them all.
    pub skipped: &'a [bool],
}

/// A block, by the caller's number, and an order-day in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The block.
    pub block: usize,
    /// The order-day in the block.
    pub order_day: usize,
}

/// An order-day of a load that no longer counts once the arriving load is live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superseded {
    /// The load that holds it.
    pub load: usize,
    /// The order.
    pub order: OrderKey,
    /// The date, counted from 2000-01-01.
    pub day: i32,
}

/// What came out of all orders that met.
#[derive(Clone, Debug, Default)]
pub struct Meeting {
    /// To be added to the sum of the arriving load's chunks, so that it is right by itself.
    pub own: Figures,
    /// To be added to the figures beside the arriving load's own and less the leaving loads' own.
    pub across: Figures,
    /// Order-days of the arriving load that it does not hold: they are there already.
    pub skipped: Vec<Place>,
    /// The same, by what its sales can be found with.
    pub superseded: Vec<Superseded>,
    /// How many lines were skipped.
    pub lines_skipped: u64,
    /// By load that stays: order-days left to it, order-days taken from it.
    pub overlaps: BTreeMap<usize, (i64, i64)>,
    /// How many order-days of the arriving load are there with the same lines.
    pub same_count: u64,
    /// How many order-days of the arriving load are there with other lines.
    pub conflict_count: u64,
    /// The first of them by date and id, each with the load that has it.
    pub conflicts: Vec<Superseded>,
    /// How often more the chunks of the arriving load have orders than it has orders.
    pub repeated_orders: u64,
    /// The same of order-days.
    pub repeated_order_days: u64,
}

/// One load's version of one order-day, from however many chunks.
#[derive(Clone, Copy, Debug)]
struct Version {
    load: usize,
    order_day: OrderDay,
    fingerprint: Fingerprint,
}

impl Meeting {
    /// Takes in all parts of one order, at least two.
    pub fn meet(&mut self, change: &Change, order: &OrderKey, parts: &[Part<'_>]) {
        if let Some((stays, arrives)) = all_there(change, parts) {
            return self.leave(order, stays, arrives);
        }
        let role = |load: usize| change.role(load);
        let (mut arriving_parts, mut arriving_days) = (0, 0);
        for part in parts.iter().filter(|part| role(part.load) == Role::Arrives) {
            self.own.subtract(part.days);
            arriving_parts += 1;
            arriving_days += part.days.len();
        }
        let versions = versions(parts);
        let live = |stays: fn(Role) -> bool| {
            let mut live = BTreeMap::new();
            // Later loads come later: the last one of a day counts.
            for version in versions.iter().filter(|version| stays(role(version.load))) {
                live.insert(version.order_day.day, *version);
            }
            live
        };
        let before = live(|role| role != Role::Arrives);
        let staying = live(|role| role == Role::Stays);
        let mut after = staying.clone();
        let arriving: Vec<_> =
            versions.iter().filter(|version| role(version.load) == Role::Arrives).collect();
        self.repeated_orders += u64::saturating_sub(arriving_parts, 1);
        self.repeated_order_days += (arriving_days - arriving.len()) as u64;
        let mut held = Vec::with_capacity(arriving.len());
        for version in arriving {
            if let Some(there) = staying.get(&version.order_day.day) {
                let is_same = version.is_same(there);
                self.count(order, there, is_same);
                if is_same || change.on_overlap == OnOverlap::Skip {
                    self.skip(order, version, there, parts);
                    continue;
                }
                if change.on_overlap == OnOverlap::Replace {
                    let day = version.order_day.day;
                    self.take_from(
                        order,
                        versions.iter().filter(|other| {
                            role(other.load) == Role::Stays && other.order_day.day == day
                        }),
                    );
                }
            }
            after.insert(version.order_day.day, *version);
            held.push(version.order_day);
        }
        self.own.add(&held);
        self.across.subtract(&held);
        self.across.add(after.values().map(|version| &version.order_day));
        self.across.subtract(before.values().map(|version| &version.order_day));
        for leaving in versions.chunk_by(|a, b| a.load == b.load) {
            if leaving.first().is_some_and(|version| role(version.load) == Role::Leaves) {
                self.across.add(leaving.iter().map(|version| &version.order_day));
            }
        }
    }

    /// The arriving load leaves all of an order to the one that has it.
    fn leave(&mut self, order: &OrderKey, stays: &Part<'_>, arrives: &Part<'_>) {
        self.own.subtract(arrives.days);
        for (order_day, fingerprint) in arrives.days.iter().zip(arrives.fingerprints) {
            let (order_day, fingerprint) = (*order_day, *fingerprint);
            let version = Version { load: arrives.load, order_day, fingerprint };
            let there = Version { load: stays.load, ..version };
            self.count(order, &there, true);
            self.skip(order, &version, &there, std::slice::from_ref(arrives));
        }
    }

    /// An order-day of the arriving load is there already.
    fn count(&mut self, order: &OrderKey, there: &Version, is_same: bool) {
        if is_same {
            self.same_count += 1;
            return;
        }
        self.conflict_count += 1;
        self.conflicts.push(there.superseded(order));
        if self.conflicts.len() > 2 * CONFLICTS_SHOWN {
            self.shorten_conflicts();
        }
    }

    /// The arriving load leaves an order-day to the one that has it.
    fn skip(&mut self, order: &OrderKey, version: &Version, there: &Version, parts: &[Part<'_>]) {
        let day = version.order_day.day;
        self.lines_skipped += u64::from(version.order_day.lines);
        self.superseded.push(version.superseded(order));
        self.overlaps.entry(there.load).or_default().0 += 1;
        for part in parts.iter().filter(|part| part.load == version.load) {
            if let Some(index) = part.days.iter().position(|each| each.day == day) {
                let Place { block, order_day } = part.place;
                self.skipped.push(Place { block, order_day: order_day + index });
            }
        }
    }

    /// The arriving load takes an order-day from all that hold it.
    fn take_from<'a>(&mut self, order: &OrderKey, others: impl Iterator<Item = &'a Version>) {
        for version in others {
            self.overlaps.entry(version.load).or_default().1 += 1;
            self.superseded.push(version.superseded(order));
        }
    }

    /// Leaves the first conflicts by date and id.
    pub fn shorten_conflicts(&mut self) {
        self.conflicts.sort_by_cached_key(|conflict| (conflict.day, conflict.order.id()));
        self.conflicts.truncate(CONFLICTS_SHOWN);
    }
}

impl Change {
    fn role(&self, load: usize) -> Role {
        self.roles.get(load).copied().unwrap_or(Role::Stays)
    }
}

/// The parts of an order of which one load that stays has all that arrives, with the same lines,
/// and no other has any: what a file that comes again mostly holds, and found out quickly.
fn all_there<'a, 'b>(
    change: &Change,
    parts: &'a [Part<'b>],
) -> Option<(&'a Part<'b>, &'a Part<'b>)> {
    let [one, other] = parts else { return None };
    let (stays, arrives) = match (change.role(one.load), change.role(other.load)) {
        (Role::Stays, Role::Arrives) => (one, other),
        (Role::Arrives, Role::Stays) => (other, one),
        _ => return None,
    };
    let is_whole = |part: &Part<'_>| {
        part.fingerprints.len() == part.days.len() && !part.skipped.contains(&true)
    };
    let is_same = stays.days == arrives.days && stays.fingerprints == arrives.fingerprints;
    (is_same && is_whole(stays) && is_whole(arrives)).then_some((stays, arrives))
}

impl Version {
    /// Whether both have the same lines.
    fn is_same(&self, other: &Self) -> bool {
        self.order_day == other.order_day && self.fingerprint == other.fingerprint
    }

    fn superseded(&self, order: &OrderKey) -> Superseded {
        Superseded { load: self.load, order: order.clone(), day: self.order_day.day }
    }
}

/// By load and day, the parts of one order-day put together.
fn versions(parts: &[Part<'_>]) -> Vec<Version> {
    let mut versions: Vec<Version> = Vec::with_capacity(parts.len() * 2);
    for part in parts {
        for (index, order_day) in part.days.iter().enumerate() {
            if !part.skipped.get(index).copied().unwrap_or_default() {
                let fingerprint = part.fingerprints.get(index).copied().unwrap_or_default();
                versions.push(Version { load: part.load, order_day: *order_day, fingerprint });
            }
        }
    }
    versions.sort_by_key(|version| (version.load, version.order_day.day));
    versions.dedup_by(|later, kept| {
        let same = later.load == kept.load && later.order_day.day == kept.order_day.day;
        if same {
            kept.order_day.lines += later.order_day.lines;
            kept.order_day.revenue = kept.order_day.revenue + later.order_day.revenue;
            kept.fingerprint = kept.fingerprint.and(later.fingerprint);
        }
        same
    });
    versions
}

#[cfg(test)]
mod tests;
