//! The control: as many Jobs of the same template, posted straight, without an operator. What the
//! cluster alone takes for them is the most that any operator could bring to an end.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{
    Size,
    book::{Book, Kind, Life, SALES_IMPORT},
    figure::a_minute,
    program::Operator,
    world::{World, imports, jobs, sales_import},
};

/// What the operator makes of one import, for what plays its part later.
#[derive(Debug)]
pub(super) struct Template {
    /// The finished SalesImport.
    pub(super) import: Value,
    job: Value,
}

/// Learns the template, then measures: Jobs whose Pod has ended, a minute.
pub(super) async fn run(operator: &Path, size: Size) -> Result<(Template, f64)> {
    let world = World::new().await?;
    let book = Book::of(&world.client, &[Kind::Import, Kind::Job, Kind::Pod]);
    let template = learn(operator, &world, &book).await?;
    let began = Instant::now();
    let has_ended = |life: &Life| life.ended.is_some();
    let post = World::each((size.imports, size.unfinished), |number| {
        let (world, book, template) = (&world, &book, &template);
        async move {
            let name = format!("control-{number}");
            world.post(&jobs(), &template.job(&name)?).await?;
            book.once(&name, has_ended).await;
            Ok(())
        }
    });
    let all = ("control-", size.imports);
    tokio::try_join!(post, book.until(&world, all, "Jobs whose Pod has ended", has_ended))?;
    let ends = book.lives("control-").into_iter().filter_map(|life| life.ended);
    Ok((template, a_minute(size.imports, began, ends)?))
}

async fn learn(operator: &Path, world: &World, book: &Book) -> Result<Template> {
    let operator = Operator::start(operator, world, 3_600)?;
    world.post(&imports(), &sales_import("first")).await?;
    let finished = |life: &Life| life.finished.is_some();
    book.until(world, ("first", 1), "finished", finished).await?;
    operator.stop()?;
    let import = world.get(&format!("{}/first", imports())).await?;
    let name = import["status"]["job"]["name"].as_str().context("no Job in the status")?;
    let job = world.get(&format!("{}/{name}", jobs())).await?;
    Ok(Template { import, job })
}

impl Template {
    /// The same Job for another import, without what the API server adds.
    fn job(&self, import: &str) -> Result<Value> {
        let about = |metadata: &Value| {
            let mut labels = metadata["labels"].clone();
            let own = labels.as_object_mut().context("a Job without labels")?;
            own.retain(|label, _| {
                !["controller-uid", "job-name"].iter().any(|of| label.ends_with(of))
            });
            anyhow::Ok(json!({"labels": labels, "annotations": {SALES_IMPORT: import}}))
        };
        let mut metadata = about(&self.job["metadata"])?;
        metadata["name"] = import.into();
        let mut spec = self.job["spec"].clone();
        spec["template"]["metadata"] = about(&spec["template"]["metadata"])?;
        spec.as_object_mut().context("a Job without a spec")?.remove("selector");
        Ok(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}))
    }
}
