//! Which of several operators reconciles: the holder of a Lease (`coordination.k8s.io/v1`).
//!
//! - `candidate` decides what to write into the Lease, and whether it made this process the leader:
//!   pure, without client and clock;
//! - `elector` asks and writes, and does the work while this process is the leader;
//! - `leadership` is what the work asks before each write;
//! - `settings` are the flags.

mod candidate;
mod elector;
mod leadership;
mod settings;

pub use elector::{Elector, Lost};
pub use leadership::Leadership;
pub use settings::{LeaderArguments, LeaseSettings, SettingsError};
