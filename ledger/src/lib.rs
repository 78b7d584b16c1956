//! The ledger: the words of Takings and the tables behind them.
//!
//! In come accepted sales, rejected lines and the verdict on a file; out go outcomes and exact
//! figures. Everything here but [`postgres`] is pure: no client, no clock, no network. All SQL
//! of the product lives in [`postgres`] and in `migrations/`, nowhere else.
//!
//! What must stay true:
//! - every accepted sale counts exactly once, and a total equals the decimal sum of its lines;
//! - an import is visible as a whole or not at all;
//! - lines read = imported + skipped + rejected in every published import;
//! - money is never a float.

pub mod decimal;
pub mod ids;
pub mod listing;
pub mod outcome;
pub mod policy;
pub mod reject;
pub mod sale;

#[cfg(feature = "postgres")]
pub mod order_days;
#[cfg(feature = "postgres")]
pub mod postgres;

pub use decimal::Decimal;
pub use ids::{Currency, Dataset, Digest, ImportId, Run};
pub use listing::ListOutcome;
pub use outcome::Outcome;
pub use policy::{MaxRejected, OnOverlap};
pub use reject::{Reject, RejectReason, Rejects};
pub use sale::Sale;
