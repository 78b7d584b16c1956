//! Handlers, by subject: a request becomes a call, the answer becomes JSON.

pub(crate) mod compatible;
pub(crate) mod folder;
pub(crate) mod health;
pub(crate) mod imports;
pub(crate) mod nothing;
pub(crate) mod revenue;
pub(crate) mod uploads;
pub(crate) mod version;
