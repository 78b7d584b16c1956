//! What is counted, as a scrape of the running system shows it.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context as _, Result};
use e2e::{Shop, repository, takings::NAMESPACE};
use harness::cache;
use serde_json::{Value, json};

/// The names of a scrape's metrics.
fn scrape(shop: &Shop, component: &str) -> Result<BTreeSet<String>> {
    let label = format!("app.kubernetes.io/component={component}");
    let pods = shop.takings.read(NAMESPACE, &["pods", "-l", &label])?;
    let mut names = BTreeSet::new();
    for pod in pods["items"].as_array().context("no Pods")? {
        let pod = pod["metadata"]["name"].as_str().unwrap_or_default();
        let path = format!("/api/v1/namespaces/{NAMESPACE}/pods/{pod}:9090/proxy/metrics");
        let text = shop.takings.cluster.kubectl(&["get", "--raw", &path])?;
        let lines = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        names.extend(lines.filter_map(|line| Some(line.split(' ').next()?.to_owned())));
    }
    Ok(names)
}

/// The names that stand in a section of the page, without their labels.
fn told(page: &str, section: &str) -> BTreeSet<String> {
    let (_, section) = page.split_once(section).unwrap_or_default();
    let section = section.split("\n## ").next().unwrap_or_default();
    let cells = section.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let names = cells.flat_map(|cell| cell.split(", `"));
    names.map(|name| name.split(['{', '`']).next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_metric_of_operator_and_api_stands_on_the_page_and_every_one_there_is_scraped() -> Result<()>
{
    let shop = Shop::open("metrics")?;
    shop.put("report", "Sale Date,Sale ID,Item Total\n3/1/2025,1,2.5\n")?;
    shop.import("march", json!({"source": {"configMap": {"name": "report", "key": "file.csv"}}}))?;
    shop.finished("march")?;
    shop.revenue()?;
    let page = cache::read(Path::new(&repository("docs/metrics.md")))?;
    let of_all = told(&page, "## Every program");
    for (component, section) in [("operator", "## The operator"), ("api", "## The API")] {
        let mut scraped = scrape(&shop, component)?;
        let mut expected = &told(&page, section) | &of_all;
        // Counted once a file was uploaded.
        scraped.remove("takings_uploads_total");
        expected.remove("takings_uploads_total");
        assert_eq!(scraped, expected, "{component}");
    }
    shop.close()
}

#[test]
fn a_pipelines_trace_is_that_of_the_job_and_of_the_importers_log() -> Result<()> {
    let shop = Shop::open("trace")?;
    shop.put("report", "Sale Date,Sale ID,Item Total\n3/1/2025,1,2.5\n")?;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let parent = format!("00-{trace}-b7ad6b7169203331-01");
    let source = json!({"configMap": {"name": "report", "key": "file.csv"}});
    shop.apply(&json!({"apiVersion": "takings.dev/v1alpha1", "kind": "SalesImport",
        "metadata": {"name": "march", "annotations": {"takings.dev/traceparent": parent}},
        "spec": {"dataset": shop.dataset, "source": source}}))?;
    let status = shop.finished("march")?;
    assert_eq!(status["traceparent"], json!(parent));
    let job = status["job"]["name"].as_str().context("no Job")?;
    let log =
        shop.takings.cluster.kubectl(&["-n", &shop.namespace, "logs", &format!("job/{job}")])?;
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut lines = lines.filter(|line| line["level"].is_string()).peekable();
    assert!(lines.peek().is_some(), "{log}");
    assert!(lines.all(|line| line["span"]["trace_id"] == trace), "{log}");
    shop.close()
}
