//! What is known of a file so far: exact counts by piece, the first rejected lines, the days.

use std::collections::BTreeMap;

use jiff::civil::Date;
use ledger::{
    MaxRejected, Reject, RejectReason,
    postgres::{LoadedChunk, Refusal, Totals},
};

use crate::{error::LoadError, progress::Progress, read::End};

/// How many rejected lines a refused run keeps.
pub(crate) const MAX_REJECTS: usize = 10_000;

/// The counts of one piece.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// How many bytes of the file were read when it was cut.
    pub(crate) bytes_read: u64,
    /// Records read.
    pub(crate) lines_read: u64,
    /// Records that can't be sales.
    pub(crate) lines_rejected: u64,
    /// By reason.
    pub(crate) by_reason: BTreeMap<RejectReason, u64>,
    /// First and last day of the others.
    pub(crate) days: Option<(Date, Date)>,
}

/// The sum over all pieces.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    progress: Progress,
    pieces: BTreeMap<u32, Counts>,
    lines_read: u64,
    lines_rejected: u64,
    rejects: Vec<Reject>,
    /// Where the file breaks first, if it does: the piece and the line.
    broken_at: Option<(u32, u32)>,
    end: Option<End>,
}

impl Counts {
    /// Counts a line that is a sale.
    pub(crate) fn sale(&mut self, date: Date) {
        self.lines_read += 1;
        self.days = match self.days {
            Some((first, last)) => Some((first.min(date), last.max(date))),
            None => Some((date, date)),
        };
    }

    /// Counts a line that can't be one.
    pub(crate) fn reject(&mut self, reason: RejectReason) {
        self.lines_read += 1;
        self.lines_rejected += 1;
        *self.by_reason.entry(reason).or_default() += 1;
    }
}

impl From<&LoadedChunk> for Counts {
    fn from(chunk: &LoadedChunk) -> Self {
        Self {
            bytes_read: chunk.bytes_read,
            lines_read: chunk.lines_read,
            lines_rejected: chunk.lines_rejected,
            by_reason: chunk.reject_counts.clone(),
            days: chunk.days,
        }
    }
}

impl Tally {
    /// Nothing is known yet, and each piece that comes is told.
    pub(crate) fn of(progress: &Progress) -> Self {
        Self { progress: progress.clone(), ..Self::default() }
    }

    /// Counts a piece in; they come in any order.
    pub(crate) fn add(
        &mut self,
        piece: u32,
        counts: Counts,
        rejects: impl Iterator<Item = Reject>,
    ) {
        self.lines_read += counts.lines_read;
        self.lines_rejected += counts.lines_rejected;
        self.progress.add_lines(counts.lines_read, counts.lines_rejected);
        self.pieces.insert(piece, counts);
        self.rejects.extend(rejects.take(MAX_REJECTS));
        if self.rejects.len() > 2 * MAX_REJECTS {
            self.keep_first_rejects();
        }
    }

    /// The file was read to its end: what publish needs to know of it, unless it is refused.
    pub(crate) fn verdict(&mut self, end: End, allowed: MaxRejected) -> Result<Totals, LoadError> {
        self.end = Some(end);
        self.check(allowed)?;
        Ok(self.totals(end))
    }

    /// The file can't be read beyond this line of this piece: nothing behind it counts, whether it
    /// was read before or is still being read.
    pub(crate) fn break_at(&mut self, piece: u32, line: u32) {
        let first = self.broken_at.map_or((piece, line), |first| first.min((piece, line)));
        self.broken_at = Some(first);
    }

    /// Whether chunks were loaded earlier that the file no longer has.
    pub(crate) fn lacks(&self, loaded: &BTreeMap<u32, LoadedChunk>) -> bool {
        loaded.keys().any(|number| !self.pieces.contains_key(number))
    }

    /// Whether more lines are rejected than any number of further lines could make up for.
    pub(crate) fn is_hopeless(&self, allowed: MaxRejected) -> bool {
        matches!(allowed, MaxRejected::Count(count) if self.lines_rejected > count)
    }

    /// The verdict on the whole file.
    fn check(&self, allowed: MaxRejected) -> Result<(), LoadError> {
        let (rejected, read) = (self.lines_rejected, self.lines_read);
        if allowed.allows(rejected, read) {
            Ok(())
        } else {
            Err(LoadError::TooManyRejected { rejected, read, allowed })
        }
    }

    fn totals(&self, end: End) -> Totals {
        let days = self.days();
        Totals {
            digest: end.digest,
            bytes: end.bytes,
            chunks: end.pieces,
            lines_read: self.lines_read,
            lines_rejected: self.lines_rejected,
            first_sale_date: days.map(|days| days.0),
            last_sale_date: days.map(|days| days.1),
            rejects: Vec::new(),
            reject_counts: self.reject_counts(),
        }
    }

    /// The first rejected lines.
    pub(crate) fn first_rejects(&mut self) -> Vec<Reject> {
        self.keep_first_rejects();
        std::mem::take(&mut self.rejects)
    }

    /// What is put on record of a file that can't be loaded.
    pub(crate) fn into_refusal(mut self, error: &LoadError) -> Refusal {
        self.forget_what_is_behind();
        let rejects = self.first_rejects();
        let days = self.days();
        let read = self.pieces.values().map(|counts| counts.bytes_read).max().unwrap_or_default();
        Refusal {
            digest: self.end.map(|end| end.digest),
            bytes: self.end.map_or(read, |end| end.bytes),
            lines_read: self.lines_read,
            lines_rejected: self.lines_rejected,
            first_sale_date: days.map(|days| days.0),
            last_sale_date: days.map(|days| days.1),
            reject_counts: self.reject_counts(),
            rejects,
            broken_at: self.broken_at.map(|(_, line)| line),
            ..Refusal::unread(error.reason(), error.to_string())
        }
    }

    fn forget_what_is_behind(&mut self) {
        let Some((piece, line)) = self.broken_at else { return };
        self.pieces.retain(|number, _| *number <= piece);
        self.lines_read = self.pieces.values().map(|counts| counts.lines_read).sum();
        self.lines_rejected = self.pieces.values().map(|counts| counts.lines_rejected).sum();
        self.rejects.retain(|reject| reject.line < line);
    }

    fn keep_first_rejects(&mut self) {
        self.rejects.sort_by_key(|reject| reject.line);
        self.rejects.truncate(MAX_REJECTS);
    }

    fn days(&self) -> Option<(Date, Date)> {
        let days = || self.pieces.values().filter_map(|counts| counts.days);
        days().map(|days| days.0).min().zip(days().map(|days| days.1).max())
    }

    fn reject_counts(&self) -> BTreeMap<RejectReason, u64> {
        let mut sum = BTreeMap::new();
        for (reason, count) in self.pieces.values().flat_map(|counts| &counts.by_reason) {
            *sum.entry(*reason).or_default() += count;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(tally: &mut Tally, piece: u32, count: u32) {
        let rejects: Vec<_> = (0..count)
            .map(|n| Reject::new(piece * 10_000 + n, "Sale Date", "x", RejectReason::InvalidDate))
            .collect();
        let mut counts = Counts::default();
        for reject in &rejects {
            counts.reject(reject.reason);
        }
        tally.add(piece, counts, rejects.into_iter());
    }

    #[test]
    fn counts_are_exact_where_only_the_first_rejects_are_kept() {
        let mut tally = Tally::default();
        for piece in [3, 1, 2, 4, 5, 6, 0] {
            add(&mut tally, piece, 4_000);
        }
        assert!(tally.is_hopeless(MaxRejected::Count(27_999)));
        assert!(!tally.is_hopeless(MaxRejected::Count(28_000)));
        assert!(!tally.is_hopeless(MaxRejected::Percent(0)), "decided at the end");
        let error = tally.check(MaxRejected::Percent(99)).unwrap_err();
        let refusal = tally.into_refusal(&error);
        assert_eq!((refusal.lines_read, refusal.lines_rejected), (28_000, 28_000));
        assert_eq!(refusal.rejects.len(), MAX_REJECTS);
        assert_eq!((refusal.rejects[0].line, refusal.rejects[MAX_REJECTS - 1].line), (0, 21_999));
        assert_eq!(refusal.reject_counts[&RejectReason::InvalidDate], 28_000);
    }

    #[test]
    fn what_comes_behind_the_place_where_a_file_breaks_does_not_count() {
        let mut tally = Tally::default();
        add(&mut tally, 3, 10);
        tally.break_at(3, 30_010);
        add(&mut tally, 1, 7);
        tally.break_at(1, 10_007);
        for piece in [2, 0] {
            add(&mut tally, piece, 10);
        }
        let refusal = tally.into_refusal(&LoadError::Stopped);
        assert_eq!((refusal.lines_read, refusal.lines_rejected), (17, 17));
        assert_eq!(refusal.reject_counts[&RejectReason::InvalidDate], 17);
        assert_eq!((refusal.rejects.len(), refusal.rejects[16].line), (17, 10_006));
        assert_eq!(refusal.broken_at, Some(10_007));
    }
}
