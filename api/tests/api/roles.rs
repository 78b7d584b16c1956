//! The program with the roles that it should have, and no more.

use crate::support::{SAMPLE, Start, grant};

#[test]
fn a_reading_and_an_importing_role_are_enough_and_a_dataset_must_be_granted() {
    let start = Start::on_a_database();
    let (api_url, importer_url) = grant(&start, "default");
    let start = start.variable("DATABASE_URL", &api_url);
    let api = start.variable("TAKINGS_IMPORT_DATABASE_URL", &importer_url).start();
    assert_eq!(api.upload("sample.csv", SAMPLE).status, 201);
    let list = api.get("/api/v1/imports").json();
    let id = list["data"][0]["import_id"].as_str().unwrap();
    for path in [
        "/api/metrics/revenue/?start=3/1/2025&end=3/2/2025",
        "/api/metrics/revenue/daily?start=3/1/2025&end=3/2/2025",
        "/api/v1/revenue?from=2025-03-01&to=2025-03-02",
        "/api/v1/revenue/daily?from=2025-03-01&to=2025-03-02",
        &format!("/api/v1/imports/{id}"),
        &format!("/api/v1/imports/{id}/rejects"),
        "/health",
    ] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }
    let other = api.post_file("/api/v1/imports?dataset=harbour", "sample.csv", SAMPLE);
    assert_eq!(other.status, 403, "{other:?}");
    assert!(other.sentence().contains("harbour"), "{other:?}");
    assert_eq!(api.sales_and_open_runs(), "4 0");
}
