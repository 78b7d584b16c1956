//! What is known of a file so far: exact counts, the first rejected lines, the first and last day.

use std::collections::BTreeMap;

use jiff::civil::Date;
use ledger::{
    Digest, MaxRejected, Reject, RejectReason, Sale,
    postgres::{Refusal, Totals},
};

use crate::error::LoadError;

/// How many rejected lines a refused run keeps.
const MAX_REJECTS: usize = 10_000;

/// Lines on their way from the file to the ledger: some thousands at a time.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    /// Lines that are sales.
    pub(crate) sales: Vec<Sale>,
    /// Lines that can't be.
    pub(crate) rejects: Vec<Reject>,
    /// How many bytes of the file were read by then.
    pub(crate) bytes: u64,
}

/// The sum over all chunks.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    digest: Option<Digest>,
    bytes: u64,
    lines_read: u64,
    lines_rejected: u64,
    first_sale_date: Option<Date>,
    last_sale_date: Option<Date>,
    rejects: Vec<Reject>,
    reject_counts: BTreeMap<RejectReason, u64>,
}

impl Tally {
    /// Counts a chunk in.
    pub(crate) fn add(&mut self, chunk: &Chunk) {
        self.bytes = chunk.bytes;
        self.lines_read += (chunk.sales.len() + chunk.rejects.len()) as u64;
        self.lines_rejected += chunk.rejects.len() as u64;
        let days = || chunk.sales.iter().map(|sale| sale.sale_date);
        self.first_sale_date = self.first_sale_date.into_iter().chain(days()).min();
        self.last_sale_date = self.last_sale_date.into_iter().chain(days()).max();
        for reject in &chunk.rejects {
            *self.reject_counts.entry(reject.reason).or_default() += 1;
        }
        let room = MAX_REJECTS - self.rejects.len();
        self.rejects.extend(chunk.rejects.iter().take(room).cloned());
    }

    /// The file was read to its end.
    pub(crate) fn end(&mut self, digest: Digest, bytes: u64) {
        self.digest = Some(digest);
        self.bytes = bytes;
    }

    /// Records read so far.
    pub(crate) fn lines_read(&self) -> u64 {
        self.lines_read
    }

    /// Whether more lines are rejected than any number of further lines could make up for.
    pub(crate) fn is_hopeless(&self, allowed: MaxRejected) -> bool {
        matches!(allowed, MaxRejected::Count(count) if self.lines_rejected > count)
    }

    /// The verdict on the whole file.
    pub(crate) fn check(&self, allowed: MaxRejected) -> Result<(), LoadError> {
        let (rejected, read) = (self.lines_rejected, self.lines_read);
        if allowed.allows(rejected, read) {
            Ok(())
        } else {
            Err(LoadError::TooManyRejected { rejected, read, allowed })
        }
    }

    /// What publish needs to know of a file that was read to its end.
    pub(crate) fn into_totals(self, digest: Digest) -> Totals {
        Totals {
            digest,
            bytes: self.bytes,
            lines_read: self.lines_read,
            lines_rejected: self.lines_rejected,
            first_sale_date: self.first_sale_date,
            last_sale_date: self.last_sale_date,
            rejects: self.rejects,
            reject_counts: self.reject_counts,
        }
    }

    /// What is put on record of a file that can't be loaded.
    pub(crate) fn into_refusal(self, error: &LoadError) -> Refusal {
        Refusal {
            digest: self.digest,
            bytes: self.bytes,
            lines_read: self.lines_read,
            lines_rejected: self.lines_rejected,
            first_sale_date: self.first_sale_date,
            last_sale_date: self.last_sale_date,
            rejects: self.rejects,
            reject_counts: self.reject_counts,
            ..Refusal::unread(error.reason(), error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejects(count: usize) -> Chunk {
        let reject = Reject::new(2, "Sale Date", "x", RejectReason::InvalidDate);
        Chunk { rejects: vec![reject; count], ..Chunk::default() }
    }

    #[test]
    fn counts_are_exact_where_only_the_first_rejects_are_kept() {
        let mut tally = Tally::default();
        for _ in 0..3 {
            tally.add(&rejects(4_000));
        }
        assert!(tally.is_hopeless(MaxRejected::Count(11_999)));
        assert!(!tally.is_hopeless(MaxRejected::Count(12_000)));
        assert!(!tally.is_hopeless(MaxRejected::Percent(0)), "decided at the end");
        let error = tally.check(MaxRejected::Percent(99)).unwrap_err();
        let refusal = tally.into_refusal(&error);
        assert_eq!((refusal.lines_read, refusal.lines_rejected), (12_000, 12_000));
        assert_eq!(refusal.rejects.len(), MAX_REJECTS);
        assert_eq!(refusal.reject_counts[&RejectReason::InvalidDate], 12_000);
    }
}
