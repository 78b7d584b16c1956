//! Ends that nobody planned: of the importer, of the database, of both. What is started again
//! under the same import and run loses nothing and doubles nothing.

#[cfg(feature = "failpoints")]
mod failpoints;

use std::time::Duration;

use harness::postgres::Server;
use importer::{LoadRequest, Source};
use ledger::outcome::{Reason, RunResult};
use tokio::io::AsyncWriteExt;

use crate::{
    sales::{self, Shape},
    support::*,
};

const LINES: u64 = 20_000;

#[tokio::test]
async fn a_database_that_stops_in_mid_load_is_a_fault_and_the_same_run_goes_on() {
    let shop = Shop::open_at(Server::own().unwrap()).await;
    let mut bytes = Vec::new();
    let expected = sales::write(&mut bytes, &Shape::of(LINES)).unwrap();
    let (reader, mut writer) = tokio::io::duplex(1 << 20);
    let source = Source::Stream {
        reader: Box::new(reader),
        filename: "sales.csv".into(),
        read_timeout: Duration::from_mins(1),
    };
    let request = LoadRequest { chunk_bytes: 100_000, ..request() };
    let loading = shop.load(request.clone(), source);
    let cutting = async {
        let middle = bytes.len() * 3 / 4;
        writer.write_all(&bytes[..middle]).await.unwrap();
        wait_for_lines(&shop).await;
        shop.server.stop().unwrap();
        // Nobody reads on once the load has failed.
        let _ = writer.write_all(&bytes[middle..]).await;
        drop(writer);
    };
    let (fault, ()) = tokio::join!(loading, cutting);
    assert_ended(&fault, RunResult::Fault, Reason::DatabaseUnavailable);
    shop.server.start().unwrap();
    assert_eq!(shop.sql("SELECT count(*) FROM takings.live_sale"), "0");
    let path = shop.write("sales.csv", bytes);
    assert_published(&shop.load(request, file(&path)).await, LINES, 0);
    shop.assert_holds(&expected).await;
}

/// Waits until some of a load's lines are in the database, though not in the ledger.
async fn wait_for_lines(shop: &Shop) {
    for _ in 0..600 {
        let pages = "SELECT coalesce(pg_relation_size(to_regclass('takings.sale_1')), 0) > 0";
        if shop.sql(pages) == "t" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no line came to the database");
}
