//! Where lines end, and lines that are none.

use ledger::{RejectReason::*, outcome::Reason};

use super::{built, check, trap};
use crate::support::*;

#[tokio::test]
async fn lines_end_in_every_way() {
    check([
        trap("ends-lf.csv").loads(2, "3"),
        trap("ends-crlf.csv").loads(2, "3"),
        trap("ends-cr.csv").loads(2, "3"),
        trap("ends-mixed.csv").loads(3, "7").rejects(&[(5, "", WrongFieldCount)]),
        trap("no-end-of-the-last-line.csv").loads(2, "3"),
    ])
    .await;
}

#[tokio::test]
async fn blank_lines_are_none_and_count_as_lines() {
    check([
        trap("blank-lines-at-the-end.csv").loads(1, "1"),
        trap("blank-lines-between.csv")
            .loads(2, "3")
            .rejects(&[(7, "", WrongFieldCount), (9, "", WrongFieldCount)]),
        trap("only-delimiters.csv").loads(1, "1").rejects(&[(3, "Sale Date", Missing)]),
    ])
    .await;
}

#[tokio::test]
async fn what_is_no_sale_is_rejected_and_ends_nothing() {
    check([
        trap("backslash-dot.csv").loads(2, "3").rejects(&[(3, "", WrongFieldCount)]),
        trap("footer.csv").loads(2, "3").rejects(&[(4, "Sale Date", InvalidDate)]),
        trap("footer-of-another-width.csv").loads(2, "3").rejects(&[(5, "", WrongFieldCount)]),
        trap("header-again.csv").loads(2, "3").rejects(&[(3, "Sale Date", InvalidDate)]),
        trap("delimiter-at-the-end-of-lines.csv")
            .loads(0, "0")
            .rejects(&[(2, "", WrongFieldCount), (3, "", WrongFieldCount)]),
        trap("delimiter-at-the-end-of-all-lines.csv").loads(2, "3"),
    ])
    .await;
}

#[tokio::test]
async fn comments_are_lines_of_sales_unless_they_are_declared() {
    check([
        trap("comment-lines.csv").read_as(|format| format.comment = "#".parse().ok()).loads(2, "3"),
        trap("comment-lines.csv")
            .read_as(|format| format.comment = "%".parse().ok())
            .loads(2, "3")
            .rejects(&[(2, "", WrongFieldCount), (4, "Sale Date", InvalidDate)]),
    ])
    .await;
}

#[tokio::test]
async fn a_comment_may_be_longer_than_a_record_and_than_a_chunk() {
    let text = || {
        let comment = "\"x,\"".repeat(1_500_000);
        upload(&format!("{HEADER}3/1/2025,1,a,1\n#{comment}\n3/1/2025,2,b,2\nx\n"))
    };
    check([built("a comment of 6 MB", text)
        .read_as(|format| format.comment = "#".parse().ok())
        .loads(2, "3")
        .rejects(&[(5, "", WrongFieldCount)])])
    .await;
}

#[tokio::test]
async fn lines_before_the_header_are_left_out_only_where_that_is_declared() {
    check([
        trap("preamble.csv").read_as(|format| format.skip_lines = 3).loads(1, "1").rejects(&[(
            6,
            "",
            WrongFieldCount,
        )]),
        trap("preamble.csv").refuses(Reason::InvalidHeader, "lacks \"Sale Date\""),
        trap("preamble-of-sales.csv").refuses(Reason::InvalidHeader, "--skip-lines: 1"),
        trap("separator-line.csv").loads(2, "3"),
        trap("separator-line-in-quotes.csv").refuses(Reason::InvalidHeader, "--skip-lines: 1"),
        trap("separator-line-in-quotes.csv").read_as(|format| format.skip_lines = 1).loads(1, "1"),
        trap("preamble.csv")
            .read_as(|format| format.skip_lines = 99)
            .refuses(Reason::InvalidFile, "or skipped"),
        trap("separator-line.csv")
            .read_as(|format| format.delimiter = ",".parse().ok())
            .refuses(Reason::InvalidHeader, "says that ; separates"),
    ])
    .await;
}

#[tokio::test]
async fn a_file_without_a_header_is_empty_and_one_of_a_header_has_no_lines() {
    check([
        trap("empty.csv").refuses(Reason::InvalidFile, "is empty"),
        trap("only-a-mark.csv").refuses(Reason::InvalidFile, "is empty"),
        trap("only-blank-lines.csv").refuses(Reason::InvalidFile, "is empty"),
        trap("header-only.csv").loads(0, "0"),
    ])
    .await;
}
