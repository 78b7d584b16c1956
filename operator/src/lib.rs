//! The operator: turns a SalesImport into an importer Job and its outcome into a status, and makes
//! SalesImports at the ticks of a SalesImportSchedule.
//!
//! In comes what the API server holds of both, of Jobs, Pods and events; out go SalesImports,
//! Jobs, statuses and events. It holds no database credentials, and never reads a Secret or a
//! ConfigMap. What it may do, and nothing else:
//!
//! | resource | verbs |
//! | --- | --- |
//! | `salesimports.takings.dev` | get, list, watch, create |
//! | `salesimports.takings.dev/status` | patch |
//! | `salesimportschedules.takings.dev` | get, list, watch |
//! | `salesimportschedules.takings.dev/status` | update |
//! | `jobs.batch` | get, list, watch, create, delete |
//! | `pods` | list, watch |
//! | `events` | list, watch |
//! | `events.events.k8s.io` | create, patch |
//! | `leases.coordination.k8s.io`, in its own namespace | create; of its own one get, update |
//!
//! What must stay true:
//! - a Job is made only after its attempt's number stands in the status, once, and never again
//!   once its uid was recorded;
//! - no run is called failed before the ledger has said how it ended, unless no importer of it
//!   can have started;
//! - of several operators one reconciles, and none writes that may have been replaced;
//! - a tick's SalesImport is made once, under a name that follows from the tick, and never changed
//!   or deleted;
//! - every decision is made in `sales_import::plan` and `schedule::plan`, which know no client and
//!   no clock.

pub mod cli;
pub mod crd;
mod ending;
mod failpoint;
mod index;
pub mod leader;
pub mod metrics;
mod readable;
pub mod requests;
pub mod run;
pub mod sales_import;
pub mod schedule;
mod watches;
