//! What is the same sale, order or file, and text that would be something else elsewhere.

use ledger::{
    RejectReason::*,
    outcome::{Reason, RunResult},
};

use super::{check, folder, load, trap};
use crate::support::*;

#[tokio::test]
async fn order_ids_are_text() {
    check([
        trap("leading-zeros.csv").loads(3, "3").orders(3),
        trap("long-order-ids.csv").loads(5, "5").orders(5),
        trap("spaces-in-order-ids.csv").loads(6, "6").orders(2),
        trap("blank-order-ids.csv").loads(1, "1").orders(1).rejects(&[
            (2, "Sale ID", Missing),
            (3, "Sale ID", Missing),
            (4, "Sale ID", Missing),
        ]),
        trap("equal-lines.csv").loads(3, "3").orders(1),
    ])
    .await;
}

#[tokio::test]
async fn text_is_stored_as_it_is_whatever_it_means_elsewhere() {
    let shop = check([
        trap("formulas.csv").loads(3, "7").orders(3),
        trap("database-characters.csv").loads(3, "7").orders(3),
    ])
    .await;
    let names = "SELECT name FROM takings.product ORDER BY name COLLATE \"C\"";
    let stored = ["+1", "-1", "=cmd|'/c calc'!A0", "\\N", "\\x41\\t", "{1}"];
    assert_eq!(shop.sql(names).lines().collect::<Vec<_>>(), stored);
}

#[tokio::test]
async fn a_file_is_its_content_whatever_its_name() {
    let shop = Shop::open().await;
    let first = load(&shop, file(&folder().join("ends-lf.csv"))).await;
    assert_published(&first, 2, 0);
    let content = std::fs::read(folder().join("ends-lf.csv")).unwrap();
    let renamed = load(&shop, file(&shop.write("april.csv", &content))).await;
    assert_ended(&renamed, RunResult::AlreadyLoaded, Reason::AlreadyLoaded);
    let more = [&content[..], b"3/9/2025,9,Tea,1,4\n"].concat();
    let grown = load(&shop, file(&shop.write("april.csv", more))).await;
    assert_published(&grown, 1, 2);
    let other = String::from_utf8(content).unwrap().replace(",1,1\n", ",1,8\n");
    let changed = load(&shop, file(&shop.write("april.csv", other))).await;
    assert_ended(&changed, RunResult::Refused, Reason::Overlap);
    assert_eq!(shop.revenue().await, "7");
    let as_crlf = load(&shop, file(&folder().join("ends-crlf.csv"))).await;
    assert_published(&as_crlf, 0, 2);
    let as_semicolons = load(&shop, file(&folder().join("semicolons.csv"))).await;
    assert_published(&as_semicolons, 0, 2);
}
