//! Points at which tests kill or hold up the importer. Compiled in by the feature `failpoints`
//! only, for test images.
//!
//! `TAKINGS_FAILPOINT=NAME[:N]` names the point and the how-manieth pass of it (1 if not said);
//! `TAKINGS_FAILPOINT_ACTION` is `kill` (SIGKILL, the default) or `pause:MILLISECONDS`.

/// Does what the environment says for this point, if it says anything.
#[cfg(feature = "failpoints")]
pub(crate) async fn hit(name: &str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static PASSES: AtomicU64 = AtomicU64::new(0);

    let wanted = std::env::var("TAKINGS_FAILPOINT").unwrap_or_default();
    let (wanted, pass) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    if wanted != name {
        return;
    }
    // One point is watched per process, so one counter is enough.
    if PASSES.fetch_add(1, Ordering::Relaxed) + 1 != pass.parse().unwrap_or(1) {
        return;
    }
    tracing::warn!(failpoint = name, pass, "a test's failpoint was reached");
    let action = std::env::var("TAKINGS_FAILPOINT_ACTION").unwrap_or_default();
    let pause = action.strip_prefix("pause:").and_then(|pause| pause.parse().ok());
    if let Some(pause) = pause {
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        return;
    }
    let own = rustix::process::getpid();
    let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    // Still alive: a container's first process can't be killed from within, but can abort.
    std::process::abort();
}

/// Nothing: the feature `failpoints` is off.
#[cfg(not(feature = "failpoints"))]
#[allow(clippy::unused_async, reason = "the same signature as with the feature")]
pub(crate) async fn hit(_name: &str) {}
