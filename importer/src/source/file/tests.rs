//! What may be opened beneath a root, and what may not.

use std::{
    fs,
    io::Read,
    os::unix::fs::{PermissionsExt, symlink},
};

use super::*;

/// A folder of the test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("takings-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("root")).unwrap();
        fs::write(folder.join("secret"), "secret").unwrap();
        fs::write(folder.join("root/march.csv"), "march").unwrap();
        Self(folder)
    }

    fn root(&self) -> PathBuf {
        self.0.join("root")
    }

    fn open(&self, path: &str) -> Result<File, FileError> {
        open(Path::new(path), Some(&self.root()))
    }

    /// Reads a file in both ways of opening it; they must agree.
    fn read(&self, path: &str) -> String {
        let by_hand = open_resolved(Path::new(path), Path::new(path), &self.root());
        let texts = [self.open(path), by_hand].map(|file| {
            let mut text = String::new();
            file.unwrap().read_to_string(&mut text).unwrap();
            text
        });
        assert_eq!(texts[0], texts[1], "{path}");
        texts[0].clone()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_mounted_config_map_is_read_through_its_links() {
    let folder = Folder::new("configmap");
    let root = folder.root();
    fs::create_dir(root.join("..2025_03_01")).unwrap();
    fs::write(root.join("..2025_03_01/april.csv"), "april").unwrap();
    symlink("..2025_03_01", root.join("..data")).unwrap();
    symlink("..data/april.csv", root.join("april.csv")).unwrap();
    assert_eq!(folder.read("april.csv"), "april");
}

#[test]
fn links_that_stay_inside_are_followed_also_absolute_ones() {
    let folder = Folder::new("links");
    let root = folder.root();
    symlink(root.join("march.csv"), root.join("absolute")).unwrap();
    symlink("march.csv", root.join("relative")).unwrap();
    for path in ["march.csv", "./march.csv", "absolute", "relative"] {
        assert_eq!(folder.read(path), "march", "{path}");
    }
    let absolute = root.join("march.csv");
    assert!(open(&absolute, Some(&root)).is_ok());
    assert!(open(&absolute, None).is_ok());
}

#[test]
fn what_leads_out_is_refused() {
    let folder = Folder::new("outside");
    let root = folder.root();
    symlink("../secret", root.join("relative")).unwrap();
    symlink(folder.0.join("secret"), root.join("absolute")).unwrap();
    symlink(&folder.0, root.join("up")).unwrap();
    symlink("/proc/self/root/etc/passwd", root.join("magic")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    let secret = folder.0.join("secret");
    for path in [
        "../secret",
        "../root/march.csv",
        "march.csv/../../secret",
        "relative",
        "absolute",
        "up/secret",
        "magic",
        "loop",
        "/etc/passwd",
        secret.to_str().unwrap(),
    ] {
        let error = folder.open(path).unwrap_err();
        assert!(matches!(error, FileError::Outside { .. }), "{path}: {error}");
        assert_eq!(error.reason(), Reason::SourceNotAllowed);
        if path != "loop" {
            let by_hand = open_resolved(Path::new(path), Path::new(path), &root);
            assert!(by_hand.is_err() || path.starts_with("../root"), "{path}");
        }
    }
}

#[test]
fn only_regular_files_are_opened_and_nothing_waits() {
    let folder = Folder::new("regular");
    let root = folder.root();
    let fifo = root.join("fifo");
    let status = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(status.success());
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    for path in ["fifo", "socket", "."] {
        let error = folder.open(path).unwrap_err();
        assert!(matches!(error, FileError::NotRegular { .. }), "{path}: {error}");
    }
    let error = open(Path::new("/dev/zero"), None).unwrap_err();
    assert_eq!(error.to_string(), "/dev/zero is a device, not a regular file.");
}

#[test]
fn what_is_not_there_is_named_with_its_root() {
    let folder = Folder::new("missing");
    for path in ["april.csv", "march.csv/x", "a\0b", &"x".repeat(5_000)] {
        let error = folder.open(path).unwrap_err();
        assert!(matches!(error, FileError::NotFound { .. }), "{path}: {error}");
        assert!(error.to_string().contains("beneath"), "{error}");
    }
}

#[test]
fn an_unreadable_file_is_told_with_uid_and_mode() {
    let folder = Folder::new("forbidden");
    let path = folder.root().join("march.csv");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    // The superuser may read everything, so the refusal is made here as the system would.
    let error = explain(Errno::ACCESS, Path::new("march.csv"), Some(&folder.root()));
    let (uid, owner) = (rustix::process::geteuid().as_raw(), fs::metadata(&path).unwrap().uid());
    let message = error.to_string();
    assert!(
        message.contains(&format!("by uid {uid}: its mode is 0640, its owner {owner}:")),
        "{message}"
    );
    assert_eq!(error.reason(), Reason::SourceForbidden);
}
