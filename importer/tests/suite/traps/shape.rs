//! Columns: how many, in which order, under which names, and what separates them.

use importer::format::{DateOrder, Field};
use ledger::{RejectReason::*, outcome::Reason};

use super::{built, check, trap};
use crate::support::upload;

#[tokio::test]
async fn lines_of_another_width_are_rejected() {
    check([
        trap("short-lines.csv")
            .loads(2, "5")
            .rejects(&[(3, "", WrongFieldCount), (4, "", WrongFieldCount)]),
        trap("long-lines.csv")
            .loads(2, "5")
            .rejects(&[(3, "", WrongFieldCount), (4, "", WrongFieldCount)]),
    ])
    .await;
}

#[tokio::test]
async fn columns_are_found_by_their_names() {
    let wide = |end: &str| format!("{}{end}\n", ",x".repeat(10_000));
    let wide = format!("Sale Date,Sale ID,Item Total{}3/1/2025,1,1{}", wide(""), wide(""));
    check([
        trap("columns-in-another-order.csv").loads(2, "3"),
        trap("unknown-columns.csv").loads(1, "1"),
        trap("header-in-other-dress.csv").loads(1, "1"),
        trap("column-without-a-name.csv").loads(1, "1"),
        built("ten thousand columns", move || upload(&wide)).loads(1, "1"),
        trap("required-column-missing.csv").refuses(Reason::InvalidHeader, "lacks \"Sale ID\""),
        trap("column-twice.csv").refuses(Reason::InvalidHeader, "total more than once"),
    ])
    .await;
}

#[tokio::test]
async fn a_field_may_have_several_names_of_which_one_is_there() {
    let names = |format: &mut importer::Format| {
        for (field, names) in [
            (Field::SaleDate, vec!["Day"]),
            (Field::OrderId, vec!["Sale ID", "Receipt"]),
            (Field::Total, vec!["Item Total", "Paid", "Betrag"]),
        ] {
            format.columns.insert(field, names.into_iter().map(str::to_owned).collect());
        }
    };
    check([
        trap("export-of-a-till.csv")
            .read_as(|format| {
                names(format);
                format.comment = "#".parse().ok();
                format.date_order = DateOrder::DayFirst;
                format.columns.insert(Field::Total, vec!["Amount".into(), "Sum".into()]);
            })
            .loads(3, "12.2")
            .orders(2),
        trap("columns-of-other-names.csv").read_as(names).loads(1, "1"),
        trap("columns-of-other-names.csv").refuses(Reason::InvalidHeader, "lacks \"Sale Date\""),
        trap("column-under-two-names.csv")
            .read_as(names)
            .refuses(Reason::InvalidHeader, "as \"Paid\", \"Item Total\""),
        trap("ends-lf.csv").read_as(names).refuses(Reason::InvalidHeader, "lacks \"Day\""),
    ])
    .await;
}

#[tokio::test]
async fn the_delimiter_is_found_in_the_header_or_the_file_is_refused() {
    let comma = |format: &mut importer::Format| format.delimiter = ",".parse().ok();
    let semicolon = |format: &mut importer::Format| format.delimiter = ";".parse().ok();
    check([
        trap("semicolons.csv").loads(2, "3"),
        trap("tabs.csv").loads(2, "3"),
        trap("bars.csv").loads(2, "3"),
        trap("semicolons.csv").read_as(semicolon).loads(2, "3"),
        trap("semicolons.csv")
            .read_as(comma)
            .refuses(Reason::InvalidHeader, "With the delimiter ; it lacks nothing"),
        trap("semicolons-and-decimal-commas.csv").loads(1, "2.5").rejects(&[(
            2,
            "Item Total",
            InvalidNumber,
        )]),
        trap("two-delimiters.csv").refuses(Reason::InvalidHeader, "delimiter , and with ;"),
        trap("two-delimiters.csv").read_as(comma).loads(1, "2"),
        trap("two-delimiters.csv").read_as(semicolon).loads(1, "1"),
    ])
    .await;
}
