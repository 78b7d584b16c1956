//! What happens around each request: its id, one line in the log, and failures in words.

mod access;
mod fresh;
mod problems;
mod request_id;

pub(crate) use access::access;
pub(crate) use fresh::fresh;
pub(crate) use problems::problems;
pub(crate) use request_id::{RequestId, request_id};
