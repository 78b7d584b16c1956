//! `list`: what was typed, and what it means.

use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use ledger::{ListOutcome, listing::NotListed, outcome::Reason};
use tokio_util::sync::CancellationToken;

use super::source::SourceArgs;
use crate::ListRequest;

/// Where to look, and what to leave out.
#[derive(Args, Debug)]
pub(super) struct ListArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Ids of files that are known: they are left out, and those that are not there any more are
    /// told.
    #[arg(long, env = "TAKINGS_KNOWN", value_name = "ID", value_delimiter = ',')]
    known: Vec<String>,
    /// Only files whose names come after this one, in the order of their bytes.
    #[arg(long, env = "TAKINGS_AFTER", value_name = "NAME")]
    after: Option<String>,
    /// Only files that were not changed for so many seconds: a younger one may be half written.
    #[arg(long, env = "TAKINGS_MIN_AGE", value_name = "SECONDS", default_value = "0")]
    min_age: u32,
}

impl ListArgs {
    pub(super) async fn list(self, cancel: &CancellationToken) -> ListOutcome {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let request = ListRequest {
            known: self.known.into_iter().collect(),
            after: self.after,
            changed_by: now.as_secs().cast_signed() - i64::from(self.min_age),
        };
        tokio::select! {
            biased;
            () = cancel.cancelled() => ListOutcome::Fault(NotListed {
                reason: Reason::Stopped,
                message: "The listing was stopped by a signal. Run it again.".into(),
            }),
            outcome = crate::list(self.source.source(), &request) => outcome,
        }
    }
}
