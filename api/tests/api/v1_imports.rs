//! `/api/v1/imports`, `/api/v1/imports/{id}`, `/api/v1/imports/{id}/rejects`.

use serde_json::{Value, json};

use crate::support::{Request, SAMPLE, TestApi, api, sales};

fn create(api: &TestApi, query: &str, content: &str) -> Value {
    let answer = api.post_file(&format!("/api/v1/imports{query}"), "march.csv", content);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()
}

#[test]
fn a_created_import_is_where_its_location_says() {
    let api = api();
    let request = Request::post("/api/v1/imports").header("X-Request-Id", "r-7");
    let answer =
        request.form(&[crate::support::part("march.csv", SAMPLE.as_bytes())]).send(api.address);
    assert_eq!(answer.status, 201, "{answer:?}");
    let import = answer.json();
    for (name, value) in [
        ("run", json!(1)),
        ("dataset", json!("default")),
        ("currency", json!("SGD")),
        ("filename", json!("march.csv")),
        ("status", json!("Published")),
        ("result", json!("Published")),
        ("lines_read", json!(4)),
        ("lines_imported", json!(4)),
        ("lines_skipped", json!(0)),
        ("lines_rejected", json!(0)),
        ("revenue", json!("-171.348")),
        ("load_state", json!("live")),
        ("first_sale_date", json!("2025-03-01")),
        ("last_sale_date", json!("2025-03-02")),
        ("error_message", json!(null)),
        ("requested_by", json!("api")),
        ("request_id", json!("r-7")),
        ("bytes", json!(SAMPLE.len())),
    ] {
        assert_eq!(import[name], value, "{name}: {import}");
    }
    assert_eq!(import["digest"].as_str().unwrap().len(), 64);
    let location = answer.header("location").unwrap();
    assert_eq!(location, format!("/api/v1/imports/{}", import["import_id"].as_str().unwrap()));
    assert_eq!(api.get(location).json(), import);
}

#[test]
fn the_list_is_newest_first_and_pages_without_gaps() {
    let api = api();
    for order in 0..5 {
        create(&api, "", &sales(&[("3/1/2025", &order.to_string(), "1")]));
    }
    let all = api.get("/api/v1/imports").json();
    assert_eq!(
        (all["data"].as_array().unwrap().len(), &all["has_more"], &all["next_cursor"]),
        (5, &json!(false), &json!(null))
    );
    let (mut paged, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/api/v1/imports?limit=2{cursor}")).json();
        paged.extend(page["data"].as_array().unwrap().clone());
        assert_eq!(page["has_more"], json!(page["next_cursor"].is_string()));
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(Value::from(paged), all["data"]);
    let times: Vec<_> = all["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|import| import["started_at"].as_str().unwrap().to_owned())
        .collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");
}

#[test]
fn the_list_is_filtered_by_dataset_and_status() {
    let api = api();
    create(&api, "?dataset=harbour", &sales(&[("3/1/2025", "1", "1")]));
    api.upload("bad.csv", "no sales");
    let count = |query: &str| {
        api.get(&format!("/api/v1/imports?{query}")).json()["data"].as_array().unwrap().len()
    };
    assert_eq!(
        (count("dataset=harbour"), count("dataset=default"), count("dataset=nowhere")),
        (1, 1, 0)
    );
    assert_eq!(
        (count("status=Refused"), count("status=published"), count("status=Running")),
        (1, 1, 0)
    );
    assert_eq!(count("status=Refused&dataset=harbour"), 0);
}

#[test]
fn rejected_lines_are_listed_page_by_page() {
    let api = api();
    let lines =
        [("3/1/2025", "1", "1"), ("x", "2", "1"), ("3/1/2025", "3", "y"), ("3/1/2025", "", "1")];
    let import = create(&api, "?max_rejected=3", &sales(&lines));
    assert_eq!((&import["lines_rejected"], &import["lines_imported"]), (&json!(3), &json!(1)));
    let path = format!("/api/v1/imports/{}/rejects", import["import_id"].as_str().unwrap());
    let all = api.get(&path).json();
    assert_eq!(
        all["data"][0],
        json!({"line": 3, "column": "Sale Date", "value": "x", "reason": "InvalidDate"})
    );
    assert_eq!((all["data"].as_array().unwrap().len(), &all["has_more"]), (3, &json!(false)));
    let first = api.get(&format!("{path}?limit=2")).json();
    assert_eq!(first["has_more"], true);
    let rest = api
        .get(&format!("{path}?limit=2&cursor={}", first["next_cursor"].as_str().unwrap()))
        .json();
    assert_eq!((&rest["data"][0], &rest["has_more"]), (&all["data"][2], &json!(false)));
}

#[test]
fn what_stood_in_a_rejected_line_is_null_once_it_is_no_longer_kept() {
    let api = api();
    let import =
        create(&api, "?max_rejected=1", &sales(&[("x", "1", "1"), ("3/1/2025", "2", "1")]));
    // As `takings-importer maintain --keep-reject-values-for` does.
    api.sql("UPDATE takings.reject SET value = NULL");
    let id = import["import_id"].as_str().unwrap();
    let answer = api.get(&format!("/api/v1/imports/{id}/rejects"));
    assert_eq!(answer.status, 200, "{answer:?}");
    let purged = json!({"line": 2, "column": "Sale Date", "value": null, "reason": "InvalidDate"});
    assert_eq!(answer.json()["data"], json!([purged]));
}

#[test]
fn policies_are_parameters_of_the_upload() {
    let api = api();
    create(&api, "", &sales(&[("3/1/2025", "1", "1")]));
    let other = sales(&[("3/1/2025", "1", "2"), ("3/2/2025", "2", "5")]);
    let conflict = api.post_file("/api/v1/imports", "other.csv", &other);
    assert_eq!(
        (conflict.status, &conflict.json()["code"]),
        (409, &json!("overlap")),
        "{conflict:?}"
    );
    assert_eq!(conflict.json()["conflicts"][0]["order_id"], "1");
    let skipped = create(&api, "?on_overlap=skip", &other);
    assert_eq!((&skipped["lines_skipped"], &skipped["lines_imported"]), (&json!(1), &json!(1)));
    let replaced = create(&api, "?on_overlap=replace", &other);
    assert_eq!(replaced["revenue"], "2", "{replaced}");
    let total = api.get("/api/v1/revenue?from=2025-03-01&to=2025-03-02").json();
    assert_eq!(total["revenue"], "7");
    for query in [
        "on_overlap=merge",
        "max_rejected=lots",
        "max_rejected=101%25",
        "currency=dollars",
        "format=xml",
    ] {
        let answer = api.post_file(&format!("/api/v1/imports?{query}"), "a.csv", SAMPLE);
        assert_eq!(answer.status, 400, "{query}");
        let name = query.split('=').next().unwrap();
        assert_eq!(answer.json()["errors"][0]["parameter"], name, "{answer:?}");
    }
}

#[test]
fn a_refused_import_is_a_problem_that_names_it_and_stays_on_record() {
    let api = api();
    let answer = api.post_file("/api/v1/imports", "bad.csv", sales(&[("x", "1", "1")]));
    let problem = answer.json();
    assert_eq!(
        (answer.status, &problem["code"], &problem["lines_rejected"]),
        (422, &json!("too-many-rejected"), &json!(1))
    );
    assert_eq!(problem["rejects"][0]["reason"], "InvalidDate");
    let import =
        api.get(&format!("/api/v1/imports/{}", problem["import_id"].as_str().unwrap())).json();
    assert_eq!(
        (&import["status"], &import["reason"]),
        (&json!("Refused"), &json!("TooManyRejected")),
        "{import}"
    );
    assert_eq!(import["error_message"], problem["detail"]);
}
