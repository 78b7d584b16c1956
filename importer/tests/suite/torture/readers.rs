//! Who reads the figures all the time while files are loaded sees them as they were before or as
//! they are after, and nothing between.

use std::{process::Stdio, time::Duration};

use harness::postgres::Server;
use ledger::{
    Dataset,
    postgres::{DatabaseUrl, Ledger, PoolSettings},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::campaign::{Campaign, Place, ended};
use crate::{
    sales::{Expected, amount},
    support::{FIRST_DAY, LAST_DAY, Shop},
};

/// Longer than any load takes to be seen.
const PATIENCE: Duration = Duration::from_mins(1);

/// Totals, days and the lines themselves in one statement.
const FIGURES: &str = "
    SELECT trim_scale(sum(revenue)), sum(line_count),
        sum(order_count) - (SELECT sum(order_count) FROM takings.order_day_pair),
        string_agg(concat_ws(' ', sale_date, trim_scale(revenue), line_count, order_count), ','
            ORDER BY sale_date),
        (SELECT concat_ws(' ', trim_scale(sum(line_total)), count(*), count(DISTINCT order_id))
            FROM takings.live_sale)
    FROM takings.daily_revenue";

#[tokio::test]
async fn readers_see_the_figures_before_or_after_and_nothing_between() {
    let mut campaign = Campaign::begin("read all the time", Place::Shared, (2, 12)).await;
    let mut answers = 0;
    for round in 0..campaign.wanted() {
        campaign.make_room().await;
        let before = campaign.books().expected();
        let import = campaign.import();
        let after = import.after.expected();
        let stop = CancellationToken::new();
        let by_statement = watch(&campaign.shop.server, &campaign.shop.database.name, &after);
        let reading = async { tokio::join!(by_statement, as_the_api_does(&campaign.shop, &stop)) };
        let loading = async {
            // A try that is killed is seen as little as one that goes through.
            if round % 2 == 0 {
                let _ = timeout(campaign.whole() / 2, campaign.load(&import).output()).await;
            }
            let output = ended(campaign.load(&import)).await;
            stop.cancel();
            output
        };
        let ((statements, (totals, days)), output) = tokio::join!(reading, loading);
        assert_eq!(statements.seen, states(&before, &after, line));
        assert_eq!(totals.seen, states(&before, &after, total));
        assert_eq!(days.seen, states(&before, &after, daily));
        answers += statements.answers + totals.answers + days.answers;
        campaign.end(import, &output).await;
    }
    eprintln!("read all the time: {answers} answers");
}

/// What was seen, each state once as long as it lasts.
#[derive(Default)]
struct Seen {
    seen: Vec<String>,
    answers: u64,
}

impl Seen {
    fn note(&mut self, state: String) {
        self.answers += 1;
        if self.seen.last() != Some(&state) {
            self.seen.push(state);
        }
    }
}

/// One connection that asks the same again and again, until it has seen what comes after.
async fn watch(server: &Server, database: &str, after: &Expected) -> Seen {
    let mut psql = Command::new("psql");
    psql.args(["-XqAt", &server.url(database)]).kill_on_drop(true);
    let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let script = format!("{}\n\\watch 0.002\n", FIGURES.replace('\n', " "));
    input.write_all(script.as_bytes()).await.unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut seen, after) = (Seen::default(), line(after));
    while seen.seen.last() != Some(&after) || seen.answers < 10 {
        let next = timeout(PATIENCE, lines.next_line()).await.expect("psql says nothing");
        let state = next.unwrap().expect("psql has ended");
        if !state.is_empty() {
            seen.note(state);
        }
    }
    seen
}

/// The API's own statements, until told to stop, and once behind that.
async fn as_the_api_does(shop: &Shop, end: &CancellationToken) -> (Seen, Seen) {
    let url = DatabaseUrl::new(&shop.database.url).unwrap();
    let ledger = Ledger::connect_lazy(&url, &PoolSettings::default());
    let (dataset, mut totals, mut days) = (Dataset::default(), Seen::default(), Seen::default());
    loop {
        let is_last = end.is_cancelled();
        let all = ledger.revenue(&dataset, FIRST_DAY, LAST_DAY).await.unwrap();
        totals.note(format!("{}|{}|{}", all.revenue, all.line_count, all.order_count));
        let daily = ledger.daily(&dataset, FIRST_DAY, LAST_DAY).await.unwrap();
        let daily = daily.iter().map(|day| {
            format!("{} {} {} {}", day.date, day.revenue, day.line_count, day.order_count)
        });
        days.note(daily.collect::<Vec<_>>().join(","));
        if is_last {
            ledger.close().await;
            return (totals, days);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// What may be seen, in its order.
fn states(before: &Expected, after: &Expected, told: fn(&Expected) -> String) -> Vec<String> {
    let mut states = vec![told(before), told(after)];
    states.dedup();
    states
}

fn total(books: &Expected) -> String {
    format!("{}|{}|{}", amount(books.mills()), books.lines, books.orders)
}

fn daily(books: &Expected) -> String {
    let days = books
        .days
        .iter()
        .map(|(date, day)| format!("{date} {} {} {}", amount(day.mills), day.lines, day.orders));
    days.collect::<Vec<_>>().join(",")
}

fn line(books: &Expected) -> String {
    let total = total(books);
    format!("{total}|{}|{}", daily(books), total.replace('|', " "))
}
