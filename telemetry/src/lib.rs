//! What every program of Takings repeats: logs, metrics, traces, the admin port, shutdown.
//!
//! In come settings, each a flag and an environment variable; out go log lines, a registry and
//! a small HTTP server. Nothing here knows what the program does.

pub mod admin;
pub mod logs;
pub mod metrics;
pub mod shutdown;
#[cfg(feature = "otlp")]
pub mod traces;

pub use admin::AdminSettings;
pub use logs::{LogSettings, Stream};
