//! The API as its clients see it: the real program, on a port of its own, over a real PostgreSQL.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly, its helpers too")]

mod bad_requests;
mod bad_uploads;
mod database_away;
mod drain;
mod health;
mod http_edges;
mod import_folder;
mod import_sales;
mod memory;
mod metrics_revenue;
mod observability;
mod roles;
mod support;
mod v1_imports;
mod v1_revenue;
