//! Exactly once, under torture: faults of many kinds strike a load at points that are named and
//! at moments that are random. Each load is then started again, and the ledger compared with
//! books that are kept apart from it.
//!
//! `make torture` is the long form. A seed is printed first; `TAKINGS_TORTURE_SEED` sets it.

mod books;
mod campaign;
mod connections;
mod files;
mod kills;
mod proxy;
mod readers;
mod server;
mod settle;
