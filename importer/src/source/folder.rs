//! The files in a folder: a path that is a pattern in, what fits out. Nothing outside the root is
//! looked at: each folder is opened beneath it. Links to files are followed where they stay beneath
//! it, links to folders never.

use std::{ffi::CStr, fs::File, path::Path};

use rustix::fs::{AtFlags, Dir, FileType, Stat, fstat, statat};

use super::{
    SourceError, file,
    list::{Found, FoundFile, ListError, count, unavailable},
    pattern::Pattern,
};

struct Walk<'a> {
    root: &'a Path,
    pattern: Pattern,
    /// Those that are still to be looked into, by their paths beneath the root.
    folders: Vec<String>,
    looked_at: u64,
    found: Found,
}

/// What fits beneath the root; by hand, where there is none, anywhere.
pub(super) fn list(path: &Path, root: Option<&Path>) -> Result<Found, ListError> {
    let root = root.unwrap_or(Path::new(if path.is_absolute() { "/" } else { "." }));
    let relative = path.strip_prefix(root).unwrap_or(path);
    let pattern = Pattern::new(&relative.to_string_lossy())?;
    let folders = vec![pattern.folder().to_owned()];
    let mut walk = Walk { root, pattern, folders, looked_at: 0, found: Found::default() };
    while let Some(folder) = walk.folders.pop() {
        walk.look_into(&folder)?;
    }
    Ok(walk.found)
}

impl Walk<'_> {
    fn look_into(&mut self, folder: &str) -> Result<(), ListError> {
        let path = Path::new(if folder.is_empty() { "." } else { folder });
        let opened = file::open_folder(path, self.root).map_err(SourceError::from)?;
        for entry in Dir::read_from(&opened).map_err(|errno| unavailable(path, errno.into()))? {
            let entry = entry.map_err(|errno| unavailable(path, errno.into()))?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                count(&mut self.looked_at, &self.root.join(path).to_string_lossy())?;
                self.see(folder, &opened, entry.file_name());
            }
        }
        Ok(())
    }

    fn see(&mut self, folder: &str, opened: &File, own_name: &CStr) {
        // What is gone by now need not be told.
        let Ok(stat) = statat(opened, own_name, AtFlags::SYMLINK_NOFOLLOW) else { return };
        let separator = if folder.is_empty() { "" } else { "/" };
        let name = format!("{folder}{separator}{}", own_name.to_string_lossy());
        let is_plain = own_name.to_str().is_ok() && !name.chars().any(char::is_control);
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory if self.pattern.is_deep() && is_plain => self.folders.push(name),
            FileType::Directory => {}
            _ if !self.pattern.fits(&name) => {}
            kind => match self.file(kind, stat, &name).filter(|_| is_plain) {
                Some(stat) => self.found.files.push(found(name, &stat)),
                None => self.found.unusable += 1,
            },
        }
    }

    /// A regular file's, or that of the one which a link leads to.
    fn file(&self, kind: FileType, stat: Stat, name: &str) -> Option<Stat> {
        match kind {
            FileType::RegularFile => Some(stat),
            FileType::Symlink => fstat(file::open(Path::new(name), Some(self.root)).ok()?).ok(),
            _ => None,
        }
    }
}

fn found(name: String, stat: &Stat) -> FoundFile {
    let (bytes, modified) = (stat.st_size.unsigned_abs(), stat.st_mtime);
    let version = format!("{bytes}-{modified}.{:09}", stat.st_mtime_nsec);
    FoundFile { name, bytes, version, modified }
}

#[cfg(test)]
mod tests;
