//! Points at which tests kill the operator. Compiled in by the feature `failpoints` only, for
//! test images: `TAKINGS_FAILPOINT=NAME` names the point.

/// Ends the process, as kill -9 would, where the environment names this point.
#[cfg(feature = "failpoints")]
pub(crate) fn hit(name: &str) {
    if std::env::var("TAKINGS_FAILPOINT").is_ok_and(|wanted| wanted == name) {
        tracing::warn!(failpoint = name, "a test's failpoint was reached");
        std::process::abort();
    }
}

/// Nothing: the feature `failpoints` is off.
#[cfg(not(feature = "failpoints"))]
pub(crate) fn hit(_name: &str) {}
