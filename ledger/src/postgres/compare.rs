//! Comparing a load with those that are live: blocks of order-days in, a [`Meeting`] out.
//!
//! Goes through the order ids once, and reads only blocks that reach into each other; of those
//! only the ids, and the rest where an order lies in several of them. Memory holds, as they are
//! stored, the blocks that are open: one of a chunk, hardly ever more. Takes no lock: publish
//! checks that the live loads are still those.

use std::{collections::BTreeMap, sync::Arc};

use sqlx::Row;
use uuid::Uuid;

use super::{Ledger, LedgerError, block_set::BlockSet, marks::Marks, spool::Spool};
use crate::{
    ImportId, OnOverlap,
    order_days::{Change, Meeting, Role},
    outcome::Conflict,
};

/// How often a comparison is done anew, since other loads were published meanwhile.
pub(super) const COMPARISONS: usize = 100;

/// A load that takes part in a comparison.
#[derive(Clone, Copy, Debug)]
pub(super) struct ComparedLoad {
    pub(super) load_id: i32,
    pub(super) import_id: Option<Uuid>,
    pub(super) role: Role,
}

/// What a change of the live loads means, for one state of the dataset.
#[derive(Debug)]
pub(super) struct Comparison {
    /// The state of the dataset that it holds for.
    pub(super) version: i64,
    /// The loads, as [`Meeting`] numbers them.
    pub(super) loads: Vec<ComparedLoad>,
    /// What came out.
    pub(super) meeting: Meeting,
}

/// What is to change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intended {
    /// In this dataset,
    pub(super) dataset_id: i32,
    /// this load becomes live,
    pub(super) arriving: Option<i32>,
    /// all of it being one chunk,
    pub(super) is_one_chunk: bool,
    /// what this import has live goes,
    pub(super) leaving: Uuid,
    /// and this is done about conflicts.
    pub(super) on_overlap: OnOverlap,
}

impl Ledger {
    /// Compares; where a load arrives, notes what it does not hold and what it replaces.
    pub(super) async fn compare(
        &self,
        intended: Intended,
        marks: &mut Marks<'_>,
    ) -> Result<Comparison, LedgerError> {
        let found = self.compared_loads(intended).await?;
        self.meet(intended, found, None, marks).await
    }

    /// Compares loads of one state of the dataset. The arriving one's blocks may lie in a spool.
    pub(super) async fn meet(
        &self,
        intended: Intended,
        (version, loads): (i64, Vec<ComparedLoad>),
        spool: Option<&Arc<Spool>>,
        marks: &mut Marks<'_>,
    ) -> Result<Comparison, LedgerError> {
        let change = Change {
            roles: loads.iter().map(|load| load.role).collect(),
            on_overlap: intended.on_overlap,
        };
        let mut meeting = Meeting::default();
        if intended.meets_nobody(&loads) {
            return Ok(Comparison { version, loads, meeting });
        }
        let mut blocks = BlockSet::find(self, intended.dataset_id, &loads, spool).await?;
        while let Some(met) = blocks.next_met().await? {
            blocks.read_met(&met, &change).await?;
            for (order, places) in &met {
                meeting.meet(&change, order, &blocks.parts(places)?);
            }
            marks.take(&mut meeting, &blocks, &loads).await?;
        }
        meeting.shorten_conflicts();
        Ok(Comparison { version, loads, meeting })
    }

    /// The dataset's version and its live loads, with the one that arrives as the last.
    pub(super) async fn compared_loads(
        &self,
        intended: Intended,
    ) -> Result<(i64, Vec<ComparedLoad>), LedgerError> {
        let rows = sqlx::query("SELECT * FROM takings.live_loads($1, $2)")
            .bind(intended.dataset_id)
            .bind(intended.leaving)
            .fetch_all(&self.pool)
            .await?;
        let Some(first) = rows.first() else {
            return Err(LedgerError::NotGranted(
                "The database role may not write to this dataset.".into(),
            ));
        };
        let version = first.try_get("version")?;
        let mut loads = Vec::with_capacity(rows.len());
        for row in &rows {
            let Some(load_id) = row.try_get("load_id")? else { continue };
            let role = if row.try_get("leaves")? { Role::Leaves } else { Role::Stays };
            loads.push(ComparedLoad { load_id, import_id: row.try_get("import_id")?, role });
        }
        loads.extend(intended.arriving.map(ComparedLoad::arriving));
        Ok((version, loads))
    }
}

impl Intended {
    /// Whether no order can lie in two blocks of these loads, one of which is not of a load that
    /// leaves: a chunk holds each order in one block.
    fn meets_nobody(&self, loads: &[ComparedLoad]) -> bool {
        match loads {
            [] => true,
            [only] => only.role == Role::Leaves || self.is_one_chunk,
            _ => false,
        }
    }
}

impl ComparedLoad {
    /// A load that is to be published.
    pub(super) fn arriving(load_id: i32) -> Self {
        Self { load_id, import_id: None, role: Role::Arrives }
    }
}

impl Comparison {
    /// By earlier load: order-days left to it and taken from it.
    pub(super) fn overlaps(&self) -> BTreeMap<i32, (i64, i64)> {
        let load = |index: &usize| self.loads.get(*index).map(|load| load.load_id);
        let overlaps = self.meeting.overlaps.iter();
        overlaps.filter_map(|(index, counts)| Some((load(index)?, *counts))).collect()
    }

    /// The first order-days that are there with other lines.
    pub(super) fn conflicts(&self) -> Vec<Conflict> {
        let conflicts = self.meeting.conflicts.iter().filter_map(|conflict| {
            let load = self.loads.get(conflict.load)?;
            Some(Conflict {
                order_id: String::from_utf8_lossy(&conflict.order.id()).into_owned(),
                sale_date: super::copy::date_of(conflict.day)?,
                import_id: ImportId(load.import_id?),
                load: load.load_id,
            })
        });
        conflicts.collect()
    }

    /// Why such a load is refused, where nobody said what to do about it.
    pub(super) fn overlap(&self) -> LedgerError {
        LedgerError::Overlap {
            message: format!(
                "{} order-days are in the ledger with other lines. Nothing was loaded: see \
                 conflicts, and choose onOverlap Skip (what is there stays) or Replace (these \
                 lines take their place).",
                self.meeting.conflict_count
            ),
            conflicts: self.conflicts(),
            lines_skipped: self.meeting.lines_skipped,
        }
    }
}
