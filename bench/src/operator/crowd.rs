//! A start among many imports that finished long ago, whose Jobs are cleared away.

use std::path::Path;

use anyhow::{Context, Result};
use harness::progress::say;
use http::Request;
use jiff::{SignedDuration, Timestamp};
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{
    book::{Book, Kind, Life},
    control::Template,
    program::Operator,
    world::{AT_ONCE, World, imports, sales_import},
};
use crate::figures::Round;

/// Measures it.
pub(super) async fn run(
    program: &Path,
    template: &Template,
    count: usize,
    round: &mut Round,
) -> Result<()> {
    let world = World::new().await?;
    say(&format!("{count} finished imports are made"));
    let status = long_ago(&template.import["status"])?;
    World::each((count, AT_ONCE), |number| make(&world, &status, number)).await?;
    let book = Book::of(&world.client, &[Kind::Job]);
    world.post(&imports(), &sales_import("new")).await?;
    let operator = Operator::start(program, &world, 3_600)?;
    let made = |life: &Life| life.job_made.is_some();
    book.until(&world, ("new", 1), "under way", made).await?;
    let made = book.lives("new").into_iter().find_map(|life| life.job_made);
    let start = made.context("no Job")?.duration_since(operator.started);
    round.note(super::START, start.as_secs_f64());
    operator.rest().await?;
    round.note(super::CROWD_MEMORY, operator.peak_memory()?);
    operator.stop()
}

/// The status of an import that finished so long ago that its Job is gone.
fn long_ago(status: &Value) -> Result<Value> {
    let mut status = status.clone();
    let time = Timestamp::now().checked_sub(SignedDuration::from_hours(48))?;
    let time = Timestamp::from_second(time.as_second())?.to_string();
    for field in ["startTime", "attemptTime", "importerStartTime", "finishTime"] {
        status[field] = time.clone().into();
    }
    for condition in status["conditions"].as_array_mut().context("no conditions")? {
        condition["lastTransitionTime"] = time.clone().into();
    }
    Ok(status)
}

async fn make(world: &World, status: &Value, number: usize) -> Result<()> {
    let name = format!("done-{number}");
    let import = world.post(&imports(), &sales_import(&name)).await?;
    let mut status = status.clone();
    status["outcome"]["importId"] = import["metadata"]["uid"].clone();
    status["job"]["name"] = format!("{name}-1-1").into();
    let object = json!({"apiVersion": "takings.dev/v1alpha1", "kind": "SalesImport",
        "metadata": {"uid": import["metadata"]["uid"]}, "status": status});
    let path = format!("{}/{name}/status?fieldManager=takings-operator&force=true", imports());
    let request = Request::patch(path).header("content-type", "application/apply-patch+yaml");
    let request = request.body(serde_json::to_vec(&object)?)?;
    world.client.request::<IgnoredAny>(request).await?;
    Ok(())
}
