//! An upgrade of the release, while clients go on asking.

use anyhow::Result;
use e2e::{Takings, http, repository, takings::NAMESPACE};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

#[test]
fn clients_notice_nothing_of_an_upgrade() -> Result<()> {
    let takings = Takings::shared()?;
    let address = takings.service()?;

    let upgraded = AtomicBool::new(false);
    let (answered, failed) = thread::scope(|scope| {
        let client = scope.spawn(|| ask_until(&upgraded, &address));
        let result = upgrade(takings);
        upgraded.store(true, Ordering::SeqCst);
        result.map(|()| client.join().unwrap_or_default())
    })?;
    assert_eq!(failed, [""; 0], "of {answered} requests");
    assert!(answered > 50, "{answered} requests");
    Ok(())
}

/// New Pods of the API, one after the other, after the migrations.
fn upgrade(takings: &Takings) -> Result<()> {
    let chart = repository("charts/takings");
    takings.cluster.helm(&[
        "upgrade",
        NAMESPACE,
        &chart.to_string_lossy(),
        "-n",
        NAMESPACE,
        "--reuse-values",
        "--set",
        "api.podAnnotations.upgraded=again",
        "--wait",
        "--timeout",
        "4m",
    ])?;
    Ok(())
}

/// Counts the answers; each request is a connection of its own.
fn ask_until(done: &AtomicBool, address: &str) -> (usize, Vec<String>) {
    let (mut answered, mut failed) = (0, Vec::new());
    while !done.load(Ordering::SeqCst) {
        match http::get(address, "/version") {
            Ok(answer) if answer.status == 200 => answered += 1,
            other => failed.push(format!("{other:?}")),
        }
        thread::sleep(std::time::Duration::from_millis(20));
    }
    (answered, failed)
}
