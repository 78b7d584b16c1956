//! The importer lives, but its connections to the database don't.

use super::{
    campaign::{CHUNKS, Campaign, Place, ended},
    files::Import,
    proxy::{Break, Message, Moment, Proxy},
};

async fn cut(campaign: &mut Campaign, import: Import, at: (Moment, Message)) {
    let proxy = Proxy::start(campaign.shop.server.port(), (at.0, at.1, Break::Cut)).await;
    let output = ended(campaign.load_over(&proxy, &import)).await;
    campaign.end(import, &output).await;
}

#[tokio::test]
async fn cut_before_or_behind_a_commit_every_sale_counts_once() {
    let mut campaign = Campaign::begin("cut at a COMMIT", Place::Shared, (4, 16)).await;
    while campaign.goes_on().await {
        let struck = campaign.struck() as usize;
        let message = [Message::Withheld, Message::Delivered][struck % 2];
        let nth = 1 + campaign.random.below(CHUNKS);
        let moment = [Moment::Publish, Moment::Commit(nth)][struck / 2 % 2];
        let import = campaign.import();
        cut(&mut campaign, import, (moment, message)).await;
    }
}

#[tokio::test]
async fn cut_anywhere_every_sale_counts_once() {
    let mut campaign = Campaign::begin("cut behind random bytes", Place::Shared, (1, 12)).await;
    while campaign.goes_on().await {
        let moment = Moment::Bytes(1 + campaign.random.below(200_000));
        let import = campaign.import();
        cut(&mut campaign, import, (moment, Message::Withheld)).await;
    }
}

/// Calls a function with each of the importer's connections in which a statement runs, as soon as
/// there is one after a random moment of a load.
async fn disturb(campaign: &mut Campaign, function: &str) {
    let (import, moment) = (campaign.import(), campaign.moment());
    let child = campaign.load(&import).spawn().unwrap();
    tokio::time::sleep(moment).await;
    campaign.shop.sql(&format!(
        "DO $$ BEGIN
            FOR look IN 1..500 LOOP
                PERFORM pg_stat_clear_snapshot();
                PERFORM {function}(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'takings'
                        AND state = 'active';
                EXIT WHEN FOUND;
                PERFORM pg_sleep(0.001);
            END LOOP;
        END $$"
    ));
    let output = child.wait_with_output().await.unwrap();
    campaign.end(import, &output).await;
}

#[tokio::test]
async fn with_its_connections_terminated_every_sale_counts_once() {
    let mut campaign = Campaign::begin("connections terminated", Place::Shared, (1, 12)).await;
    while campaign.goes_on().await {
        disturb(&mut campaign, "pg_terminate_backend").await;
    }
}

#[tokio::test]
async fn with_its_statements_cancelled_every_sale_counts_once() {
    let mut campaign = Campaign::begin("statements cancelled", Place::Shared, (1, 12)).await;
    while campaign.goes_on().await {
        disturb(&mut campaign, "pg_cancel_backend").await;
    }
}

/// A load sets `statement_timeout` itself, so that a low one ends at most its first statement;
/// the others are what an administrator may set beside it.
#[tokio::test]
async fn with_low_timeouts_on_its_role_every_sale_counts_once() {
    let mut campaign = Campaign::begin("timeouts", Place::Shared, (1, 12)).await;
    while campaign.goes_on().await {
        let import = campaign.import();
        let setting =
            ["statement_timeout", "idle_in_transaction_session_timeout"][campaign.random.index(2)];
        let timeout = 1 + campaign.random.below(3);
        let role = |change: String| {
            let database = &campaign.shop.database.name;
            let change = format!("ALTER ROLE postgres IN DATABASE {database} {change}");
            campaign.shop.server.sql("postgres", &change).unwrap();
        };
        role(format!("SET {setting} = {timeout}"));
        let output = ended(campaign.load(&import)).await;
        role(format!("RESET {setting}"));
        campaign.end(import, &output).await;
    }
}
