//! Whose turn it is where several imports of the same content come at once: a file in, and out once
//! it is there, or is to be loaded.
//!
//! Never decides what counts: that is publish's. A wait is bounded, and a claim that is wrong, lost
//! or ignored costs time only.

use std::{fs::File, io, os::unix::fs::FileExt, time::Duration};

use ledger::{
    Outcome,
    postgres::{Claim, Claimed, Ledger, Load, OpenRun},
};
use sha2::{Digest as _, Sha256};
use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    LoadRequest,
    decompress::Compression,
    error::LoadError,
    pipeline::{Before, joined, read_whole},
    progress::{Progress, Stage},
};

/// How much of a file is looked at, at its beginning and at its end.
const SAMPLE_BYTES: u64 = 64 * 1024;
/// Pauses between two looks at a claim: the first, which grows to the last.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];
/// Signs of life within the time after which a claim without one is dead.
const SIGNS: u32 = 3;

/// What a run does with its file.
#[expect(clippy::large_enum_variant, reason = "there is one a run")]
pub(crate) enum Turn {
    /// It is there already.
    Ended(Box<Outcome>),
    /// It is to be loaded.
    Load {
        /// What was claimed.
        content: [u8; 32],
        /// What is known of it, where it was read to its end.
        read: Option<Before>,
        /// Where it goes, if that is open already.
        load: Option<Load>,
    },
}

/// Claims a file's content; where another import is loading it, waits for its end.
pub(crate) async fn turn(
    (ledger, run): (&Ledger, &OpenRun),
    request: &LoadRequest,
    file: &File,
    cancel: &CancellationToken,
) -> Result<Turn, LoadError> {
    let (sampled, format) = (file.try_clone()?, run.request.format.clone());
    let (content, bytes) = joined(spawn_blocking(move || Ok(look(&sampled, &format)?))).await?;
    let mut claim = Claim { content, bytes, digest: None, dead_after: request.claim_dead_after };
    let mut patience = Patience::of(request);
    let mut read: Option<Before> = None;
    loop {
        let known = read.as_ref().and_then(|before| before.known);
        match (ledger.claim(run, &claim).await?, known) {
            (Claimed::Loaded, None) => {
                let before = read_whole(request, file, cancel).await?;
                claim.digest = before.known.map(|(digest, _)| digest);
                read = Some(before);
            }
            (Claimed::Loaded, Some((digest, bytes))) => {
                if let Some(outcome) = ledger.publish_already_loaded(run, &digest, bytes).await? {
                    return Ok(Turn::Ended(outcome.into()));
                }
            }
            (Claimed::Held, _) if patience.wait(&request.progress).await => {}
            (Claimed::Held, _) => return Ok(Turn::Load { content, read, load: None }),
            (Claimed::Mine(load), _) => {
                return Ok(Turn::Load { content, read, load: Some(load) });
            }
        }
    }
}

/// How long another import is waited for.
struct Patience {
    left: Duration,
    pause: Duration,
}

impl Patience {
    fn of(request: &LoadRequest) -> Self {
        Self { left: request.claim_timeout, pause: PAUSES[0] }
    }

    /// Waits a little; false where that was long enough.
    async fn wait(&mut self, progress: &Progress) -> bool {
        if self.left.is_zero() {
            tracing::warn!("another import is still loading the same content: loading it, too");
            return false;
        }
        if self.pause == PAUSES[0] {
            tracing::info!(
                "another import is loading the same content: waiting for its end, and no longer \
                 than it shows signs of life"
            );
        }
        progress.enter(Stage::Waiting);
        let pause = self.pause.min(self.left);
        sleep(pause).await;
        self.left -= pause;
        self.pause = (2 * pause).min(PAUSES[1]);
        true
    }
}

/// Shows again and again that a run is still at it.
pub(crate) async fn keep(
    (ledger, run): (&Ledger, &OpenRun),
    content: &[u8; 32],
    dead_after: Duration,
) -> ! {
    loop {
        sleep(dead_after / SIGNS).await;
        if let Err(error) = ledger.keep_claim(run, content).await {
            tracing::debug!(%error, "other imports of the same content may take this one for dead");
        }
    }
}

/// What tells a file from most others, and its size where it is plain.
fn look(file: &File, format: &str) -> io::Result<([u8; 32], Option<u64>)> {
    let bytes = file.metadata()?.len();
    let mut sample = vec![0; usize::try_from(bytes.min(SAMPLE_BYTES)).unwrap_or_default()];
    let mut hash = Sha256::new_with_prefix(format).chain_update(bytes.to_be_bytes());
    let mut is_plain = true;
    for from in [0, bytes.saturating_sub(SAMPLE_BYTES)] {
        file.read_exact_at(&mut sample, from)?;
        hash.update(&sample);
        is_plain &= from > 0 || Compression::of(&sample).is_none();
    }
    Ok((hash.finalize().into(), is_plain.then_some(bytes)))
}
