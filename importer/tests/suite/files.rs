//! Files that are none, or are where they must not be: each refused with its reason and sentence.

use importer::Source;
use ledger::outcome::{Reason, RunResult};

use crate::support::*;

#[tokio::test]
async fn what_is_no_sales_file_is_refused_with_a_sentence() {
    let shop = Shop::open().await;
    let open = format!("{HEADER}3/1/2025,1,a,1\n3/1/2025,2,\"a,1\n");
    let long = format!("{HEADER}3/1/2025,1,{},1\n", "x".repeat(1 << 20));
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03cut".as_slice();
    let utf16: Vec<u8> = HEADER.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, reason, says) in [
        (&b""[..], Reason::InvalidFile, "is empty"),
        (b"\n\n", Reason::InvalidFile, "is empty"),
        (b"<!doctype html><html>", Reason::InvalidHeader, "lacks \"Sale Date\""),
        (b"Sale Date,Sale ID,Item Total,Item Total\n", Reason::InvalidHeader, "more than once"),
        (b"PK\x03\x04", Reason::InvalidFile, "Excel"),
        (&utf16, Reason::InvalidFile, "declare utf-16le"),
        (gzip, Reason::InvalidFile, "damaged or cut off"),
        (open.as_bytes(), Reason::InvalidFile, "line 3"),
        (long.as_bytes(), Reason::InvalidFile, "line 2"),
    ] {
        let path = shop.write("file.csv", bytes);
        let outcome = shop.load(request(), file(&path)).await;
        assert_ended(&outcome, RunResult::Refused, reason);
        assert!(outcome.message.contains(says), "{says}: {}", outcome.message);
    }
    assert_eq!(shop.sql("SELECT count(*) FROM takings.sale"), "0");
}

#[tokio::test]
async fn a_file_that_breaks_off_tells_what_it_had() {
    let shop = Shop::open().await;
    let text = format!("{HEADER}{}x,1,a,1\n\"", "3/1/2025,1,a,1\n".repeat(20_000));
    let outcome = shop.load(tolerating("5"), upload(&text)).await;
    assert_ended(&outcome, RunResult::Refused, Reason::InvalidFile);
    let counts = (outcome.lines_read, outcome.lines_valid, outcome.lines_rejected);
    assert_eq!(counts, (20_001, 20_000, 1));
    assert_eq!(shop.sql("SELECT count(*) FROM takings.sale"), "0");
}

#[tokio::test]
async fn a_path_that_leads_out_of_its_root_is_refused() {
    let shop = Shop::open().await;
    let root = shop.folder.join("root");
    std::fs::create_dir(&root).unwrap();
    shop.write("secret.csv", HEADER);
    std::os::unix::fs::symlink("../secret.csv", root.join("link.csv")).unwrap();
    for path in ["../secret.csv", "link.csv", "/etc/passwd"] {
        let source = Source::File { path: path.into(), root: Some(root.clone()) };
        let outcome = shop.load(request(), source).await;
        assert_ended(&outcome, RunResult::Refused, Reason::SourceNotAllowed);
        assert!(outcome.message.contains(path), "{}", outcome.message);
    }
    let source = Source::File { path: "none.csv".into(), root: Some(root) };
    assert_ended(&shop.load(request(), source).await, RunResult::Refused, Reason::SourceNotFound);
}

#[tokio::test]
async fn what_is_no_regular_file_is_refused_without_waiting() {
    let shop = Shop::open().await;
    let fifo = shop.folder.join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for path in [fifo.as_path(), &shop.folder, "/dev/zero".as_ref()] {
        let outcome = shop.load(request(), file(path)).await;
        assert_ended(&outcome, RunResult::Refused, Reason::SourceNotAllowed);
        assert!(outcome.message.contains("not a regular file"), "{}", outcome.message);
    }
}

#[tokio::test]
async fn a_file_that_another_user_may_not_read_is_told_with_uid_and_mode() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("not root: nobody else can be");
        return;
    }
    let shop = Shop::open().await;
    // A copy, since the build's folder may be closed to others.
    let program = shop.folder.join("takings-importer");
    std::fs::copy(env!("CARGO_BIN_EXE_takings-importer"), &program).unwrap();
    let path = shop.write("march.csv", HEADER);
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let mut command = tokio::process::Command::new(&program);
    command.args(["load", "--file", "march.csv", "--root"]).arg(&shop.folder);
    command.env("DATABASE_URL", &shop.database.url).uid(65532).gid(65532);
    let output = command.output().await.unwrap();
    let outcome: ledger::Outcome = serde_json::from_slice(&output.stdout).unwrap();
    assert_ended(&outcome, RunResult::Refused, Reason::SourceForbidden);
    let says = "by uid 65532: its mode is 0640, its owner 0:0";
    assert!(outcome.message.contains(says), "{}", outcome.message);
}
