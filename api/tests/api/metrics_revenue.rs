//! `/api/metrics/revenue`: the compatibility form, to the digit.

use crate::support::{SAMPLE, api, sales, success};

#[test]
fn the_sample_is_answered_to_the_last_digit() {
    let api = api();
    assert_eq!(api.upload("sample.csv", SAMPLE).status, 201);
    for path in [
        "/api/metrics/revenue/?start=03/01/2025&end=3/2/2025",
        "/api/metrics/revenue?start=2025-03-01&end=2025-03-02",
        "/api/metrics/revenue/?end=2025-12-31&start=1%2F1%2F2025&cache_buster=1",
    ] {
        let answer = api.get(path);
        let expected = success(r#"{"total_revenue_sgd":-171.348,"average_order_value_sg":-85.67}"#);
        assert_eq!((answer.status, answer.body), (200, expected), "{path}");
    }
    for path in [
        "/api/metrics/revenue/daily?start=3/1/2025&end=3/31/2025",
        "/api/metrics/revenue/daily/?start=3/1/2025&end=3/31/2025",
    ] {
        let first = r#"{"date":"2025-03-01","revenue_sgd":24.852}"#;
        let second = r#"{"date":"2025-03-02","revenue_sgd":-196.2}"#;
        assert_eq!(api.get(path).body, success(&format!("[{first},{second}]")), "{path}");
    }
}

#[test]
fn both_ends_of_the_range_count() {
    let api = api();
    api.upload("sample.csv", SAMPLE);
    let total = |start: &str, end: &str| {
        let answer = api.get(&format!("/api/metrics/revenue?start={start}&end={end}"));
        answer.json()["data"]["total_revenue_sgd"].to_string()
    };
    assert_eq!(total("2025-03-01", "2025-03-01"), "24.852");
    assert_eq!(total("2025-03-02", "2025-03-02"), "-196.2");
    assert_eq!(total("2025-03-03", "2025-03-31"), "0");
}

#[test]
fn a_range_without_orders_has_no_average() {
    let api = api();
    let expected = success(r#"{"total_revenue_sgd":0,"average_order_value_sg":null}"#);
    assert_eq!(api.get("/api/metrics/revenue/?start=3/1/2025&end=3/2/2025").body, expected);
    assert_eq!(
        api.get("/api/metrics/revenue/daily?start=3/1/2025&end=3/2/2025").body,
        success("[]")
    );
}

#[test]
fn amounts_beyond_what_a_float_holds_keep_their_digits() {
    let api = api();
    let largest = "999999999999999.999999999";
    let lines = [
        ("3/1/2025", "1", largest),
        ("3/1/2025", "2", largest),
        ("3/2/2025", "3", "0.1"),
        ("3/2/2025", "4", "55.000"),
    ];
    assert_eq!(api.upload("large.csv", sales(&lines)).status, 201);
    let answer = api.get("/api/metrics/revenue/?start=3/1/2025&end=3/2/2025").body;
    assert!(answer.contains("\"total_revenue_sgd\":2000000000000055.099999998,"), "{answer}");
    let answer = api.get("/api/metrics/revenue/daily?start=3/1/2025&end=3/2/2025").body;
    assert!(answer.contains("\"revenue_sgd\":1999999999999999.999999998}"), "{answer}");
    assert!(answer.contains("\"revenue_sgd\":55.1}"), "{answer}");
}

#[test]
fn the_average_is_rounded_half_to_even() {
    for (lines, average) in [
        ([("3/1/2025", "1", "0.05"), ("3/1/2025", "2", "0")], "0.02"),
        ([("3/1/2025", "1", "0.15"), ("3/1/2025", "2", "0")], "0.08"),
        ([("3/1/2025", "1", "0.2"), ("3/1/2025", "1", "0.3")], "0.5"),
    ] {
        let api = api();
        api.upload("a.csv", sales(&lines));
        let answer = api.get("/api/metrics/revenue/?start=3/1/2025&end=3/1/2025").body;
        assert!(answer.contains(&format!("\"average_order_value_sg\":{average}}}")), "{answer}");
    }
}

#[test]
fn sales_in_another_currency_are_never_shown_as_sgd() {
    let api = api();
    let upload =
        api.post_file("/api/v1/imports?currency=EUR", "euro.csv", sales(&[("3/1/2025", "1", "5")]));
    assert_eq!(upload.status, 201, "{upload:?}");
    for path in ["/api/metrics/revenue/", "/api/metrics/revenue/daily"] {
        let answer = api.get(&format!("{path}?start=3/1/2025&end=3/1/2025"));
        assert_eq!(answer.status, 409);
        assert!(answer.sentence().contains("EUR"), "{answer:?}");
    }
}
