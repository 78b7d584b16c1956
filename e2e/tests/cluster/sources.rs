//! Sources that are missing, busy or late.

use anyhow::Result;
use e2e::{FileServer, Shop, file_server, sales, shop::reason};
use serde_json::json;

#[test]
fn a_missing_key_is_told_and_the_import_goes_on_once_it_is_there() -> Result<()> {
    let shop = Shop::open("missing-key")?;
    shop.put("report", "Sale Date,Sale ID,Item Total\n")?;
    shop.import("march", json!({"source": {"configMap": {"name": "report", "key": "march.csv"}}}))?;

    let told = |status: &serde_json::Value| reason(status, "Finished") == "MountFailed";
    let status = shop.status_when("march", "told what is missing", told)?;
    assert!(status.to_string().contains("march.csv"), "{status:#}");

    let file = "Sale Date,Sale ID,Item Total\n3/1/2025,1,2.5\n";
    shop.apply(&json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "report"}, "data": {"march.csv": file},
    }))?;
    assert_eq!(reason(&shop.finished("march")?, "Ready"), "Published");
    assert_eq!(shop.revenue()?["revenue"], "2.5");
    shop.close()
}

#[test]
fn an_url_that_is_not_found_ends_the_import_at_once() -> Result<()> {
    let shop = Shop::open("not-found")?;
    let host = shop.takings.cluster.host_address();
    let web = FileServer::start(&host, |_, stream| file_server::respond(stream, 404, b"secret"))?;
    shop.import("march", json!({"source": {"http": {"url": web.url("march.csv")}}}))?;

    let status = shop.finished("march")?;
    assert_eq!(reason(&status, "Stalled"), "SourceNotFound");
    assert!(!status.to_string().contains("secret"), "a body in {status:#}");
    assert_eq!(web.requests(), 1);
    shop.close()
}

#[test]
fn a_busy_server_is_asked_until_it_gives_the_file() -> Result<()> {
    let shop = Shop::open("busy")?;
    let sales = sales::generate(1, 600);
    let body = sales.csv.clone();
    let host = shop.takings.cluster.host_address();
    let web = FileServer::start(&host, move |request, stream| match request {
        1 | 2 => file_server::respond(stream, 503, b"busy"),
        _ => file_server::respond(stream, 200, body.as_bytes()),
    })?;
    shop.import("march", json!({"source": {"http": {"url": web.url("march.csv")}}}))?;

    let status = shop.finished("march")?;
    assert_eq!(reason(&status, "Ready"), "Published");
    assert_eq!((&status["run"], web.requests()), (&json!(1), 3));
    assert_eq!(shop.revenue()?["revenue"], sales.revenue);
    shop.close()
}

#[test]
fn a_server_of_the_machine_itself_is_never_asked() -> Result<()> {
    let shop = Shop::open("metadata")?;
    for (name, url) in [
        ("loopback", "http://127.0.0.1:8080/"),
        ("metadata", "http://169.254.169.254/latest/meta-data/"),
    ] {
        shop.import(name, json!({"source": {"http": {"url": url}}}))?;
    }
    for name in ["loopback", "metadata"] {
        assert_eq!(reason(&shop.finished(name)?, "Stalled"), "SourceNotAllowed", "{name}");
    }
    shop.close()
}
