//! Listings: of S3 against a real server (versitygw), of what other stores would be asked and of
//! what hostile ones answer against a server of the test's own, and by the real program.

use std::{path::Path, process::Command};

use axum::{
    Router,
    http::{StatusCode, Uri},
};
use futures::StreamExt as _;
use importer::{
    HttpSettings, ListRequest, NetworkRules, Source, list,
    source::{Credentials, StoreSettings},
};
use ledger::{ListOutcome, listing::Listing, outcome::Reason};

use crate::{
    s3::{SECRET, Server, object_at},
    support::{remote, serve, settings},
};

fn everything() -> ListRequest {
    ListRequest { changed_by: i64::MAX, ..ListRequest::default() }
}

async fn listed(source: Source, request: &ListRequest) -> Listing {
    match list(source, request).await {
        ListOutcome::Listed(listing) => listing,
        other => panic!("{other:?}"),
    }
}

/// Its reason and its sentence, which is worth a retry or is not.
async fn not_listed(source: Source, is_fault: bool) -> (Reason, String) {
    match list(source, &everything()).await {
        ListOutcome::Fault(why) if is_fault => (why.reason, why.message),
        ListOutcome::Refused(why) if !is_fault => (why.reason, why.message),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_bucket_is_listed_in_pages_and_each_object_is_told_once() {
    let s3 = Server::start().await;
    let names: Vec<_> = (0..70).map(|number| format!("in/2025/{number:04} é.csv")).collect();
    let put = |name: String| {
        let s3 = &s3;
        async move { s3.put(&name, "x").await }
    };
    let others = ["in/2025/readme.txt", "in/2025/old/a.csv", "out/a.csv", "a.csv"];
    let all = names.iter().cloned().chain(others.map(str::to_owned));
    futures::stream::iter(all).for_each_concurrent(16, put).await;
    let first = listed(s3.object("in/2025/*.csv", s3.address), &everything()).await;
    assert_eq!(first.files.len() as u64 + first.more, 70);
    let mut request = ListRequest { after: Some(names[9].clone()), ..everything() };
    let mut told = Vec::new();
    loop {
        let listing = listed(s3.object("in/2025/*.csv", s3.address), &request).await;
        assert_eq!(usize::try_from(listing.more).unwrap(), 60 - told.len() - listing.files.len());
        if listing.files.is_empty() {
            break;
        }
        for file in listing.files {
            assert!(request.known.insert(file.id));
            told.push(file.name);
        }
    }
    assert_eq!(told, names[10..]);
    // Only what became another version, is new or is gone is told of what is known.
    s3.put(&names[17], "xy").await;
    s3.put("in/2025/zz.csv", "x").await;
    s3.delete(&names[19]).await;
    let listing = listed(s3.object("in/2025/*.csv", s3.address), &request).await;
    let found: Vec<_> = listing.files.iter().map(|file| (&*file.name, file.bytes)).collect();
    assert_eq!(found, [(&*names[17], 2), ("in/2025/zz.csv", 1)]);
    assert_eq!((listing.gone.len(), listing.more), (2, 0), "the former version and what is gone");
    assert!(listed(s3.object("nothing/*.csv", s3.address), &everything()).await.files.is_empty());
    let deep = listed(s3.object("**/a.csv", s3.address), &everything()).await;
    let names: Vec<_> = deep.files.iter().map(|file| &*file.name).collect();
    assert_eq!(names, ["a.csv", "in/2025/old/a.csv", "out/a.csv"]);
}

#[tokio::test]
async fn what_may_not_be_listed_is_refused_with_a_sentence_and_no_secret() {
    let s3 = Server::start().await;
    let wrong = s3.credentials().join("../wrong");
    std::fs::create_dir_all(&wrong).unwrap();
    std::fs::write(wrong.join("AWS_ACCESS_KEY_ID"), "takings-tests").unwrap();
    std::fs::write(wrong.join("AWS_SECRET_ACCESS_KEY"), "wrong-s3cret").unwrap();
    let strict = HttpSettings { network: NetworkRules::default(), ..settings() };
    let right = s3.credentials();
    let with = |url: &str, credentials: &Path, settings: HttpSettings| {
        object_at(url.into(), s3.address, credentials.to_owned(), settings)
    };
    for (source, reason, told) in [
        (with("s3://sales/*.csv", &wrong, settings()), Reason::SourceForbidden, "403"),
        (with("s3://nowhere/*.csv", &right, settings()), Reason::SourceNotFound, "404"),
        (with("s3://sales/*.csv", &right, strict), Reason::SourceNotAllowed, "may not reach"),
        (with("s3://sales/", &right, settings()), Reason::InvalidArgument, "names no file"),
        (with("s3://k:s3cret@sales/*", &right, settings()), Reason::InvalidArgument, "no bucket"),
        (with("s3://sales/[a", &right, settings()), Reason::InvalidArgument, "can't be used"),
        (remote("https://s3cret@files/*.csv", settings()), Reason::InvalidArgument, "a bucket"),
    ] {
        let (found, message) = not_listed(source, false).await;
        assert_eq!(found, reason, "{message}");
        assert!(message.contains(told) && message.ends_with('.'), "{message}");
        assert!(!message.contains("s3cret") && !message.contains(SECRET), "{message}");
    }
}

/// A store that answers everything so.
async fn answering(
    url: &str,
    answer: impl Fn(&Uri) -> (StatusCode, String) + Clone + Send + Sync + 'static,
) -> Source {
    let answer = async move |uri: Uri| answer(&uri);
    let address = serve(Router::new().fallback(answer)).await;
    let endpoint = Some(format!("http://{address}"));
    Source::Url {
        url: url.into(),
        store: StoreSettings { endpoint, account: Some("shop".into()), region: None },
        credentials: Credentials::default(),
        settings: settings(),
    }
}

fn contents(keys: impl Iterator<Item = String>, next: &str) -> String {
    let object = |key: String| {
        format!(
            "<Contents><Key>{key}</Key><Size>1</Size><ETag>\"one\"</ETag>\
             <LastModified>2025-03-01T00:00:00.000Z</LastModified></Contents>"
        )
    };
    let objects: String = keys.map(object).collect();
    format!("<ListBucketResult>{objects}{next}</ListBucketResult>")
}

#[tokio::test]
async fn whatever_a_hostile_store_answers_the_listing_ends_with_a_sentence() {
    let endless = "<NextContinuationToken>on</NextContinuationToken>";
    let many = contents((0..1_000).map(|number| format!("in/{number}.csv")), endless);
    let weird = contents(["in/a\u{7f}b.csv".to_owned()].into_iter(), "");
    for (status, body, is_fault, reason, told) in [
        (503, "s3cret".to_owned(), true, Reason::SourceUnavailable, "503"),
        (429, "s3cret".to_owned(), true, Reason::SourceUnavailable, "429"),
        (302, "s3cret".to_owned(), false, Reason::SourceForbidden, "302"),
        (200, "s3cret".to_owned(), false, Reason::SourceForbidden, "does not answer as"),
        (200, many, false, Reason::InvalidArgument, "More than 100000 files"),
        (200, weird, false, Reason::InvalidArgument, "can't be listed"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        let source = answering("s3://sales/in/*.csv", move |_| (status, body.clone())).await;
        let (found, message) = not_listed(source, is_fault).await;
        assert_eq!(found, reason, "{message}");
        assert!(message.contains(told) && !message.contains("s3cret"), "{message}");
    }
}

#[tokio::test]
async fn other_stores_are_asked_for_the_folder_of_the_pattern() {
    let gcs = answering("gs://sales/in/*.csv", |uri| {
        assert_eq!(uri.path(), "/sales");
        let query = uri.query().unwrap();
        assert!(query.contains("prefix=in%2F") && query.contains("list-type=2"), "{query}");
        (StatusCode::OK, contents(["in/a.csv".to_owned()].into_iter(), ""))
    });
    let azure = answering("az://sales/in/*.csv", |uri| {
        let query = uri.query().unwrap();
        assert!(query.contains("prefix=in%2F") && query.contains("comp=list"), "{query}");
        let blob = "<Blob><Name>in/a.csv</Name><Properties>\
                    <Last-Modified>Sat, 01 Mar 2025 00:00:00 GMT</Last-Modified>\
                    <Content-Length>1</Content-Length><Content-Type>text/csv</Content-Type>\
                    <Etag>one</Etag></Properties></Blob>";
        let blobs = format!("<EnumerationResults><Blobs>{blob}</Blobs></EnumerationResults>");
        (StatusCode::OK, blobs)
    });
    for source in [gcs.await, azure.await] {
        let told = format!("{source}");
        let files = listed(source, &everything()).await.files;
        let found: Vec<_> = files.iter().map(|file| (&*file.name, &*file.version)).collect();
        assert_eq!(found, [("in/a.csv", "one")], "{told}");
    }
}

#[test]
fn the_program_lists_a_folder_without_a_database() {
    let folder = std::env::temp_dir().join(format!("takings-listing-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("in")).unwrap();
    std::fs::write(folder.join("in/a.csv"), "x").unwrap();
    let last_words = folder.join("termination-log");
    let run = |pattern: &str, more: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_takings-importer"))
            .args(["list", "--root", folder.to_str().unwrap()])
            .arg(format!("--file={}", folder.join(pattern).display()))
            .arg(format!("--termination-log={}", last_words.display()))
            .args(more)
            .env_remove("DATABASE_URL")
            .output()
            .unwrap();
        let said = std::fs::read_to_string(&last_words).unwrap();
        assert_eq!(format!("{said}\n"), String::from_utf8(output.stdout).unwrap());
        let outcome: ListOutcome = serde_json::from_str(&said).unwrap();
        assert_eq!(output.status.code(), Some(outcome.exit_code().into()));
        outcome
    };
    let ListOutcome::Listed(listing) = run("in/*.csv", &[]) else { panic!() };
    assert_eq!(listing.files[0].name, "in/a.csv");
    let known = format!("--known={}", listing.files[0].id);
    assert_eq!(run("in/*.csv", &[&known]), ListOutcome::Listed(Listing::default()));
    let ListOutcome::Listed(young) = run("in/*.csv", &["--min-age=1000"]) else { panic!() };
    assert_eq!((young.files.len(), young.young), (0, 1));
    let ListOutcome::Refused(why) = run("out/*.csv", &[]) else { panic!() };
    assert_eq!(why.reason, Reason::SourceNotFound);
    std::fs::remove_dir_all(&folder).unwrap();
}
