//! Importers that live on after the cluster has given them up, and such as end right after their
//! COMMIT: nothing is told before the ledger was asked, and no sale is doubled or lost.

use anyhow::{Result, ensure};
use e2e::{
    Importer, Policy, Shop, sales,
    shop::{message, reason},
};
use harness::progress;
use serde_json::{Value, json};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use crate::gone::{AtWork, LABEL};

#[test]
fn an_importer_whose_node_is_given_up_meets_the_next_one_and_one_of_both_publishes() -> Result<()> {
    let at_work = AtWork::begin("cut-off", 25, json!({"retries": 0}))?;
    let AtWork { shop, gate, web, .. } = &at_work;
    let importer = Importer::of(&shop.uid("january")?)?;
    let cut_off = importer.cut_off()?;
    shop.kubectl(&["delete", "pod", "-l", LABEL, "--grace-period=1", "--wait=false"])?;
    let given_up = |status: &Value| {
        reason(status, "Finished") == "Retrying" && message(status).contains("does not answer")
    };
    shop.status_when("january", "given up with its node", given_up)?;
    eventually("the next importer", || Ok(web.requests() >= 2))?;
    assert!(importer.is_at_work(), "it was to live on");
    gate.open();
    importer.wait()?;
    let status = shop.finished("january")?;
    assert_eq!(status["attempt"], 2, "{status:#}");
    drop(cut_off);
    at_work.ends_published()
}

#[test]
fn an_importer_that_lives_on_can_not_publish_what_the_ledger_has_called_abandoned() -> Result<()> {
    // Before its source has been silent for the minute that an importer bears.
    let spec = json!({"deadlineSeconds": 45, "retries": 0});
    let AtWork { shop, gate, .. } = AtWork::begin("abandoned", 26, spec)?;
    let importer = Importer::of(&shop.uid("january")?)?;
    let _cut_off = importer.cut_off()?;
    let status = shop.finished("january")?;
    assert_eq!(reason(&status, "Stalled"), "DeadlineExceeded", "{status:#}");
    assert_eq!(status["outcome"]["result"], "Abandoned", "{status:#}");
    if !importer.is_at_work() {
        progress::say("on a machine this slow the importer has ended before; it counts no less");
    }
    gate.open();
    importer.wait()?;
    assert_eq!(shop.revenue()?["line_count"], 0);
    shop.close()
}

/// Holds an importer between its COMMIT and its outcome.
pub(crate) fn pausing(shop: &Shop, import: &str) -> Result<Policy> {
    let pause =
        [("TAKINGS_FAILPOINT", "after-publish"), ("TAKINGS_FAILPOINT_ACTION", "pause:600000")];
    Policy::setting(shop, import, &pause)
}

#[test]
fn a_deadline_right_after_the_commit_is_settled_as_published() -> Result<()> {
    let shop = Shop::open("committed")?;
    // At the deadline one says that it was stopped, and the other can't say anything.
    let imports = [("stopped", sales::generate(27, 30)), ("halted", sales::generate(28, 30))];
    let mut policies = Vec::new();
    for (import, sales) in &imports {
        policies.push(pausing(&shop, import)?);
        shop.put(import, &sales.csv)?;
        let spec = json!({"deadlineSeconds": 60, "retries": 0, "source": Shop::source(import)});
        shop.import(import, spec)?;
    }
    let committed = imports.iter().map(|(_, sales)| sales.lines).sum::<u64>();
    eventually("both COMMITs", || Ok(shop.revenue()?["line_count"] == committed))?;
    Importer::of(&shop.uid("halted")?)?.halt();
    for (import, sales) in &imports {
        let status = shop.finished(import)?;
        assert_eq!(reason(&status, "Ready"), "Published", "{status:#}");
        assert_eq!(status["outcome"]["linesImported"], sales.lines, "{status:#}");
        let told = shop.events(import)?;
        assert!(!told.contains(&"DeadlineExceeded".to_owned()), "{told:?}");
    }
    assert_eq!(shop.revenue()?["line_count"], committed);
    shop.close()
}

/// Waits for something that no status tells.
pub(crate) fn eventually(what: &str, is_so: impl Fn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + Duration::from_mins(2);
    while !is_so()? {
        ensure!(Instant::now() < deadline, "{what} does not come");
        sleep(Duration::from_millis(300));
    }
    Ok(())
}
