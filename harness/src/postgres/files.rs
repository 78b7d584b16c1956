//! The files of a PostgreSQL server: where they lie, whose they are, what they say.
//!
//! PostgreSQL refuses to run as root, so that root runs it as the user `postgres`, who can't
//! look into root's home: its folders then lie below `/var/lib/takings`, one for each cache.

use super::release::Release;
use crate::{
    cache,
    pki::{Authority, Subject},
    program,
};
use anyhow::{Context, Result};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// What a server promises about committed data.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Durability {
    /// What PostgreSQL promises.
    Full,
    /// Nothing after a power cut: several times faster for tests that each make a database.
    Test,
}

/// Whom root runs PostgreSQL as.
const ACCOUNT: &str = "postgres";

/// The folder of all servers of this cache.
pub(super) fn base() -> Result<PathBuf> {
    let cache_folder = cache::folder("postgres")?;
    if !program::is_root() {
        return Ok(cache_folder);
    }
    let name = cache::fingerprint(cache_folder.as_os_str().as_encoded_bytes());
    cache::created(Path::new("/var/lib/takings").join(format!("postgres-{name}")))
}

/// The folders of all servers of this cache.
pub(super) fn servers() -> Result<Vec<PathBuf>> {
    Ok(fs::read_dir(base()?)?.filter_map(|entry| Some(entry.ok()?.path())).collect())
}

/// One of PostgreSQL's own programs, of the chosen release. What that does not bring is of the
/// newest that is installed.
pub(super) fn program(name: &str) -> Result<PathBuf> {
    let chosen = Release::chosen()?.programs()?.map(|folder| folder.join(name));
    if let Some(path) = chosen.filter(|path| path.exists()) {
        return Ok(path);
    }
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<_> =
        debian.map(|entry| entry.path().join("bin").join(name)).filter(|p| p.exists()).collect();
    installed.sort();
    installed
        .pop()
        .or_else(|| program::find(name))
        .with_context(|| format!("PostgreSQL's {name} is missing: install the package postgresql"))
}

/// A command that runs as the account that may run PostgreSQL.
pub(super) fn as_account(program: &Path) -> Command {
    if !program::is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", ACCOUNT, "--regid", ACCOUNT, "--init-groups"]).arg(program);
    command
}

/// Makes the files of a new server in `folder`, in place of what was there.
pub(super) fn create(
    folder: &Path,
    address: &str,
    port: u16,
    durability: Durability,
) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    cache::write_secret(&folder.join("password"), cache::random(16)?)?;
    issue_certificate(folder, address)?;
    own(folder)?;
    initialize(folder, durability)?;
    let data = folder.join("data");
    let settings = settings(folder, address, port, durability);
    cache::write(&data.join("postgresql.auto.conf"), settings)?;
    cache::write(&data.join("pg_hba.conf"), "host all all all scram-sha-256\n")?;
    // Last: a folder without it is one that was not finished.
    cache::write(&folder.join("address"), format!("{address}:{port}"))
}

fn initialize(folder: &Path, durability: Durability) -> Result<()> {
    let mut initdb = as_account(&program("initdb")?);
    initdb.args(["--username=postgres", "--encoding=UTF8", "--locale=C.UTF-8"]);
    initdb.args(["--auth=scram-sha-256", "--pwfile"]).arg(folder.join("password"));
    if durability == Durability::Test {
        initdb.arg("--no-sync");
    }
    program::run(initdb.arg("-D").arg(folder.join("data")).current_dir("/"))?;
    Ok(())
}

fn settings(folder: &Path, address: &str, port: u16, durability: Durability) -> String {
    let folder = folder.display();
    let mut text = format!(
        "listen_addresses = '{address}'\nport = {port}\nunix_socket_directories = ''\n\
         max_connections = 300\nssl = on\nssl_cert_file = '{folder}/server.crt'\n\
         ssl_key_file = '{folder}/server.key'\n"
    );
    if durability == Durability::Test {
        text.push_str("fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n");
    }
    text
}

fn issue_certificate(folder: &Path, address: &str) -> Result<()> {
    let authority = Authority::new("takings-postgres")?;
    authority.write(&folder.join("ca.crt"))?;
    let names = ["localhost", "127.0.0.1", address];
    let subject = Subject { common_name: "postgres", organization: None, names: &names };
    authority.issue(folder, "server", subject)?;
    Ok(())
}

/// Gives the folder and what is in it to the account that runs PostgreSQL.
pub(super) fn own(folder: &Path) -> Result<()> {
    if program::is_root() {
        let owner = format!("{ACCOUNT}:{ACCOUNT}");
        program::run(Command::new("chown").arg("-R").arg(owner).arg(folder))?;
    }
    Ok(())
}
