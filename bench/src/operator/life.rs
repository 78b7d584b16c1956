//! The life of imports, from their POST to the day that their Jobs are cleared away.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use harness::progress::say;

use super::{
    Size,
    book::{Book, Kind, Life},
    calls::Record,
    figure::{a_minute, percentile_99},
    program::Operator,
    world::{AT_ONCE, World, imports, sales_import},
};
use crate::figures::Round;

/// Longer than a run takes.
const KEEP_JOBS: u32 = 24 * 3_600;

struct Stage<'a> {
    world: World,
    book: Book,
    record: Record,
    size: Size,
    program: &'a Path,
}

/// Measures all that there is to measure of them.
pub(super) async fn run(program: &Path, size: Size, round: &mut Round) -> Result<()> {
    let world = World::new().await?;
    let book = Book::of(&world.client, &[Kind::Import, Kind::Job, Kind::Pod]);
    let record = Record::from_now(world.simulation.audit_log());
    let mut stage = Stage { world, book, record, size, program };
    let operator = Operator::start(program, &stage.world, KEEP_JOBS)?;
    stage.import(("first-", 1), (1, is_finished)).await?;
    stage.burst(round).await?;
    let calls = stage.sustained(&operator, round).await?;
    stage.idle(&operator, round).await?;
    round.note(super::MEMORY, operator.peak_memory()?);
    operator.stop()?;
    let cleared = stage.clear().await?;
    round.note(super::CALLS, calls + cleared);
    Ok(())
}

impl Stage<'_> {
    /// Posts imports, so many at a time, each of which is waited for to be so, and waits until all
    /// are finished.
    async fn import(
        &self,
        (prefix, count): (&str, usize),
        (at_once, is_so): (usize, fn(&Life) -> bool),
    ) -> Result<Vec<Life>> {
        let post = World::each((count, at_once), |number| async move {
            let name = format!("{prefix}{number}");
            self.book.posting(&name);
            self.world.post(&imports(), &sales_import(&name)).await?;
            self.book.once(&name, is_so).await;
            Ok(())
        });
        let all = self.book.until(&self.world, (prefix, count), "finished", is_finished);
        tokio::try_join!(post, all)?;
        let lives = self.book.lives(prefix);
        let is_whole = |life: &Life| life.jobs.len() == 1 && life.ended.is_some();
        let odd = lives.iter().find(|life| !is_whole(life));
        ensure!(odd.is_none(), "an import without exactly one Job that ended: {odd:?}");
        ensure!(lives.len() == count, "{} imports instead of {count}", lives.len());
        Ok(lives)
    }

    async fn burst(&self, round: &mut Round) -> Result<()> {
        let lives = self.import(("burst-", self.size.burst), (AT_ONCE, |_| true)).await?;
        let times = spans(&lives, |life| (life.posted, life.job_made));
        round.note(super::JOB_MADE, percentile_99(times)?);
        Ok(())
    }

    /// The calls of an import until it is finished.
    async fn sustained(&mut self, operator: &Operator, round: &mut Round) -> Result<f64> {
        operator.rest().await?;
        self.record.calls()?;
        let (began, worked) = (Instant::now(), operator.work()?);
        let Size { imports, unfinished, .. } = self.size;
        let lives = self.import(("sales-", imports), (unfinished, is_finished)).await?;
        let ends = lives.iter().filter_map(|life| life.finished);
        round.note(super::FINISHED, a_minute(self.size.imports, began, ends)?);
        let lags = spans(&lives, |life| (life.ended, life.finished));
        round.note(super::LAG, percentile_99(lags)?);
        operator.rest().await?;
        let calls = self.record.calls()?;
        say(&format!("calls of {} imports: {calls}", self.size.imports));
        let worked = operator.work()?.saturating_sub(worked);
        say(&format!("the operator was at work for {:.1} s", worked.as_secs_f64()));
        Ok(f64::from(calls.total()) / count(self.size.imports)?)
    }

    async fn idle(&mut self, operator: &Operator, round: &mut Round) -> Result<()> {
        operator.rest().await?;
        self.record.calls()?;
        let idle = Duration::from_secs(self.size.idle_seconds);
        tokio::time::sleep(idle).await;
        let calls = self.record.calls()?;
        say(&format!("calls of an idle operator in {idle:?}: {calls}"));
        round.note(super::IDLE, f64::from(calls.total()) * 60.0 / idle.as_secs_f64());
        Ok(())
    }

    /// The calls of an import from its end to that of its Job: by an operator that finds all Jobs
    /// kept for too long.
    async fn clear(&mut self) -> Result<f64> {
        self.record.calls()?;
        let operator = Operator::start(self.program, &self.world, 1)?;
        let all = 1 + self.size.burst + self.size.imports;
        let gone = |life: &Life| life.jobs_gone == 1;
        self.book.until(&self.world, ("", all), "cleared away", gone).await?;
        operator.rest().await?;
        let calls = self.record.calls()?;
        say(&format!("calls to clear {all} Jobs away: {calls}"));
        operator.stop()?;
        Ok(f64::from(calls.total()) / count(all)?)
    }
}

/// And its Pod's end was seen too: of two watches either may be the first to tell.
fn is_finished(life: &Life) -> bool {
    life.finished.is_some() && life.ended.is_some()
}

fn count(count: usize) -> Result<f64> {
    Ok(f64::from(u32::try_from(count)?))
}

/// How long it took each from the one moment to the other.
pub(super) fn spans(
    lives: &[Life],
    ends: impl Fn(&Life) -> (Option<Instant>, Option<Instant>),
) -> Vec<Duration> {
    let span = |life| {
        let (from, to) = ends(life);
        Some(to?.saturating_duration_since(from?))
    };
    lives.iter().filter_map(span).collect()
}
