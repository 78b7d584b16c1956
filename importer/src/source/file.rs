//! A path in, an open regular file out; nothing outside the root is ever opened.
//!
//! Links that stay beneath the root are followed, as a mounted ConfigMap consists of them. The
//! kernel resolves the path beneath the root where it can (`openat2`); else the resolved path
//! and, once more, the open file itself are checked.

use std::{
    fs::File,
    io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Component, Path, PathBuf},
};

use ledger::outcome::Reason;
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2},
    io::Errno,
};

/// Opening a FIFO must not wait for its other end, nor a terminal become ours.
const FLAGS: OFlags =
    OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// A path that can't or may not be opened.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Nothing is there.
    #[error("The file {path} does not exist{}.", beneath(root.as_deref()))]
    NotFound {
        /// What was asked for.
        path: PathBuf,
        /// Beneath which folder.
        root: Option<PathBuf>,
    },
    /// It leads out of the root.
    #[error(
        "The file {path} leads out of {root}, beneath which files are read: name one inside, \
         without \"..\"."
    )]
    Outside {
        /// What was asked for.
        path: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// It is no regular file.
    #[error("{path} is {kind}, not a regular file.")]
    NotRegular {
        /// What was asked for.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// The permissions do not let us.
    #[error("The file {path} can't be read by uid {uid}{mode}: let that user read it.")]
    Forbidden {
        /// What was asked for.
        path: PathBuf,
        /// Who tried.
        uid: u32,
        /// Whose it is, where that can be seen.
        mode: String,
    },
    /// Something else, such as a network file system that does not answer.
    #[error("The file {path} can't be opened: {source}.")]
    Unavailable {
        /// What was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Opens a file for reading.
pub(super) fn open(path: &Path, root: Option<&Path>) -> Result<File, FileError> {
    let file = match root {
        Some(root) => open_beneath(path, root)?,
        None => openat(CWD, path, FLAGS, Mode::empty())
            .map(File::from)
            .map_err(|errno| explain(errno, path, None))?,
    };
    let metadata = file.metadata().map_err(|source| unavailable(path, source))?;
    match kind(metadata.file_type()) {
        None => Ok(file),
        Some(kind) => Err(FileError::NotRegular { path: path.to_owned(), kind }),
    }
}

/// Opens a folder beneath a root, to look into it.
pub(super) fn open_folder(path: &Path, root: &Path) -> Result<File, FileError> {
    let folder = open_beneath(path, root)?;
    let metadata = folder.metadata().map_err(|source| unavailable(path, source))?;
    if metadata.is_dir() { Ok(folder) } else { Err(explain(Errno::NOTDIR, path, Some(root))) }
}

impl FileError {
    /// The reason that stands in the outcome.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotFound { .. } => Reason::SourceNotFound,
            Self::Outside { .. } | Self::NotRegular { .. } => Reason::SourceNotAllowed,
            Self::Forbidden { .. } => Reason::SourceForbidden,
            Self::Unavailable { .. } => Reason::SourceUnavailable,
        }
    }
}

fn open_beneath(path: &Path, root: &Path) -> Result<File, FileError> {
    let outside = || FileError::Outside { path: path.to_owned(), root: root.to_owned() };
    let relative = if path.is_absolute() { path.strip_prefix(root) } else { Ok(path) };
    let relative = relative.map_err(|_| outside())?;
    if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(outside());
    }
    let folder =
        openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|errno| explain(errno, root, None))?;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match openat2(&folder, relative, FLAGS, Mode::empty(), resolve) {
        Ok(file) => Ok(file.into()),
        // Old kernels and strict sandboxes lack it; and it takes an absolute link for one that
        // leads out, also where it leads back in.
        Err(Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::OPNOTSUPP | Errno::XDEV) => {
            open_resolved(path, relative, root)
        }
        Err(errno) => Err(explain(errno, path, Some(root))),
    }
}

/// Without the kernel's help: resolves all links, opens the end of them without following any
/// more, and looks where the open file really is.
fn open_resolved(path: &Path, relative: &Path, root: &Path) -> Result<File, FileError> {
    let outside = || FileError::Outside { path: path.to_owned(), root: root.to_owned() };
    let known = |source: io::Error| match Errno::from_io_error(&source) {
        Some(errno) => explain(errno, path, Some(root)),
        // Only a path with a NUL in it fails without the system's word.
        None => explain(Errno::INVAL, path, Some(root)),
    };
    let real_root = root.canonicalize().map_err(known)?;
    let real = real_root.join(relative).canonicalize().map_err(known)?;
    if !real.starts_with(&real_root) {
        return Err(outside());
    }
    let file: File = openat(CWD, &real, FLAGS | OFlags::NOFOLLOW, Mode::empty())
        .map_err(|errno| explain(errno, path, Some(root)))?
        .into();
    let opened =
        std::fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file)));
    match opened {
        Ok(opened) if opened.starts_with(&real_root) => Ok(file),
        Ok(_) => Err(outside()),
        Err(source) => Err(unavailable(path, source)),
    }
}

fn explain(errno: Errno, path: &Path, root: Option<&Path>) -> FileError {
    let path = path.to_owned();
    let root = root.map(Path::to_owned);
    match (errno, root) {
        (Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG | Errno::INVAL, root) => {
            FileError::NotFound { path, root }
        }
        (Errno::ACCESS | Errno::PERM, root) => forbidden(path, root.as_deref()),
        (Errno::LOOP, Some(root)) => FileError::Outside { path, root },
        (Errno::LOOP, None) => FileError::NotRegular { path, kind: "a link that leads to itself" },
        (Errno::NXIO | Errno::NODEV, _) => {
            FileError::NotRegular { path, kind: "a socket or device" }
        }
        (errno, _) => unavailable(&path, errno.into()),
    }
}

fn forbidden(path: PathBuf, root: Option<&Path>) -> FileError {
    let place = root.map_or_else(|| path.clone(), |root| root.join(&path));
    let mode = std::fs::metadata(place).map_or_else(
        |_| ", nor may that user look into its folder".to_owned(),
        |metadata| {
            let (mode, uid, gid) = (metadata.mode() & 0o7777, metadata.uid(), metadata.gid());
            format!(": its mode is {mode:04o}, its owner {uid}:{gid}")
        },
    );
    FileError::Forbidden { path, uid: rustix::process::geteuid().as_raw(), mode }
}

pub(super) fn unavailable(path: &Path, source: io::Error) -> FileError {
    FileError::Unavailable { path: path.to_owned(), source }
}

/// What a thing is that is no regular file.
fn kind(kind: std::fs::FileType) -> Option<&'static str> {
    match kind {
        kind if kind.is_file() => None,
        kind if kind.is_dir() => Some("a folder"),
        kind if kind.is_fifo() => Some("a pipe"),
        kind if kind.is_socket() => Some("a socket"),
        _ => Some("a device"),
    }
}

fn beneath(root: Option<&Path>) -> String {
    root.map_or_else(String::new, |root| format!(" beneath {}", root.display()))
}

#[cfg(test)]
mod tests;
