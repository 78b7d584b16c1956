//! Requests that can't be answered: each with its status and its sentence.

use crate::support::{Request, api};

#[test]
fn a_range_that_is_none_is_told_by_the_parameter_at_fault() {
    let api = api();
    for (query, sentence) in [
        (
            "",
            "The parameter start is missing; give a date M/D/YYYY or YYYY-MM-DD such as 3/1/2025 \
             or 2025-03-01.",
        ),
        ("?start=3/1/2025", "The parameter end is missing"),
        (
            "?start=1.3.2025&end=3/2/2025",
            "The parameter start is \"1.3.2025\"; give a date M/D/YYYY",
        ),
        ("?start=13/1/2025&end=3/2/2025", "The parameter start is \"13/1/2025\""),
        ("?start=2025-02-30&end=3/2/2025", "The parameter start is \"2025-02-30\""),
        (
            "?start=3/1/2025&end=99999999999999999999",
            "The parameter end is \"99999999999999999999\"",
        ),
        (
            "?start=3/2/2025&end=3/1/2025",
            "The parameter start (2025-03-02) is after end (2025-03-01)",
        ),
        (
            "?start=3/1/2025&start=3/1/2025&end=3/1/2025",
            "The parameter start stands there more than once",
        ),
        ("?start=%ff%fe&end=3/1/2025", "The parameter start is"),
        ("?start=3/1/2025%00&end=3/1/2025", "The parameter start is \"3/1/2025\\0\""),
        (
            "?start=3/1/2025%0d%0aX: y&end=3/1/2025".replace(' ', "%20").leak(),
            "The parameter start is",
        ),
    ] {
        for path in ["/api/metrics/revenue/", "/api/metrics/revenue/daily"] {
            let answer = api.get(&format!("{path}{query}"));
            assert_eq!(
                (answer.status, &answer.json()["data"]),
                (400, &serde_json::Value::Null),
                "{query}"
            );
            assert!(answer.sentence().contains(sentence), "{query}: {answer:?}");
            assert_eq!(answer.header("cache-control"), Some("no-store"));
        }
    }
}

#[test]
fn our_own_form_answers_with_a_problem_document() {
    let api = api();
    for (path, status, code, parameter) in [
        ("/api/v1/revenue", 400, "missing-parameter", "from"),
        ("/api/v1/revenue?from=2025-03-01", 400, "missing-parameter", "to"),
        ("/api/v1/revenue?from=3/1/2025&to=2025-03-01", 400, "invalid-parameter", "from"),
        ("/api/v1/revenue?from=2025-03-02&to=2025-03-01", 400, "range-reversed", "from"),
        (
            "/api/v1/revenue?from=2025-03-01&to=2025-03-01&dataset=No+Good",
            400,
            "invalid-parameter",
            "dataset",
        ),
        (
            "/api/v1/revenue?from=2025-03-01&to=2025-03-01&location=x",
            400,
            "unknown-parameter",
            "location",
        ),
        (
            "/api/v1/revenue/daily?from=2025-03-01&until=2025-03-01",
            400,
            "unknown-parameter",
            "until",
        ),
        ("/api/v1/imports?limit=0", 400, "invalid-parameter", "limit"),
        ("/api/v1/imports?limit=4294967297", 400, "invalid-parameter", "limit"),
        ("/api/v1/imports?cursor=7", 400, "invalid-parameter", "cursor"),
        ("/api/v1/imports?status=Done", 400, "invalid-parameter", "status"),
        ("/api/v1/imports/0197f3c2-8a54-7bd1-9d3e-0f1a2b3c4d5e", 404, "unknown-import", ""),
        ("/api/v1/imports/0197f3c2-8a54-7bd1-9d3e-0f1a2b3c4d5e/rejects", 404, "unknown-import", ""),
        ("/api/v1/imports/seven", 400, "invalid-import-id", ""),
        ("/api/v1/imports/%ff", 400, "invalid-import-id", ""),
        ("/api/v1/nothing", 404, "unknown-path", ""),
        ("/api/v1", 404, "unknown-path", ""),
        ("/api/v1/revenue/", 404, "unknown-path", ""),
    ] {
        let answer = Request::get(path).header("X-Request-Id", "r-1").send(api.address);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("application/problem+json")),
            "{path}: {answer:?}"
        );
        let document = answer.json();
        assert_eq!(document["code"], code, "{path}");
        assert_eq!(document["type"], format!("https://takings.dev/problems/{code}"));
        assert_eq!(document["request_id"], "r-1");
        assert_eq!(document["instance"], path.split('?').next().unwrap());
        assert!(document["title"].is_string() && answer.sentence().ends_with('.'), "{document}");
        assert_eq!(
            document["errors"][0]["parameter"].as_str().unwrap_or_default(),
            parameter,
            "{path}"
        );
    }
}

#[test]
fn what_is_not_there_is_told_in_the_form_of_its_neighbours() {
    let api = api();
    for path in [
        "/",
        "/api",
        "/api/metrics/revenue/weekly",
        "/api/v11/revenue",
        "/API/health",
        "/../etc/passwd",
        "//health",
    ] {
        let answer = api.get(path);
        assert_eq!(
            (answer.status, &answer.json()["data"]),
            (404, &serde_json::Value::Null),
            "{path}"
        );
        answer.sentence();
    }
}

#[test]
fn a_method_that_is_not_taken_is_told_with_those_that_are() {
    let api = api();
    for (method, path, allow) in [
        ("DELETE", "/api/v1/revenue", "GET,HEAD"),
        ("PUT", "/api/v1/imports", "GET,HEAD,POST"),
        ("POST", "/api/metrics/revenue/", "GET,HEAD"),
        ("GET", "/api/sales/import-sales/", "POST"),
        ("BREW", "/health", "GET,HEAD"),
    ] {
        let answer = Request::new(method, path).send(api.address);
        assert_eq!(
            (answer.status, sorted(answer.header("allow"))),
            (405, allow.into()),
            "{method} {path}"
        );
        answer.sentence();
    }
    let options = Request::new("OPTIONS", "/api/v1/imports").send(api.address);
    assert_eq!(
        (options.status, sorted(options.header("allow")), options.body.as_str()),
        (204, "GET,HEAD,POST".into(), "")
    );
}

#[test]
fn head_answers_as_get_does_without_a_body() {
    let api = api();
    for (path, status) in [
        ("/api/metrics/revenue/?start=3/1/2025&end=3/1/2025", 200),
        ("/api/v1/imports", 200),
        ("/health", 200),
        ("/api/v1/revenue", 400),
        ("/nothing", 404),
    ] {
        let (get, head) = (api.get(path), Request::new("HEAD", path).send(api.address));
        assert_eq!((head.status, head.body.as_str()), (status, ""), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
    }
}

fn sorted(list: Option<&str>) -> String {
    let mut methods: Vec<_> = list.unwrap_or_default().split(',').map(str::trim).collect();
    methods.sort_unstable();
    methods.join(",")
}
