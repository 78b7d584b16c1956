//! Where the harness keeps what it builds and runs, and the locks that let many processes share it.
//!
//! In: `TAKINGS_CACHE`, `XDG_CACHE_HOME`, `HOME`. Out: folders that exist. Never: a path inside
//! the repository.

use crate::progress;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The cache's root: `$TAKINGS_CACHE`, else `takings` in the user's cache folder.
pub fn root() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("TAKINGS_CACHE") {
        return std::path::absolute(folder).context("TAKINGS_CACHE is no path");
    }
    let caches = match env::var_os("XDG_CACHE_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => {
            PathBuf::from(env::var_os("HOME").context("set HOME or TAKINGS_CACHE")?).join(".cache")
        }
    };
    Ok(caches.join("takings"))
}

/// A folder of the cache, made where it is missing.
pub fn folder(name: &str) -> Result<PathBuf> {
    created(root()?.join(name))
}

/// `path` as a folder that exists.
pub fn created(path: PathBuf) -> Result<PathBuf> {
    fs::create_dir_all(&path).with_context(|| format!("can't make {}", path.display()))?;
    Ok(path)
}

/// An exclusive lock among all processes that use this cache; released when dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Waits for the lock of that name, and says so where another process has it.
pub fn lock(name: &str) -> Result<Lock> {
    let path = folder("locks")?.join(name);
    let file = File::create(&path).with_context(|| format!("can't open {}", path.display()))?;
    if file.try_lock().is_ok() {
        return Ok(Lock { _file: file });
    }
    progress::say(&format!("Wait for another process that has the lock {name}"));
    file.lock().with_context(|| format!("can't lock {}", path.display()))?;
    Ok(Lock { _file: file })
}

/// Whether the cache lies on an overlay, as in a container: a further one can't lie on it.
pub fn is_on_overlay() -> Result<bool> {
    const OVERLAY: i64 = 0x794c_7630;
    Ok(rustix::fs::statfs(&root()?)?.f_type == OVERLAY)
}

/// A short name for content: equal content, equal name.
#[must_use]
pub fn fingerprint(content: &[u8]) -> String {
    hex(&Sha256::digest(content)[..6])
}

/// The SHA-256 of a file, in hexadecimal digits.
pub fn digest(path: &Path) -> Result<String> {
    let content = fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    Ok(hex(&Sha256::digest(content)))
}

/// Random hexadecimal digits, two for each of `bytes`.
pub fn random(bytes: usize) -> Result<String> {
    let mut buffer = vec![0; bytes];
    File::open("/dev/urandom")?.read_exact(&mut buffer)?;
    Ok(hex(&buffer))
}

/// Reads a small text file, without the white space around it.
pub fn read(path: &Path) -> Result<String> {
    let text = fs::read_to_string(path);
    Ok(text.with_context(|| format!("can't read {}", path.display()))?.trim().to_owned())
}

/// Writes a file and names it in the error.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, content).with_context(|| format!("can't write {}", path.display()))
}

/// As [`write`], readable only by this user.
pub fn write_secret(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let opened = File::options().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = opened.and_then(|mut file| file.write_all(content.as_ref()));
    written.with_context(|| format!("can't write {}", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
