//! Where chunks go: into the database, or, in a dry run, nowhere but into what it compares.

use ledger::postgres::{Chunk, DryRun, Load, Names};
use tokio::task::spawn_blocking;

use crate::{error::LoadError, pipeline::joined};

/// What takes chunks. A clone is the same.
#[derive(Clone, Debug)]
pub(crate) enum Sink {
    /// Writes them.
    Load(Load),
    /// Keeps their order-days.
    DryRun(DryRun),
}

impl Sink {
    /// An empty chunk, for about so many bytes of a file.
    pub(crate) fn chunk(&self, number: u32, bytes: usize) -> Chunk {
        match self {
            Self::Load(load) => load.chunk(number, bytes),
            Self::DryRun(run) => run.chunk(number, bytes),
        }
    }

    /// Takes a chunk; gives back the names, with what it has learnt of them.
    pub(crate) async fn write(&self, chunk: Chunk, mut names: Names) -> Result<Names, LoadError> {
        match self {
            Self::Load(load) => {
                let is_there = load.write(chunk, &mut names).await?;
                if is_there { Ok(names) } else { Err(LoadError::SourceChanged) }
            }
            Self::DryRun(run) => {
                let run = run.clone();
                let keeping = spawn_blocking(move || {
                    run.keep(chunk, &mut names)?;
                    Ok(names)
                });
                joined(keeping).await
            }
        }
    }
}
