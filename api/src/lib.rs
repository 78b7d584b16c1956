//! Answers for the revenue over HTTP, and takes uploads.
//!
//! In come HTTP requests; out go exact figures, and imports that have ended. `routes` is the one
//! table of routes; `handlers` turn a request into a call of the ledger and its answer into JSON;
//! `problem` is the one place with status codes of failures. No SQL here: all of it is the
//! ledger's. No parsing of files here: uploads stream into the importer's library.
//!
//! ```text
//! serve ─> middleware ─> routes ─> handlers ─┬─> params            what was asked
//!          request id    the      by subject ├─> answers ─> memory, ledger::postgres
//!          access log    table               ├─> uploads ─> importer
//!          problems                          └─> envelope, problem  how it is said
//! ```

mod answers;
mod cursor;
mod envelope;
mod filename;
mod form;
mod handlers;
mod lingering;
mod memory;
mod metrics;
mod middleware;
mod params;
mod problem;
mod readiness;
mod routes;
pub mod run;
mod serve;
pub mod settings;
mod settle;
mod state;
mod uploads;
