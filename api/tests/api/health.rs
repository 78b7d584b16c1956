//! `/api/health/` and its other names, `/version`, and the admin port.

use crate::support::{Start, api, eventually};

#[test]
fn every_name_of_health_says_that_the_database_is_there() {
    let api = api();
    for path in [
        "/api/health/",
        "/api/health",
        "/api/healthcheck/",
        "/api/healthcheck",
        "/health",
        "/health/",
    ] {
        let answer = api.get(path);
        let expected = r#"{"status":200,"message":"success","data":{"database":"ok"}}"#;
        assert_eq!((answer.status, answer.body.as_str()), (200, expected), "{path}");
    }
}

#[test]
fn the_version_is_on_the_main_port() {
    let version = api().get("/version").json();
    assert_eq!(version["name"], "takings-api");
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_replica_is_ready_only_once_the_schema_is_there() {
    let start = Start::on_an_empty_database();
    let url = start.url();
    let api = start.start_unready();
    let waiting = api.ask_admin("/readyz");
    assert_eq!((waiting.status, waiting.body.contains("schema")), (503, true), "{waiting:?}");
    assert_eq!(api.ask_admin("/livez").status, 200);
    let health = api.get("/health");
    assert_eq!(health.status, 503);
    assert!(health.sentence().contains("takings-importer migrate"), "{health:?}");
    assert_eq!(api.get("/api/v1/revenue?from=2025-03-01&to=2025-03-01").status, 503);

    crate::support::migrate(&url);
    eventually(|| (api.ask_admin("/readyz").status == 200).then_some(()));
    assert_eq!(api.get("/health").status, 200);
}

#[test]
fn without_a_database_setting_the_program_says_which_to_give() {
    let output = Start::without_a_database().output();
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("DATABASE_URL"), "{said}");
}
