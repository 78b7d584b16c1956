//! Who may load where: decided by the database, whatever the importer asks for.

use ledger::{
    Dataset, Outcome,
    outcome::{Reason, RunResult},
    postgres::{DatabaseUrl, Ledger, PoolSettings},
};
use tokio_util::sync::CancellationToken;

use crate::support::*;

const FILE: &str = "Sale Date,Sale ID,Item Total\n3/1/2025,1,1.5\n";

/// A login role of the test's own, gone with it.
struct Role<'a> {
    shop: &'a Shop,
    name: String,
}

impl<'a> Role<'a> {
    fn new(shop: &'a Shop, name: &str) -> Self {
        let name = format!("{name}_{}", shop.database.name);
        shop.sql(&format!("CREATE ROLE {name} LOGIN PASSWORD 'x'"));
        Self { shop, name }
    }

    fn ledger(&self) -> Ledger {
        let (_, place) = self.shop.database.url.rsplit_once('@').unwrap();
        let url = DatabaseUrl::new(&format!("postgres://{}:x@{place}", self.name)).unwrap();
        Ledger::connect_lazy(&url, &PoolSettings::default())
    }

    async fn load(&self, dataset: &str) -> Outcome {
        let request = importer::LoadRequest { dataset: dataset.parse().unwrap(), ..request() };
        importer::load(&self.ledger(), request, upload(FILE), &CancellationToken::new()).await
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        let name = &self.name;
        let database = &self.shop.database.name;
        let _ = self.shop.server.sql(database, &format!("DROP OWNED BY {name}; DROP ROLE {name}"));
    }
}

#[tokio::test]
async fn a_role_loads_into_the_datasets_that_are_granted_to_it_and_into_no_other() {
    let shop = Shop::open().await;
    let (hill, pier) = (Role::new(&shop, "hill"), Role::new(&shop, "pier"));
    for (role, dataset) in [(&hill, "hill"), (&pier, "pier")] {
        let dataset: Dataset = dataset.parse().unwrap();
        shop.ledger.grant_importer(&role.name, &dataset).await.unwrap();
    }
    assert_published(&hill.load("hill").await, 1, 0);
    assert_published(&pier.load("pier").await, 1, 0);
    for dataset in ["pier", "default", "nobodys"] {
        let outcome = hill.load(dataset).await;
        assert_ended(&outcome, RunResult::Refused, Reason::DatasetNotGranted);
        assert!(outcome.message.contains("takings-importer grant"), "{}", outcome.message);
    }
    let counts = "SELECT string_agg(name || ' ' || line_count, ', ' ORDER BY name) \
                  FROM takings.daily_revenue JOIN takings.dataset USING (dataset_id)";
    assert_eq!(shop.sql(counts), "hill 1, pier 1");
}

#[tokio::test]
async fn a_dataset_has_one_currency() {
    let shop = Shop::open().await;
    assert_published(&shop.load_text(FILE).await, 1, 0);
    let request = importer::LoadRequest { currency: "EUR".parse().unwrap(), ..request() };
    let outcome = shop.load(request, upload(&FILE.replace(",1,", ",2,"))).await;
    assert_ended(&outcome, RunResult::Refused, Reason::CurrencyMismatch);
    assert_eq!(shop.revenue().await, "1.5");
}
