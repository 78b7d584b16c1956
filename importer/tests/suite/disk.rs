//! How much room a line takes in the database. `docs/ledger.md` plans with what this prints:
//! `TAKINGS_LINES=1000000 cargo test -p importer --test suite -- disk --nocapture`

use harness::postgres::Server;

use crate::{sales::Shape, support::*};

/// Bytes of each thing that grows with the lines.
const SIZES: &str = "
    SELECT 'sale', pg_table_size('takings.sale_1')
    UNION ALL SELECT 'indexes of sale', pg_indexes_size('takings.sale_1')
    UNION ALL SELECT 'order_block', pg_total_relation_size('takings.order_block')
    UNION ALL SELECT 'load_chunk', pg_total_relation_size('takings.load_chunk')";

/// As the database prints it: a name and a number a row.
fn numbers(rows: &str) -> impl Iterator<Item = (&str, f64)> {
    rows.lines().map(|row| {
        let (name, number) = row.split_once('|').unwrap();
        (name, number.parse().unwrap())
    })
}

#[tokio::test]
async fn a_line_takes_less_than_125_bytes_on_disk_and_110_in_the_log() {
    let lines = std::env::var("TAKINGS_LINES").map_or(100_000, |lines| lines.parse().unwrap());
    // Its log holds nothing but this load.
    let shop = Shop::open_at(Server::own().unwrap()).await;
    let (path, _) = shop.write_generated("sales.csv", &Shape::of(lines));
    let before = shop.sql("SELECT pg_current_wal_insert_lsn()");
    assert_published(&shop.load(request(), file(&path)).await, lines, 0);
    let log = format!("SELECT 'WAL', pg_current_wal_insert_lsn() - '{before}'::pg_lsn");
    let (sizes, log) = (shop.sql(SIZES), shop.sql(&log));
    let mut disk = 0.0;
    for (name, bytes) in numbers(&sizes).chain(numbers(&log)) {
        #[expect(clippy::cast_precision_loss, reason = "a figure to read")]
        let a_line = bytes / lines as f64;
        eprintln!("{name:16} {a_line:6.1} bytes a line");
        if name == "WAL" {
            assert!(a_line < 110.0, "{a_line} bytes of WAL");
        } else {
            disk += a_line;
        }
    }
    eprintln!("{:16} {disk:6.1} bytes a line, of {lines} lines", "on disk");
    assert!(disk < 125.0, "{disk} bytes on disk");
}
