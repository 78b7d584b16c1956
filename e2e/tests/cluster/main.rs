//! Takings on a real cluster: installed by its chart, used by kubectl, asked by HTTP, with the
//! faults that a cluster has. The release is shared; each test has a shop of its own.

mod crashes;
mod cut_off;
mod disrupted;
mod examples;
mod faults;
mod gone;
mod grants;
mod lifecycle;
mod lost_node;
mod metrics;
mod policies;
mod sources;
mod upgrade;
mod waiting;
