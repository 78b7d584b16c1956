//! A run is settled while its importer is still at it: whoever wins, there is one answer.

use std::time::Duration;

use ledger::outcome::RunResult;
use tokio::process::Command;

use super::{
    campaign::{Campaign, Place, ended, outcome},
    files::Import,
    proxy::{Break, Message, Moment, Proxy},
};

fn settle(campaign: &Campaign, import: &Import) -> Command {
    let (id, run) = (import.id.to_string(), import.run.to_string());
    campaign.shop.program(&["settle", "--import-id", &id, "--run", &run])
}

#[tokio::test]
async fn settled_at_random_moments_a_run_has_one_end() {
    let mut campaign = Campaign::begin("settled", Place::Shared, (3, 30)).await;
    let mut abandoned = 0;
    for _ in 0..campaign.wanted() {
        campaign.make_room().await;
        let (import, moment) = (campaign.import(), campaign.moment());
        let child = campaign.load(&import).spawn().unwrap();
        tokio::time::sleep(moment).await;
        let settled = ended(settle(&campaign, &import)).await;
        let loaded = child.wait_with_output().await.unwrap();
        let answer = outcome(&settled).unwrap_or_else(|| panic!("{settled:?}"));
        assert!(answer.result.is_final(), "{settled:?}");
        assert_eq!(outcome(&loaded).as_ref(), Some(&answer), "{loaded:?} {settled:?}");
        abandoned += u32::from(answer.result == RunResult::Abandoned);
        campaign.settled(import, &answer).await;
    }
    eprintln!("settled: {abandoned} of {} runs were abandoned", campaign.wanted());
}

/// It neither abandons what is being published nor calls published what is taken back.
#[tokio::test]
async fn settled_while_it_is_published_a_run_has_one_end() {
    let mut campaign = Campaign::begin("settled in publish", Place::Shared, (2, 12)).await;
    for round in 0..campaign.wanted() {
        campaign.make_room().await;
        let (message, result) = match round % 2 {
            0 => (Message::Withheld, RunResult::Abandoned),
            _ => (Message::Delivered, RunResult::Published),
        };
        let import = campaign.new_import();
        let at = (Moment::Publish, message, Break::Freeze);
        let proxy = Proxy::start(campaign.shop.server.port(), at).await;
        let mut child = campaign.load_over(&proxy, &import).spawn().unwrap();
        proxy.broken.await.unwrap();
        let settling = settle(&campaign, &import).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
        child.kill().await.unwrap();
        let settled = settling.wait_with_output().await.unwrap();
        let answer = outcome(&settled).unwrap_or_else(|| panic!("{settled:?}"));
        assert_eq!(answer.result, result, "{settled:?}");
        campaign.settled(import, &answer).await;
    }
}
