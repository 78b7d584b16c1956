//! The registry that every program starts from.

use prometheus::{IntGaugeVec, Opts, Registry};

/// A registry that holds `takings_build_info{version}` and this process's own figures (memory,
/// CPU time, open files); the program adds what it counts.
pub fn registry(version: &str) -> prometheus::Result<Registry> {
    let registry = Registry::new();
    let options = Opts::new("takings_build_info", "Always 1; the label is the program's version.");
    let build_info = IntGaugeVec::new(options, &["version"])?;
    build_info.with_label_values(&[version]).set(1);
    registry.register(Box::new(build_info))?;
    let process = prometheus::process_collector::ProcessCollector::for_self();
    registry.register(Box::new(process))?;
    Ok(registry)
}
