//! What is listed of a folder, and what is not.

use std::{
    fs,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    path::PathBuf,
};

use ledger::outcome::Reason;

use super::*;

/// A folder of the test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("takings-list-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("root/in/2025")).unwrap();
        Self(folder)
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    fn write(&self, name: &str) {
        fs::write(self.0.join(name), name).unwrap();
    }

    fn list(&self, pattern: &str) -> Result<Found, ListError> {
        list(&self.root().join(pattern), Some(&self.root()))
    }

    fn names(&self, pattern: &str) -> Vec<String> {
        let files = self.list(pattern).unwrap().files.into_iter();
        let mut names: Vec<_> = files.map(|file| file.name).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn files_of_a_folder_are_listed_and_those_of_its_subfolders_where_the_pattern_says_so() {
    let folder = Folder::new("subfolders");
    for name in ["top.csv", "in/a.csv", "in/b.csv.gz", "in/.hidden.csv", "in/2025/c.csv"] {
        folder.write(&format!("root/{name}"));
    }
    assert_eq!(folder.names("*.csv"), ["top.csv"]);
    assert_eq!(folder.names("in/*"), ["in/a.csv", "in/b.csv.gz"]);
    assert_eq!(folder.names("in/*/*.csv"), ["in/2025/c.csv"]);
    assert_eq!(folder.names("**/*.csv"), ["in/2025/c.csv", "in/a.csv", "top.csv"]);
    assert_eq!(folder.names("in/a.csv"), ["in/a.csv"]);
    assert!(folder.names("in/z*").is_empty());
}

#[test]
fn a_file_that_is_written_anew_is_another_version_and_one_that_is_read_is_not() {
    let folder = Folder::new("versions");
    let version = || folder.list("in/*").unwrap().files.remove(0).version;
    folder.write("root/in/a.csv");
    let path = folder.root().join("in/a.csv");
    let first = version();
    fs::read(&path).unwrap();
    assert_eq!(version(), first);
    let (size, time) = first.split_once('-').unwrap();
    assert_eq!((size, time.split_once('.').unwrap().1.len()), ("13", 9));
    let file = File::options().write(true).open(&path).unwrap();
    let later = file.metadata().unwrap().modified().unwrap() + std::time::Duration::from_nanos(1);
    file.set_modified(later).unwrap();
    assert_ne!(version(), first, "a nanosecond later");
}

#[test]
fn links_are_followed_to_files_beneath_the_root_and_nowhere_else() {
    let folder = Folder::new("links");
    for name in ["secret.csv", "root/kept.csv", "root/in/2025/a.csv"] {
        folder.write(name);
    }
    let root = folder.root();
    for (target, link) in [
        ("../kept.csv", "in/inside.csv"),
        ("../../secret.csv", "in/outside.csv"),
        ("missing.csv", "in/dangling.csv"),
        ("itself.csv", "in/itself.csv"),
        ("..", "in/parent"),
        ("../../..", "in/above"),
        ("2025", "in/folder.csv"),
    ] {
        symlink(target, root.join(link)).unwrap();
    }
    assert_eq!(folder.names("in/**/*.csv"), ["in/2025/a.csv", "in/inside.csv"]);
    let unusable = folder.list("in/**/*.csv").unwrap().unusable;
    assert_eq!(unusable, 4, "outside, dangling, itself and folder are told");
    for pattern in ["in/above/*.csv", "../*.csv", "in/../../*.csv", "/etc/*.csv"] {
        let error = folder.list(pattern).unwrap_err();
        assert_eq!(error.reason(), Reason::SourceNotAllowed, "{pattern}: {error}");
    }
}

#[test]
fn names_that_can_not_be_written_are_told_and_others_are_listed_as_they_are() {
    let folder = Folder::new("names");
    let names = ["a b.csv", "é.csv", "\"quoted\".csv", "{%Y}.csv", "-flag=.csv", "[1].csv"];
    for name in names {
        folder.write(&format!("root/in/{name}"));
    }
    for name in [&b"new\nline.csv"[..], b"latin\xe9.csv"] {
        let path = folder.root().join("in").join(std::ffi::OsStr::from_bytes(name));
        fs::write(path, "x").unwrap();
    }
    let found = folder.list("in/*.csv").unwrap();
    assert_eq!((found.files.len(), found.unusable), (names.len(), 2));
    assert!(names.iter().all(|name| folder.names("in/*.csv").contains(&format!("in/{name}"))));
}

#[test]
fn what_is_no_folder_or_not_there_is_told() {
    let folder = Folder::new("missing");
    folder.write("root/file");
    for pattern in ["nowhere/*.csv", "file/*.csv"] {
        let error = folder.list(pattern).unwrap_err();
        assert_eq!(error.reason(), Reason::SourceNotFound, "{error}");
    }
    let nowhere = list(Path::new("*.csv"), Some(Path::new("/nowhere")));
    assert_eq!(nowhere.unwrap_err().reason(), Reason::SourceNotFound);
}
