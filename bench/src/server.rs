//! The PostgreSQL that both sides share: durable, as in production, with its settings printed.

use anyhow::Result;
use harness::{postgres::Server, progress::say};

const SETTINGS: [(&str, &str); 6] = [
    ("shared_buffers", "2GB"),
    // More than any side writes of a file of 5 M lines, and room for it is found on most disks.
    ("max_wal_size", "4GB"),
    ("wal_level", "replica"),
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    // Tells how long functions took, such as the publish.
    ("track_functions", "pl"),
];

/// Starts a server of its own, gone with the returned value.
pub(crate) fn start() -> Result<Server> {
    let server = Server::own()?;
    for (name, value) in SETTINGS {
        server.sql("postgres", &format!("ALTER SYSTEM SET {name} = '{value}'"))?;
    }
    server.stop()?;
    server.start()?;
    say(&server.sql("postgres", "SELECT version()")?);
    for (name, _) in SETTINGS {
        let value = server.sql("postgres", &format!("SHOW {name}"))?;
        say(&format!("  {name} = {}", value.trim()));
    }
    Ok(server)
}
