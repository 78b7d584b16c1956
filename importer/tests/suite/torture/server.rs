//! The server itself fails: it restarts without a word, or has no room left.

use super::campaign::{Campaign, Place, ended};

#[tokio::test]
async fn with_its_server_restarted_every_sale_counts_once() {
    let mut campaign = Campaign::begin("server restarted", Place::Own, (1, 12)).await;
    while campaign.goes_on().await {
        let (import, moment) = (campaign.import(), campaign.moment());
        let child = campaign.load(&import).spawn().unwrap();
        tokio::time::sleep(moment).await;
        campaign.shop.server.restart_immediately().unwrap();
        let output = child.wait_with_output().await.unwrap();
        campaign.end(import, &output).await;
    }
}

#[tokio::test]
async fn on_a_disk_that_is_full_every_sale_counts_once() {
    let mut campaign = Campaign::begin("disk full", Place::SmallDisk, (1, 12)).await;
    while campaign.goes_on().await {
        let import = campaign.import();
        let free = campaign.random.below(1 << 18);
        campaign.disk().fill(free).unwrap();
        let output = ended(campaign.load(&import)).await;
        campaign.disk().clear().unwrap();
        campaign.end(import, &output).await;
    }
}
