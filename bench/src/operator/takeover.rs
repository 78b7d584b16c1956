//! How long nobody reconciles when the operator that leads ends, and another one stands by.

use std::{path::Path, time::Instant};

use anyhow::{Context, Result};

use super::{
    book::{Book, Kind, Life},
    program::Operator,
    world::{World, imports, sales_import},
};
use crate::figures::Round;

/// How often; the longest counts.
const TIMES: usize = 3;
const KEEP_JOBS: u32 = 3_600;

struct Stage<'a> {
    world: World,
    book: Book,
    program: &'a Path,
}

/// Measures it after a clean stop, and after a kill.
pub(super) async fn run(program: &Path, round: &mut Round) -> Result<()> {
    let world = World::new().await?;
    let book = Book::of(&world.client, &[Kind::Job]);
    let stage = Stage { world, book, program };
    let mut leader = stage.start("leads")?;
    stage.made("first").await?;
    let (mut stopped, mut killed) = (0.0_f64, 0.0_f64);
    for time in 0..TIMES {
        let next = stage.stands_by(&format!("stands-by-{time}")).await?;
        let began = Instant::now();
        leader.stop()?;
        stopped = stopped.max(stage.made(&format!("stopped-{time}")).await?.since(began));
        let last = stage.stands_by(&format!("stands-by-too-{time}")).await?;
        let began = Instant::now();
        next.kill()?;
        killed = killed.max(stage.made(&format!("killed-{time}")).await?.since(began));
        leader = last;
    }
    leader.stop()?;
    round.note(super::AFTER_STOP, stopped);
    round.note(super::AFTER_KILL, killed);
    Ok(())
}

/// When a Job was there.
struct Made(Instant);

impl Made {
    fn since(&self, began: Instant) -> f64 {
        self.0.duration_since(began).as_secs_f64()
    }
}

impl Stage<'_> {
    fn start(&self, name: &str) -> Result<Operator> {
        Operator::start_as(name, self.program, &self.world, KEEP_JOBS)
    }

    /// One that has found that another one leads.
    async fn stands_by(&self, name: &str) -> Result<Operator> {
        let operator = self.start(name)?;
        operator.rest().await?;
        Ok(operator)
    }

    /// Posts an import, and waits for its Job.
    async fn made(&self, name: &str) -> Result<Made> {
        self.world.post(&imports(), &sales_import(name)).await?;
        let is_made = |life: &Life| life.job_made.is_some();
        self.book.until(&self.world, (name, 1), "under way", is_made).await?;
        let made = self.book.lives(name).into_iter().find_map(|life| life.job_made);
        Ok(Made(made.context("no Job")?))
    }
}
