//! The PostgreSQL servers that tests stand on.

use harness::postgres::Server;

#[test]
fn tests_share_one_server_with_a_database_each() {
    let (one, other) = (Server::shared().unwrap(), Server::shared().unwrap());
    assert_eq!(one.port(), other.port());
    let database = one.create_database().unwrap();
    assert_eq!(
        other.sql(&database.name, "SELECT current_database()").unwrap().trim(),
        database.name
    );

    let name = database.name.clone();
    drop(database);
    let left = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
    assert_eq!(one.sql("postgres", &left).unwrap().trim(), "0");
}

#[test]
fn a_server_of_ones_own_keeps_its_data_over_a_power_cut() {
    let server = Server::own().unwrap();
    server.sql("postgres", "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)").unwrap();
    server.kill().unwrap();
    assert!(server.sql("postgres", "SELECT 1").is_err());
    server.start().unwrap();
    assert_eq!(server.sql("postgres", "SELECT n FROM kept").unwrap().trim(), "7");
    server.stop().unwrap();
    server.start().unwrap();
    assert_eq!(server.sql("postgres", "SELECT n FROM kept").unwrap().trim(), "7");
}

#[test]
fn a_client_may_insist_on_who_the_server_is() {
    let server = Server::shared().unwrap();
    let trust = server.ca_certificate();
    let url =
        format!("{}?sslmode=verify-full&sslrootcert={}", server.url("postgres"), trust.display());
    let encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let answer =
        std::process::Command::new("psql").args([&url, "-Atc", encrypted]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&answer.stdout).trim(), "t");
}

#[test]
fn the_servers_are_of_the_release_that_the_environment_asks_for() {
    let version = Server::shared().unwrap().sql("postgres", "SHOW server_version").unwrap();
    let major = version.split('.').next().unwrap();
    match std::env::var("TAKINGS_POSTGRES") {
        Ok(asked) if !asked.is_empty() => assert_eq!(major, asked),
        _ => assert!(version.contains("Debian"), "{version}"),
    }
}
