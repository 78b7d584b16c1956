//! The real parts that tests and `make run` stand on: PostgreSQL, a Kubernetes API server,
//! a one-node cluster and the images that run on it.
//!
//! Everything here is built, kept and run below one [cache] folder outside the repository, is
//! shared between processes under file locks, outlives the process that started it and is
//! stopped by `cargo xtask down`. Nothing here knows what Takings does: the harness depends on no
//! other crate of the workspace.

pub mod apiserver;
pub mod cache;
pub mod cluster;
mod control_plane;
pub mod images;
mod managers;
pub mod packages;
pub mod pki;
pub mod postgres;
pub mod process;
pub mod program;
pub mod progress;
pub mod simulation;
pub mod tools;
