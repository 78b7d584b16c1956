//! The operator against a real kube-apiserver. Nothing runs Pods there: the tests play the Job
//! controller, the kubelet and the garbage collector.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's support may fail loudly")]

mod admission;
mod calls;
mod discover;
mod faults;
mod leader;
mod leader_process;
mod life;
mod outcomes;
mod queue;
mod restart;
mod schedule;
mod schedule_faults;
mod support;
mod unable;
