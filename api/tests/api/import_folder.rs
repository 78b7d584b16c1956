//! `GET /api/import-sales/`: the files of a configured folder.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use crate::support::{Request, SAMPLE, Start, TestApi, api, sales};

/// A folder, removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("takings-api-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, content: &str) {
        fs::write(self.0.join(name), content).unwrap();
    }

    fn api(&self) -> TestApi {
        Start::on_a_database().flag("import-folder", self.0.to_str().unwrap()).start()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn each_file_is_imported_once_in_the_order_of_the_names() {
    let folder = Folder::new("once");
    folder.put("b.csv", &sales(&[("3/2/2025", "3", "1")]));
    folder.put("A.CSV", SAMPLE);
    folder.put("notes.txt", "no sales");
    folder.put(".hidden.csv", "no sales");
    fs::create_dir(folder.0.join("folder")).unwrap();
    let api = folder.api();
    let first = api.get("/api/import-sales/");
    assert_eq!(first.body, r#"{"status":201,"message":"success","data":{"imported_row":5}}"#);
    assert_eq!(first.header("cache-control"), Some("no-store"));
    assert_eq!(
        api.sql(
            "SELECT string_agg(filename, ' ' ORDER BY imported_file_id) FROM takings.imported_file"
        ),
        "A.CSV b.csv"
    );
    let second = api.get("/api/import-sales");
    assert_eq!(
        (second.status, &second.json()["data"]["imported_row"]),
        (200, &0.into()),
        "{second:?}"
    );
    folder.put("c.csv", &sales(&[("3/3/2025", "4", "1")]));
    assert_eq!(api.get("/api/import-sales/").json()["data"]["imported_row"], 1);
}

#[test]
fn a_file_that_fails_is_named_and_the_others_stay() {
    let folder = Folder::new("fails");
    folder.put("a.csv", &sales(&[("3/1/2025", "1", "1")]));
    folder.put("b.csv", &sales(&[("3/1/2025", "1", "2")]));
    folder.put("c.csv", "no,sales,here\n1,2,3\n");
    folder.put("d.csv", &sales(&[("3/4/2025", "4", "1")]));
    symlink("/etc/hostname", folder.0.join("e.csv")).unwrap();
    fs::create_dir(folder.0.join("f.csv")).unwrap();
    let api = folder.api();
    let answer = api.get("/api/import-sales/");
    assert_eq!(answer.status, 422);
    let data = &answer.json()["data"];
    assert_eq!(data["imported_row"], 2, "{answer:?}");
    let failed: Vec<_> = data["failed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| file["file"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(failed, ["b.csv", "c.csv", "e.csv", "f.csv"]);
    for name in failed {
        assert!(answer.sentence().contains(&format!("{name}: ")), "{name}: {answer:?}");
    }
    assert_eq!(api.sales_and_open_runs(), "2 0");
}

#[test]
fn links_within_the_folder_are_files_of_it() {
    let folder = Folder::new("links");
    fs::create_dir(folder.0.join("..data")).unwrap();
    folder.put("..data/a", SAMPLE);
    symlink("..data/a", folder.0.join("a.csv")).unwrap();
    assert_eq!(folder.api().get("/api/import-sales/").json()["data"]["imported_row"], 4);
}

#[test]
fn head_changes_nothing() {
    let folder = Folder::new("head");
    folder.put("a.csv", SAMPLE);
    let api = folder.api();
    let answer = Request::new("HEAD", "/api/import-sales/").send(api.address);
    assert_eq!((answer.status, answer.header("cache-control")), (200, Some("no-store")));
    assert_eq!(api.sql("SELECT count(*) FROM takings.imported_file"), "0");
}

#[test]
fn without_a_folder_the_answer_says_what_to_set() {
    let answer = api().get("/api/import-sales/");
    assert_eq!(answer.status, 503);
    assert!(answer.sentence().contains("TAKINGS_IMPORT_FOLDER"), "{answer:?}");
}

#[test]
fn a_folder_that_is_not_there_is_told_and_the_log_says_why() {
    let api = Start::on_a_database().flag("import-folder", "/nonexistent").start();
    assert_eq!(api.get("/api/import-sales/").status, 503);
    let line = api.logged(|line| line["code"] == "folder-unreadable");
    assert!(line["cause"].as_str().unwrap().contains("No such file"), "{line}");
}
