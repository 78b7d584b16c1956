//! The API as its clients see it: the real program, on a port of its own, over a real PostgreSQL.

mod bad_requests;
mod bad_uploads;
mod database_away;
mod drain;
mod health;
mod import_folder;
mod import_sales;
mod metrics_revenue;
mod observability;
mod support;
mod v1_imports;
mod v1_revenue;
