//! The same content by several imports at once: one loads it, the others wait for its end and no
//! longer than they must. That it counts once holds without any of this, and is looked at each time.

#[cfg(feature = "failpoints")]
mod held;

use std::{io::Write as _, path::Path, time::Duration};

use flate2::{Compression, write::GzEncoder};
use harness::postgres::Server;
use importer::{
    LoadRequest,
    format::{DateOrder, Format},
};
use ledger::outcome::RunResult;
use tokio::task::JoinSet;

use crate::{
    sales::{self, Expected, Shape},
    support::*,
};

const LINES: u64 = 10_000;
/// No load here takes so long, and none waits so long but where it hangs.
const LONG: Duration = Duration::from_mins(10);

/// A load in chunks so small that there are many, which waits for others for so long.
fn waiting(claim_timeout: Duration) -> LoadRequest {
    LoadRequest { chunk_bytes: 100_000, claim_timeout, claim_dead_after: LONG, ..request() }
}

/// How many loads were ever begun: who begins none writes no chunk.
fn loads_begun(shop: &Shop) -> String {
    shop.sql("SELECT last_value FROM takings.load_id WHERE is_called")
}

/// Loads one file as so many imports at once: as good as one.
async fn at_once(shop: &Shop, path: &Path, like: &LoadRequest, imports: usize) {
    let mut loads = JoinSet::new();
    for _ in 0..imports {
        let request = LoadRequest { import_id: request().import_id, ..like.clone() };
        let (ledger, source) = (shop.ledger.clone(), file(path));
        loads.spawn(async move { importer::load(&ledger, request, source, &<_>::default()).await });
    }
    let outcomes = loads.join_all().await;
    let ended = |result| outcomes.iter().filter(|outcome| outcome.result == result).count();
    assert_eq!(ended(RunResult::Published), 1, "{outcomes:?}");
    assert_eq!(ended(RunResult::AlreadyLoaded), imports - 1, "{outcomes:?}");
    assert_eq!(loads_begun(shop), "1", "one of them wrote lines, the others none");
    assert_eq!(shop.sql("SELECT count(*) FROM takings.claim"), "0", "claims of ended runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_imports_of_a_file_at_once_one_loads_it() {
    let shop = Shop::open().await;
    let (path, expected) = shop.write_generated("sales.csv", &Shape::of(LINES));
    at_once(&shop, &path, &waiting(LONG), 8).await;
    shop.assert_holds(&expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_packed_file_and_one_that_tells_its_date_order_are_loaded_once_too() {
    for date_order in [DateOrder::MonthFirst, DateOrder::Auto] {
        let shop = Shop::open().await;
        let (path, expected) = packed(&shop);
        let format = Format { date_order, ..Format::default() };
        at_once(&shop, &path, &LoadRequest { format, ..waiting(LONG) }, 2).await;
        shop.assert_holds(&expected).await;
    }
}

fn packed(shop: &Shop) -> (std::path::PathBuf, Expected) {
    let mut bytes = Vec::new();
    let expected = sales::write(&mut bytes, &Shape::of(LINES)).unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&bytes).unwrap();
    (shop.write("sales.csv.gz", packed.finish().unwrap()), expected)
}

/// The first is at its publish, where it writes no chunk, for longer than one without a sign of
/// life would be waited for.
#[tokio::test(flavor = "multi_thread")]
async fn who_shows_signs_of_life_is_waited_for_also_while_it_writes_nothing() {
    let shop = Shop::open().await;
    let (path, expected) = shop.write_generated("sales.csv", &Shape::of(LINES));
    shop.sql("SELECT takings.ensure_dataset('default')");
    let database = shop.database.name.clone();
    let publishing = tokio::task::spawn_blocking(move || {
        let lock = "BEGIN; SELECT FROM takings.dataset FOR NO KEY UPDATE; SELECT pg_sleep(6)";
        Server::shared().unwrap().sql(&database, lock).unwrap()
    });
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND \
                  wait_event = 'PgSleep'";
    while shop.sql(asleep) == "0" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let like = LoadRequest { claim_dead_after: Duration::from_millis(1500), ..waiting(LONG) };
    at_once(&shop, &path, &like, 2).await;
    publishing.await.unwrap();
    shop.assert_holds(&expected).await;
}
