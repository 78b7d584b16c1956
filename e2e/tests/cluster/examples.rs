//! Every file in `examples/`, applied as a reader would, does what its comment says.

use anyhow::{Context, Result};
use e2e::{
    FileServer, Shop, Takings, Volume, examples, file_server, repository,
    shop::{is_true, reason},
};
use serde_json::{Value, json};
use std::{fs, path::PathBuf};

/// What an example comes to: its reason, the lines imported, skipped and rejected, and the revenue
/// of its dataset afterwards.
struct End(&'static str, &'static str, [u64; 3], &'static str);

const ENDS: [End; 11] = [
    End("01-first-import", "Published", [4, 0, 0], "-171.348"),
    End("02-same-file-again", "AlreadyLoaded", [0, 4, 0], "-171.348"),
    End("03-overlap-refused", "Overlap", [0, 1, 0], "-171.348"),
    End("04-overlap-skip", "Published", [1, 3, 0], "-147.368"),
    End("05-overlap-replace", "Published", [2, 2, 0], "-135.814"),
    End("06-bad-lines-refused", "TooManyRejected", [0, 0, 3], "-135.814"),
    End("07-bad-lines-tolerated", "Published", [2, 0, 3], "-111.398"),
    End("08-from-url", "Published", [1, 0, 0], "-109.898"),
    End("09-from-volume", "Published", [1, 0, 0], "-109.648"),
    End("10-another-shop", "Published", [3, 0, 0], "12.2"),
    End("11-from-s3", "Published", [1, 0, 0], "-109.523"),
];

/// Schedules. The test has them tick each minute, and what they find was loaded before.
const SCHEDULES: [&str; 2] = ["12-nightly", "13-new-files"];

const ON_THE_WEB: &[u8] = b"Sale Date,Sale ID,Item Total\n3/8/2025,7301,1.5\n";
const IN_THE_BUCKET: &[u8] = b"Sale Date,Sale ID,Item Total\n3/11/2025,7601,0.125\n";
const ON_THE_VOLUME: &str = "Sale Date,Sale ID,Item Total\n3/9/2025,7401,0.25\n";

#[test]
fn each_does_what_it_says() -> Result<()> {
    let shop = Shop::open("examples")?;
    shop.grant("default")?;
    shop.grant("cafe")?;
    let host = shop.takings.cluster.host_address();
    let web = FileServer::start(&host, |_, stream| file_server::respond(stream, 200, ON_THE_WEB))?;
    let bucket = |_, stream: &mut _| file_server::respond(stream, 200, IN_THE_BUCKET);
    let bucket = FileServer::start(&host, bucket)?;
    let files = ["march/sales-report.csv", "inbox/again.csv"].map(|name| (name, ON_THE_VOLUME));
    let volume = Volume::make(&shop, ("sales-files", "ReadOnlyMany"), &files)?;
    volume.claim()?;

    for End(example, expected, lines, revenue) in ENDS {
        let manifest = fs::read_to_string(repository(&format!("examples/{example}.yaml")))?;
        let manifest = manifest
            .replace("https://files.example.com/", &web.url(""))
            .replace("https://minio.example.com", &bucket.url(""));
        shop.takings.apply(&shop.namespace, &manifest)?;
        let status = shop.finished(&example[3..])?;

        let succeeded = matches!(expected, "Published" | "AlreadyLoaded");
        assert_eq!(reason(&status, "Finished"), expected, "{example}: {status:#}");
        assert_eq!(is_true(&status, "Ready"), succeeded, "{example}");
        assert_eq!(is_true(&status, "Stalled"), !succeeded, "{example}");
        let outcome = &status["outcome"];
        let counts = ["linesImported", "linesSkipped", "linesRejected"];
        assert_eq!(counts.map(|count| outcome[count].as_u64().unwrap()), lines, "{example}");
        let dataset = outcome["dataset"].as_str().context("no dataset")?;
        assert_eq!(shop.takings.revenue(dataset)?["revenue"], revenue, "{example}");
        check_details(example, &status["outcome"]);
    }
    for example in SCHEDULES {
        let manifest = fs::read_to_string(repository(&format!("examples/{example}.yaml")))?;
        follow(
            &shop,
            &example[3..],
            &manifest.replace("https://files.example.com/", &web.url("")),
        )?;
    }
    volume.remove()?;
    upload_through_the_service(shop.takings)?;
    shop.close()
}

/// The first SalesImport of a schedule loads what is there already.
fn follow(shop: &Shop, name: &str, manifest: &str) -> Result<()> {
    let manifest = manifest
        .replace("30 2 * * *", "* * * * *")
        .replace("*/15 * * * *", "* * * * *")
        .replace("minAgeSeconds: 60", "minAgeSeconds: 0");
    shop.takings.apply(&shop.namespace, &manifest)?;
    let schedule = format!("simps/{name}");
    shop.kubectl(&["wait", "--for=jsonpath={.status.lastImport}", "--timeout=3m", &schedule])?;
    let status = shop.takings.read(&shop.namespace, &[&schedule])?["status"].clone();
    let import = status["lastImport"].as_str().context("no import")?;
    shop.kubectl(&["wait", "--for=create", "--timeout=1m", &format!("simp/{import}")])?;
    assert_eq!(reason(&shop.finished(import)?, "Finished"), "AlreadyLoaded", "{name}");
    shop.kubectl(&["delete", &schedule])
}

/// The API's way to the same dataset, which every replica answers for at once.
fn upload_through_the_service(takings: &Takings) -> Result<()> {
    let file = ("by-hand.csv", "Sale Date,Sale ID,Item Total\n3/10/2025,7501,0.5\n");
    let answer = takings.upload("/api/sales/import-sales/", file)?;
    let imported = (answer.status, &answer.json["data"]["imported_row"]);
    assert_eq!(imported, (201, &json!(1)), "{answer:?}\n{}", takings.api_log()?);

    let march = takings.ask("/api/metrics/revenue/?start=3/1/2025&end=03/31/2025")?;
    assert_eq!(march.json["data"]["total_revenue_sgd"].to_string(), "-109.023");
    Ok(())
}

#[test]
fn each_file_is_applied_by_the_test_above() {
    let names = |file: &PathBuf| file.file_stem().unwrap().to_string_lossy().into_owned();
    let files: Vec<_> = examples().unwrap().iter().map(names).collect();
    let applied: Vec<_> =
        ENDS.map(|End(example, ..)| example).into_iter().chain(SCHEDULES).collect();
    assert_eq!(files, applied);
}

#[test]
fn the_first_one_holds_the_sample_file() {
    let manifest = fs::read_to_string(repository("examples/01-first-import.yaml")).unwrap();
    let config_map: Value = serde_yaml::from_str(manifest.split("---\n").next().unwrap()).unwrap();
    let sample = fs::read_to_string(repository("examples/sales-report.csv")).unwrap();
    assert_eq!(config_map["data"]["sales-report.csv"], sample);
}

/// What the status tells beside the counts.
fn check_details(example: &str, outcome: &Value) {
    let message = &outcome["message"].to_string();
    match example {
        "02-same-file-again" => assert!(message.contains("first-import"), "{message}"),
        "03-overlap-refused" => {
            assert_eq!(outcome["conflicts"][0]["orderId"], "7101");
            assert_eq!(outcome["conflicts"][0]["saleDate"], "2025-03-01");
        }
        "06-bad-lines-refused" => {
            let rejects = &outcome["rejects"];
            assert_eq!([0, 1, 2].map(|index| rejects[index]["line"].as_u64()), [3, 4, 5].map(Some));
            assert_eq!(
                (&rejects[0]["column"], &rejects[0]["value"]),
                (&json!("Sale Date"), &json!("31/4/2025"))
            );
        }
        _ => {}
    }
}
