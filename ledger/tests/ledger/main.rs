//! The ledger on a real PostgreSQL: what it promises, who may do what, its schema.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly, its helpers too")]

mod chunks;
mod claims;
mod indexes;
mod maintain;
mod migrations;
mod model;
mod promises;
mod replicas;
mod retention;
mod roles;
mod support;
mod verify;
