//! `/api/v1/revenue` and `/api/v1/revenue/daily`.

use serde_json::json;

use crate::support::{SAMPLE, api, sales};

#[test]
fn the_sample_is_answered_with_all_figures() {
    let api = api();
    api.upload("sample.csv", SAMPLE);
    let answer = api.get("/api/v1/revenue?from=2025-03-01&to=2025-03-02");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({
            "dataset": "default", "from": "2025-03-01", "to": "2025-03-02", "currency": "SGD",
            "revenue": "-171.348", "order_count": 2, "line_count": 4,
            "average_order_value": "-85.674", "average_line_value": "-42.837",
        })
    );
    let daily = api.get("/api/v1/revenue/daily?from=2025-03-01&to=2025-03-31").json();
    assert_eq!((&daily["has_more"], &daily["next_cursor"]), (&json!(false), &json!(null)));
    assert_eq!(
        daily["data"],
        json!([
            {
                "date": "2025-03-01", "revenue": "24.852", "order_count": 1, "line_count": 3,
                "average_order_value": "24.852", "average_line_value": "8.284",
            },
            {
                "date": "2025-03-02", "revenue": "-196.2", "order_count": 1, "line_count": 1,
                "average_order_value": "-196.2", "average_line_value": "-196.2",
            },
        ])
    );
}

#[test]
fn an_order_of_several_days_is_one_order_of_the_range() {
    let api = api();
    api.upload(
        "a.csv",
        sales(&[("3/1/2025", "1", "10"), ("3/5/2025", "1", "-4"), ("3/5/2025", "2", "1")]),
    );
    let orders = |from: &str, to: &str| {
        api.get(&format!("/api/v1/revenue?from={from}&to={to}")).json()["order_count"].clone()
    };
    assert_eq!(orders("2025-03-01", "2025-03-05"), 2);
    assert_eq!(orders("2025-03-01", "2025-03-04"), 1);
    assert_eq!(orders("2025-03-02", "2025-03-05"), 2);
}

#[test]
fn averages_are_rounded_half_to_even_at_four_decimals() {
    let api = api();
    api.upload(
        "a.csv",
        sales(&[("3/1/2025", "1", "10"), ("3/1/2025", "2", "0"), ("3/1/2025", "3", "0")]),
    );
    let answer = api.get("/api/v1/revenue?from=2025-03-01&to=2025-03-01").json();
    assert_eq!(answer["average_order_value"], "3.3333");
}

#[test]
fn each_dataset_has_its_own_figures_and_currency() {
    let api = api();
    api.post_file(
        "/api/v1/imports?dataset=harbour&currency=EUR",
        "a.csv",
        sales(&[("3/1/2025", "1", "10")]),
    );
    api.upload("b.csv", sales(&[("3/1/2025", "1", "7")]));
    let answer = |dataset: &str| {
        api.get(&format!("/api/v1/revenue?from=2025-03-01&to=2025-03-01&dataset={dataset}")).json()
    };
    assert_eq!(
        (&answer("harbour")["revenue"], &answer("harbour")["currency"]),
        (&json!("10"), &json!("EUR"))
    );
    assert_eq!(
        (&answer("default")["revenue"], &answer("default")["currency"]),
        (&json!("7"), &json!("SGD"))
    );
    let unknown = answer("nowhere");
    assert_eq!(
        (&unknown["revenue"], &unknown["currency"], &unknown["average_order_value"]),
        (&json!("0"), &json!(null), &json!(null))
    );
}
