//! The control: as many Jobs of the same template, posted straight, without an operator. What the
//! cluster alone takes for them is the most that any operator could bring to an end.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{
    Size,
    book::{Book, Kind, Life, SALES_IMPORT},
    figure::{a_minute, percentile_99},
    life::spans,
    program::Operator,
    world::{AT_ONCE, World, imports, jobs, sales_import},
};
use crate::figures::Round;

/// What the operator makes of one import, for what plays its part later.
#[derive(Debug)]
pub(super) struct Template {
    /// The finished SalesImport.
    pub(super) import: Value,
    job: Value,
}

/// Learns the template, then measures: how long Jobs take to be there that are posted at once, and
/// Jobs whose Pod has ended, a minute.
pub(super) async fn run(operator: &Path, size: Size, round: &mut Round) -> Result<Template> {
    let world = World::new().await?;
    let book = Book::of(&world.client, &[Kind::Import, Kind::Job, Kind::Pod]);
    let template = learn(operator, &world, &book).await?;
    let control = Control { world, book, template };
    let lives = control.post(("rush-", size.burst), (AT_ONCE, |_| true)).await?;
    let times = spans(&lives, |life| (life.posted, life.job_made));
    round.note(super::CONTROL_JOB_MADE, percentile_99(times)?);
    let began = Instant::now();
    let lives = control.post(("control-", size.imports), (size.unfinished, has_ended)).await?;
    let ends = lives.iter().filter_map(|life| life.ended);
    round.note(super::CONTROL, a_minute(size.imports, began, ends)?);
    Ok(control.template)
}

fn has_ended(life: &Life) -> bool {
    life.ended.is_some()
}

struct Control {
    world: World,
    book: Book,
    template: Template,
}

impl Control {
    /// Posts Jobs, so many at a time, each of which is waited for to be so, and waits until the
    /// Pods of all have ended.
    async fn post(
        &self,
        (prefix, count): (&str, usize),
        (at_once, is_so): (usize, fn(&Life) -> bool),
    ) -> Result<Vec<Life>> {
        let post = World::each((count, at_once), |number| async move {
            let name = format!("{prefix}{number}");
            self.book.posting(&name);
            self.world.post(&jobs(), &self.template.job(&name)?).await?;
            self.book.once(&name, is_so).await;
            Ok(())
        });
        let what = "Jobs whose Pod has ended";
        tokio::try_join!(post, self.book.until(&self.world, (prefix, count), what, has_ended))?;
        Ok(self.book.lives(prefix))
    }
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
