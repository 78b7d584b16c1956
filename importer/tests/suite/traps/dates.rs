//! Dates: of the declared order, of the order that the file proves, or none.

use importer::{Format, format::DateOrder};
use ledger::{RejectReason::*, outcome::Reason};

use super::{check, folder, trap};
use crate::support::*;

fn auto(format: &mut Format) {
    format.date_order = DateOrder::Auto;
}

fn day_first(format: &mut Format) {
    format.date_order = DateOrder::DayFirst;
}

#[tokio::test]
async fn dates_of_the_declared_order_are_read_and_others_rejected() {
    check([
        trap("padded-and-not.csv").loads(4, "15"),
        trap("month-or-day-first.csv").loads(2, "3"),
        trap("month-first-and-iso.csv")
            .loads(2, "3")
            .rejects(&[(4, "Sale Date", InvalidDate), (5, "Sale Date", InvalidDate)]),
        trap("contradicting-dates.csv").loads(2, "6").rejects(&[(2, "Sale Date", InvalidDate)]),
        trap("contradicting-dates.csv").read_as(day_first).loads(2, "3").rejects(&[(
            4,
            "Sale Date",
            InvalidDate,
        )]),
    ])
    .await;
}

#[tokio::test]
async fn an_order_that_is_left_open_is_the_one_that_all_dates_prove() {
    check([
        trap("day-first-by-the-last-line.csv").read_as(auto).loads(6, "63"),
        trap("month-first-by-the-last-line.csv").read_as(auto).loads(6, "63"),
        trap("month-or-day-first-but-the-same.csv").read_as(auto).loads(3, "7"),
        trap("padded-and-not.csv").read_as(auto).loads(4, "15"),
        trap("month-or-day-first.csv")
            .read_as(auto)
            .refuses(Reason::InvalidFile, "\"03/04/2025\" on line 2"),
        trap("contradicting-dates.csv")
            .read_as(auto)
            .refuses(Reason::InvalidFile, "\"03/22/2025\" on line 4 is not day-first"),
    ])
    .await;
    let shop = Shop::open().await;
    let path = folder().join("day-first-by-the-last-line.csv");
    let format = Format { date_order: DateOrder::Auto, ..Format::default() };
    let auto = || importer::LoadRequest { format: format.clone(), ..request() };
    let loaded = shop.load(auto(), file(&path)).await;
    let (first, last) = (jiff::civil::date(2025, 3, 22), jiff::civil::date(2025, 4, 3));
    assert_eq!((loaded.first_sale_date, loaded.last_sale_date), (Some(first), Some(last)));
    let again = shop.load(auto(), file(&path)).await;
    assert_ended(&again, ledger::outcome::RunResult::AlreadyLoaded, Reason::AlreadyLoaded);
    let uploaded = shop.load(auto(), upload("Sale Date,Sale ID,Item Total\n")).await;
    assert_ended(&uploaded, ledger::outcome::RunResult::Refused, Reason::InvalidArgument);
    assert!(uploaded.message.contains("--date-order"), "{}", uploaded.message);
}

#[tokio::test]
async fn what_only_looks_like_a_date_is_rejected() {
    let none = |line| (line, "Sale Date", InvalidDate);
    check([
        trap("two-digit-years.csv").loads(1, "4").rejects(&[none(2), none(3)]),
        trap("days-that-are-none.csv").loads(1, "4").rejects(&[
            none(2),
            none(3),
            none(5),
            none(6),
            none(7),
            none(8),
        ]),
        trap("times-and-zones.csv").loads(1, "16").rejects(&[none(2), none(3), none(4), none(5)]),
        trap("spreadsheet-serials.csv").loads(1, "4").rejects(&[none(2), none(3)]),
        trap("years-out-of-range.csv").loads(2, "96").rejects(&[
            none(2),
            none(3),
            none(4),
            none(5),
            none(6),
        ]),
        trap("words-for-dates.csv").loads(1, "64").rejects(&[
            none(2),
            none(3),
            none(4),
            none(5),
            none(6),
            none(7),
        ]),
        trap("blank-dates.csv").loads(1, "8").rejects(&[
            (2, "Sale Date", Missing),
            (3, "Sale Date", Missing),
            (4, "Sale Date", Missing),
        ]),
    ])
    .await;
}
