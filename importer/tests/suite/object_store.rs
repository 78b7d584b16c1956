//! Objects of stores: S3 against a real server (versitygw); what is asked of GCS and Azure against
//! a server of the test's own.

use std::path::Path;

use axum::http::{HeaderName, header};
use harness::pki::Authority;
use importer::{
    HttpSettings, NetworkRules, Source,
    source::{Credentials, StoreSettings},
};
use ledger::outcome::{Reason, RunResult};

use crate::{
    range_server::{File, RangeServer},
    s3::{Proxy, SECRET, Server, object_at},
    sales::Shape,
    support::*,
};

const ETAG: (HeaderName, &str) = (header::ETAG, "\"one\"");
const MODIFIED: (HeaderName, &str) = (header::LAST_MODIFIED, "Sat, 01 Mar 2025 00:00:00 GMT");
const FILE: &str = "Sale Date,Sale ID,Item name,Item Total\n3/1/2025,1,Water,1.5\n";

async fn nothing() {}

#[tokio::test]
async fn an_object_is_loaded_and_known_again() {
    let (shop, s3) = (Shop::open().await, Server::start().await);
    s3.put("2025/march 1+2 é%20.csv", FILE).await;
    let object = || s3.object("2025/march 1+2 é%20.csv", s3.address);
    assert_published(&shop.load(request(), object()).await, 1, 0);
    let recorded = shop.sql("SELECT filename, source FROM takings.imported_file");
    assert_eq!(recorded, "march 1+2 é%20.csv|s3://sales/2025/march 1+2 é%20.csv");
    let again = shop.load(request(), object()).await;
    assert_ended(&again, RunResult::AlreadyLoaded, Reason::AlreadyLoaded);
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_refuses_the_run() {
    let (shop, s3) = (Shop::open().await, Server::start().await);
    s3.put("march.csv", FILE).await;
    let wrong = |name: &str, id: &str, secret: &str| {
        let folder = shop.folder.join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("AWS_ACCESS_KEY_ID"), id).unwrap();
        std::fs::write(folder.join("AWS_SECRET_ACCESS_KEY"), secret).unwrap();
        folder
    };
    let right = s3.credentials();
    let with = |url: &str, credentials: &Path| {
        object_at(url.into(), s3.address, credentials.to_owned(), settings())
    };
    let march = "s3://sales/march.csv";
    for (source, reason, told) in [
        (
            with("s3://sales/april.csv", &right),
            Reason::SourceNotFound,
            "/sales/april.csv answered 404",
        ),
        (with("s3://nowhere/march.csv", &right), Reason::SourceNotFound, "404"),
        (
            with(march, &wrong("secret", "takings-tests", "wrong-s3cret")),
            Reason::SourceForbidden,
            "credentialsSecretRef",
        ),
        // That this server says so of a key it does not know; AWS says 403.
        (with(march, &wrong("id", "nobody", SECRET)), Reason::SourceNotFound, "404"),
        (
            with(march, &wrong("half", "takings-tests", " ")),
            Reason::InvalidArgument,
            "AWS_SECRET_ACCESS_KEY",
        ),
        (with(march, &shop.folder.join("missing")), Reason::InvalidArgument, "AWS_ACCESS_KEY_ID"),
        (with("s3://sales/../march.csv", &right), Reason::InvalidArgument, "names no key"),
        (with("s3://sales//march.csv", &right), Reason::InvalidArgument, "names no key"),
        (with("s3://sales/", &right), Reason::InvalidArgument, "names no key"),
        (with("s3:///march.csv", &right), Reason::InvalidArgument, "names no bucket"),
        (
            with("s3://user:s3cret@sales/march.csv", &right),
            Reason::InvalidArgument,
            "names no bucket",
        ),
        (with("s3://sales/march.csv?sig=s3cret", &right), Reason::InvalidArgument, "names no key"),
    ] {
        let outcome = shop.load(request(), source).await;
        assert_ended(&outcome, RunResult::Refused, reason);
        assert!(outcome.message.contains(told), "{}", outcome.message);
        let json = outcome.to_json();
        assert!(!json.contains("s3cret") && !json.contains("Signature"), "{json}");
    }
    let recorded = shop.sql("SELECT source, filename, error_message FROM takings.imported_file");
    assert!(!recorded.contains("s3cret"), "{recorded}");
}

#[tokio::test]
async fn no_store_leads_to_a_forbidden_place() {
    let (shop, s3) = (Shop::open().await, Server::start().await);
    let strict = HttpSettings { network: NetworkRules::default(), ..settings() };
    let all = ["0.0.0.0/0", "::/0"].map(|network| network.parse().unwrap()).to_vec();
    let lenient = HttpSettings {
        network: NetworkRules { allowed: all, ..NetworkRules::default() },
        ..settings()
    };
    for (address, settings) in [
        ("10.1.2.3:9000", &strict),
        ("192.168.1.1:9000", &strict),
        (&s3.address.to_string(), &strict),
        (&s3.address.to_string(), &lenient),
        ("169.254.169.254:80", &lenient),
        ("[fd00:ec2::254]:80", &lenient),
    ] {
        for url in ["s3://sales/march.csv", "gs://sales/march.csv", "az://sales/march.csv"] {
            let source = store(url, &format!("http://{address}"), &shop.folder, settings.clone());
            let outcome = shop.load(request(), source).await;
            assert_ended(&outcome, RunResult::Refused, Reason::SourceNotAllowed);
            assert!(outcome.message.contains("importer.network.allow"), "{}", outcome.message);
        }
    }
    let https = HttpSettings { allow_http: false, ..settings() };
    let source = object_at("s3://sales/a".into(), s3.address, s3.credentials(), https);
    let outcome = shop.load(request(), source).await;
    assert_ended(&outcome, RunResult::Refused, Reason::SourceNotAllowed);
}

#[tokio::test]
async fn an_object_is_read_on_wherever_the_connection_is_cut() {
    let (shop, s3) = (Shop::open().await, Server::start().await);
    let mut bytes = Vec::new();
    let expected = crate::sales::write(&mut bytes, &Shape::of(20_000)).unwrap();
    let size = bytes.len();
    s3.put("march.csv", bytes).await;
    // In the headers, soon after them, in the middle, and just before the end.
    let cuts = [1_000, 50_000, 20, 200_000, 900_000, 0];
    let proxy = Proxy::start("127.0.0.1:0", s3.address, &cuts, nothing).await;
    let outcome = shop.load(request(), s3.object("march.csv", proxy.address)).await;
    assert_published(&outcome, expected.lines, 0);
    assert_eq!((outcome.bytes, proxy.connections()), (size as u64, 7));
    shop.assert_holds(&expected).await;
}

#[tokio::test]
async fn an_object_that_changes_while_it_is_read_is_refused() {
    let shop = Shop::open().await;
    for what in ["same length", "shorter", "gone"] {
        let s3 = std::sync::Arc::new(Server::start().await);
        s3.put("march.csv", text(50_000)).await;
        let changing = s3.clone();
        let meanwhile = move || {
            let s3 = changing.clone();
            async move {
                match what {
                    "same length" => s3.put("march.csv", text(50_000).replace("1.5", "2.5")).await,
                    "shorter" => s3.put("march.csv", FILE).await,
                    _ => s3.delete("march.csv").await,
                }
            }
        };
        let proxy = Proxy::start("127.0.0.1:0", s3.address, &[300_000], meanwhile).await;
        let outcome = shop.load(request(), s3.object("march.csv", proxy.address)).await;
        assert_ended(&outcome, RunResult::Refused, Reason::SourceChanged);
        assert!(outcome.message.contains("run the import again"), "{}", outcome.message);
        assert_eq!(shop.sql("SELECT count(*) FROM takings.sale"), "0", "{what}");
    }
}

#[tokio::test]
async fn a_connection_that_brings_nothing_is_given_up() {
    let (shop, s3) = (Shop::open().await, Server::start().await);
    s3.put("march.csv", text(50_000)).await;
    let mut cuts = vec![0; 100];
    cuts[0] = 300_000;
    let proxy = Proxy::start("127.0.0.1:0", s3.address, &cuts, nothing).await;
    let outcome = shop.load(request(), s3.object("march.csv", proxy.address)).await;
    assert_ended(&outcome, RunResult::Fault, Reason::SourceUnavailable);
    assert_eq!(proxy.connections(), 6);
}

/// What the makers' own servers would answer is told by their documentation only: here stands
/// what they would be asked.
#[tokio::test]
async fn gcs_is_asked_for_the_rest_of_the_generation_that_was_begun() {
    let shop = Shop::open().await;
    let generation = (HeaderName::from_static("x-goog-generation"), "42");
    let file = File::new(text(1_000), &[ETAG, MODIFIED, generation], &[500]);
    let server = RangeServer::start(file).await;
    let endpoint = format!("http://{}", server.address);
    let source = store("gs://sales/2025/march.csv", &endpoint, &shop.folder, settings());
    assert_published(&shop.load(request(), source).await, 1_000, 0);
    let asked = server.asked(&header::RANGE);
    let again = "/sales/2025%2Fmarch%2Ecsv?generation=42";
    assert_eq!(asked[0], ("/sales/2025%2Fmarch%2Ecsv".into(), String::new()));
    assert_eq!(asked[1..], [(again.into(), "bytes=500-".into())]);
    assert_eq!(server.asked(&header::IF_MATCH)[1].1, ETAG.1);
    assert_eq!(server.asked(&header::ACCEPT_ENCODING)[1].1, "gzip");
}

#[tokio::test]
async fn azure_is_asked_with_a_signature_for_the_rest_of_what_was_begun() {
    let shop = Shop::open().await;
    let server = RangeServer::start(File::new(text(1_000), &[ETAG, MODIFIED], &[500])).await;
    let endpoint = format!("http://{}", server.address);
    let source = store("az://sales/2025/march.csv", &endpoint, &shop.folder, settings());
    assert_published(&shop.load(request(), source).await, 1_000, 0);
    let asked: Vec<_> = server.asked(&header::RANGE).into_iter().map(|asked| asked.1).collect();
    assert_eq!(asked, ["", "bytes=500-"]);
    let signed = server.asked(&header::AUTHORIZATION);
    assert!(signed.iter().all(|asked| asked.1.starts_with("SharedKey shop:")), "{signed:?}");
    assert!(signed.iter().all(|asked| asked.0 == "/sales/2025/march.csv"), "{signed:?}");
    assert_eq!(server.asked(&header::IF_MATCH)[1].1, ETAG.1);
}

#[tokio::test]
async fn an_object_of_gcs_or_azure_that_changes_while_it_is_read_is_refused() {
    let shop = Shop::open().await;
    for url in ["gs://sales/march.csv", "az://sales/march.csv"] {
        let next = File::new(text(1_000), &[(header::ETAG, "\"two\""), MODIFIED], &[]);
        let next = Some(Box::new(next));
        let file = File { next, ..File::new(text(1_000), &[ETAG, MODIFIED], &[500]) };
        let server = RangeServer::start(file).await;
        let endpoint = format!("http://{}", server.address);
        let source = store(url, &endpoint, &shop.folder, settings());
        let outcome = shop.load(request(), source).await;
        assert_ended(&outcome, RunResult::Refused, Reason::SourceChanged);
    }
}

#[tokio::test]
async fn without_credentials_a_store_is_asked_without_any() {
    let shop = Shop::open().await;
    for url in ["s3://sales/march.csv", "gs://sales/march.csv", "az://sales/march.csv"] {
        let server = RangeServer::start(File::new(text(1), &[ETAG, MODIFIED], &[])).await;
        let endpoint = format!("http://{}", server.address);
        let folder = shop.folder.join("none");
        std::fs::create_dir_all(&folder).unwrap();
        Authority::new("takings-tests").unwrap().write(&folder.join("ca.crt")).unwrap();
        let mut source = store(url, &endpoint, &shop.folder, settings());
        if let Source::Url { credentials, .. } = &mut source {
            credentials.folder = Some(folder);
        }
        let outcome = shop.load(request(), source).await;
        assert!(outcome.result.is_final(), "{outcome:?}");
        assert_eq!(server.asked(&header::AUTHORIZATION)[0].1, "");
    }
}

fn text(lines: usize) -> String {
    format!("{HEADER}{}", "3/1/2025,1,Water,1.5\n".repeat(lines))
}

fn store(url: &str, endpoint: &str, folder: &Path, settings: HttpSettings) -> Source {
    std::fs::write(folder.join("AWS_ACCESS_KEY_ID"), "id").unwrap();
    std::fs::write(folder.join("AWS_SECRET_ACCESS_KEY"), "s3cret").unwrap();
    std::fs::write(folder.join("AZURE_STORAGE_ACCOUNT_KEY"), "czNjcmV0").unwrap();
    let key = r#"{"private_key": "s3cret", "private_key_id": "", "client_email": "", "disable_oauth": true}"#;
    std::fs::write(folder.join("GOOGLE_SERVICE_ACCOUNT_KEY"), key).unwrap();
    Source::Url {
        url: url.into(),
        store: StoreSettings {
            endpoint: Some(endpoint.into()),
            region: None,
            account: Some("shop".into()),
        },
        credentials: Credentials { folder: Some(folder.to_owned()), authorities: None },
        settings,
    }
}
