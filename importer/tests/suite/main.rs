//! The importer against a real PostgreSQL, a real HTTP server and as a real process.
#![allow(
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    unreachable_pub,
    reason = "tests"
)]

#[path = "../../examples/generate/sales.rs"]
mod sales;
mod support;

mod broken;
mod claims;
mod command_line;
mod crash;
mod datasets;
mod disk;
mod dry_run;
mod files;
mod http;
mod list;
mod memory;
mod object_store;
mod overlaps;
mod program_http;
mod progress;
mod range_server;
mod resume;
mod s3;
mod torture;
mod totals;
mod traces;
mod traps;
