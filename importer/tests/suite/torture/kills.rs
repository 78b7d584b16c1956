//! The importer is killed, as a node does that is out of memory.

use super::{
    campaign::{CHUNKS, Campaign, Place},
    proxy::{Break, Message, Moment, Proxy},
};

#[tokio::test]
async fn killed_at_random_moments_every_sale_counts_once() {
    let mut campaign = Campaign::begin("killed at random moments", Place::Shared, (3, 40)).await;
    while campaign.goes_on().await {
        let (import, moment) = (campaign.import(), campaign.moment());
        let mut child = campaign.load(&import).spawn().unwrap();
        if tokio::time::timeout(moment, child.wait()).await.is_err() {
            child.start_kill().unwrap();
        }
        let output = child.wait_with_output().await.unwrap();
        campaign.end(import, &output).await;
    }
}

/// Points within what the ledger does, which the proxy sees come.
#[tokio::test]
async fn killed_while_it_copies_commits_or_publishes_every_sale_counts_once() {
    let mut campaign = Campaign::begin("killed at a message", Place::Shared, (6, 36)).await;
    while campaign.goes_on().await {
        let import = campaign.import();
        let nth = 1 + campaign.random.below(CHUNKS);
        let moments = [Moment::CopyData(nth), Moment::Commit(nth), Moment::Publish];
        let struck = campaign.struck() as usize;
        let message = [Message::Withheld, Message::Delivered][struck / 3 % 2];
        let at = (moments[struck % 3], message, Break::Freeze);
        let proxy = Proxy::start(campaign.shop.server.port(), at).await;
        let mut child = campaign.load_over(&proxy, &import).spawn().unwrap();
        tokio::select! {
            _ = proxy.broken => child.start_kill().unwrap(),
            ended = child.wait() => drop(ended),
        }
        let output = child.wait_with_output().await.unwrap();
        campaign.end(import, &output).await;
    }
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn killed_at_each_named_point_every_sale_counts_once() {
    let mut campaign = Campaign::begin("killed at a named point", Place::Shared, (6, 36)).await;
    while campaign.goes_on().await {
        let import = campaign.import();
        let nth = format!("after-chunk:{}", 1 + campaign.random.below(CHUNKS));
        let points =
            ["after-begin", "after-open", "after-chunk", &nth, "before-publish", "after-publish"];
        let point = points[campaign.struck() as usize % points.len()];
        let output = campaign.load(&import).env("TAKINGS_FAILPOINT", point).output().await.unwrap();
        campaign.end(import, &output).await;
    }
}
