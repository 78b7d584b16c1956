//! The ledger on a real PostgreSQL: what it promises, who may do what, its schema.

mod migrations;
mod model;
mod promises;
mod roles;
mod support;
