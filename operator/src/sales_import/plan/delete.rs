//! A SalesImport that is deleted: what becomes of its sales. Pure.
//!
//! They stay, unless `spec.onDelete` is `Revert`: then a finalizer holds the SalesImport from before
//! its first Job on, and once it is deleted, a short Job ends its run in the ledger and takes out
//! of the figures what the import has there, as often as it takes. Then it is let go.

use kube::ResourceExt as _;

use super::{Action, Planner, SOON, Step};
use crate::{
    crd::{KEEP_SALES, REVERT_SALES, conditions, sales_import::OnDelete, status::SettleStatus},
    sales_import::status,
};

impl Planner<'_> {
    /// The finalizer is to be there, or to go.
    pub(super) fn hold(&self) -> Option<Step> {
        match (self.reverts_on_delete(), self.is_held()) {
            (true, false) => Some((Action::Hold, Some(SOON))),
            (false, true) => Some((Action::Release, Some(SOON))),
            _ => None,
        }
    }

    /// It is being deleted.
    pub(super) fn leave(&mut self) -> Step {
        if !self.is_held() {
            // Its Jobs go with it; what it has loaded stays.
            return (Action::None, None);
        }
        let is_reverted = status::reason(&self.status) == Some(conditions::REVERTED);
        if is_reverted || !self.reverts_on_delete() || self.status.run.is_none() {
            return (Action::Release, None);
        }
        match self.status.settle.clone().filter(reverts) {
            Some(settle) => self.revert(settle),
            None => self.give_up(conditions::REVERTING, "It is being deleted."),
        }
    }

    fn revert(&mut self, settle: SettleStatus) -> Step {
        if let Some(step) = self.end_importer(&settle) {
            return step;
        }
        if self.status.importer_start_time.is_some() || self.status.published_run.is_some() {
            return self.ask_ledger(settle);
        }
        self.reverted("No importer of it had ever started.")
    }

    /// Nothing of it is in the figures, nor can be any more.
    pub(super) fn reverted(&mut self, message: &str) -> Step {
        self.status.settle = None;
        self.in_progress(conditions::REVERTED, message);
        (Action::Release, None)
    }

    fn reverts_on_delete(&self) -> bool {
        let import = &self.observed.import;
        let is_kept = import.annotations().get(KEEP_SALES).is_some_and(|kept| kept == "true");
        import.spec.on_delete == OnDelete::Revert && !is_kept
    }

    fn is_held(&self) -> bool {
        self.observed.import.finalizers().iter().any(|one| one == REVERT_SALES)
    }
}

/// Whether a run is given up since the import is deleted.
pub(super) fn reverts(settle: &SettleStatus) -> bool {
    settle.reason == conditions::REVERTING
}
