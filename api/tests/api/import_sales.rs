//! `POST /api/sales/import-sales/`: the compatibility form of an upload.

use crate::support::{Request, SAMPLE, Start, api, gzip, part, sales};

#[test]
fn an_upload_is_in_the_figures_when_it_is_answered() {
    for path in [
        "/api/sales/import-sales/",
        "/api/sales/import-sales",
        "/api/import-sales/",
        "/api/import-sales",
    ] {
        let api = api();
        let answer = api.post_file(path, "sample.csv", SAMPLE);
        let expected = r#"{"status":201,"message":"success","data":{"imported_row":4}}"#;
        assert_eq!((answer.status, answer.body.as_str()), (201, expected), "{path}");
        let revenue = api.get("/api/metrics/revenue/?start=3/1/2025&end=3/2/2025").body;
        assert!(revenue.contains("-171.348"), "{revenue}");
    }
}

#[test]
fn the_same_content_under_another_name_adds_nothing_and_names_the_first() {
    let api = api();
    api.upload("march.csv", SAMPLE);
    let again = api.upload("march (copy).csv", SAMPLE);
    assert_eq!((again.status, &again.json()["data"]["imported_row"]), (201, &0.into()));
    assert!(again.sentence().contains("march.csv"), "{again:?}");
    assert_eq!(api.sql("SELECT count(*) FROM takings.sale"), "4");
}

#[test]
fn the_same_file_many_times_at_once_counts_once() {
    let api = Start::on_a_database().flag("uploads-at-once", "6").start();
    let rows = std::thread::scope(|scope| {
        let upload = || {
            let answer = api.upload("sample.csv", SAMPLE);
            assert_eq!(answer.status, 201, "{answer:?}");
            answer.json()["data"]["imported_row"].as_u64().unwrap()
        };
        let uploads: Vec<_> = (0..6).map(|_| scope.spawn(upload)).collect();
        uploads.into_iter().map(|upload| upload.join().unwrap()).collect::<Vec<_>>()
    });
    assert_eq!(rows.iter().sum::<u64>(), 4, "{rows:?}");
    let total = api.get("/api/v1/revenue?from=2025-03-01&to=2025-03-02").json();
    assert_eq!((&total["revenue"], &total["line_count"]), (&"-171.348".into(), &4.into()));
}

#[test]
fn a_larger_file_adds_only_what_is_new() {
    let api = api();
    let first = [("3/1/2025", "1", "10"), ("3/1/2025", "2", "20")];
    let more = [first[0], first[1], ("3/2/2025", "3", "30")];
    api.upload("march.csv", sales(&first));
    let answer = api.upload("march-april.csv", sales(&more));
    assert_eq!(
        (answer.status, &answer.json()["data"]["imported_row"]),
        (201, &1.into()),
        "{answer:?}"
    );
}

#[test]
fn an_order_that_is_there_with_other_lines_is_a_conflict() {
    let api = api();
    api.upload("march.csv", sales(&[("3/1/2025", "A-1", "10")]));
    let answer =
        api.upload("other.csv", sales(&[("3/1/2025", "A-1", "11"), ("3/2/2025", "A-2", "12")]));
    assert_eq!(answer.status, 409);
    assert_eq!(answer.json()["data"]["conflicts"][0]["order_id"], "A-1", "{answer:?}");
    assert_eq!(answer.json()["data"]["conflicts"][0]["sale_date"], "2025-03-01");
    assert_eq!(api.sales_and_open_runs(), "1 0");
}

#[test]
fn rejected_lines_are_counted_and_the_first_are_shown() {
    let api = api();
    let lines = [("3/1/2025", "1", "10"), ("31/3/2025", "2", "10"), ("3/1/2025", "3", "ten")];
    let answer = api.upload("march.csv", sales(&lines));
    assert_eq!(answer.status, 422);
    let data = &answer.json()["data"];
    assert_eq!(data["count"], 2, "{answer:?}");
    assert_eq!(data["first"][0]["line"], 3);
    assert_eq!(data["first"][0]["column"], "Sale Date");
    assert_eq!(data["first"][0]["value"], "31/3/2025");
    assert_eq!(data["first"][1]["reason"], "InvalidNumber");
    assert_eq!(api.sales_and_open_runs(), "0 0");
}

#[test]
fn sales_of_a_dataset_in_another_currency_are_a_conflict() {
    let api = api();
    api.post_file("/api/v1/imports?currency=EUR", "euro.csv", sales(&[("3/1/2025", "1", "5")]));
    let answer = api.upload("dollars.csv", sales(&[("3/2/2025", "2", "5")]));
    assert_eq!(answer.status, 409);
    assert!(answer.sentence().contains("EUR"), "{answer:?}");
}

#[test]
fn a_compressed_file_is_a_file() {
    let api = api();
    let answer = api.upload("sample.csv.gz", gzip(SAMPLE));
    assert_eq!((answer.status, &answer.json()["data"]["imported_row"]), (201, &4.into()));
}

#[test]
fn other_fields_of_the_form_are_ignored() {
    let api = api();
    let comment = b"Content-Disposition: form-data; name=\"comment\"\r\n\r\nfor March".to_vec();
    let parts = [comment.clone(), part("sample.csv", SAMPLE.as_bytes()), comment];
    let answer = Request::post("/api/sales/import-sales/").form(&parts).send(api.address);
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[test]
fn a_file_larger_than_any_buffer_arrives_whole() {
    let api = api();
    let mut file = SAMPLE.lines().next().unwrap().to_owned() + "\r\n";
    for order in 0..50_000_u32 {
        let day = order % 28 + 1;
        let rest = "\"Bay, hire\",---,,Harbour,,,,1,1,1,0,0,0,0.001,0.001,Card";
        file.extend([format!("3/{day}/2025,1,{order},{rest}\r\n")]);
    }
    let answer = api.upload("large.csv", file);
    assert_eq!(
        (answer.status, &answer.json()["data"]["imported_row"]),
        (201, &50_000.into()),
        "{answer:?}"
    );
    let revenue = api.get("/api/v1/revenue?from=2025-03-01&to=2025-03-31").json();
    assert_eq!((&revenue["revenue"], &revenue["order_count"]), (&"50".into(), &50_000.into()));
}

#[test]
fn one_upload_too_many_is_told_to_come_back() {
    let api = Start::on_a_database().flag("uploads-at-once", "1").start();
    let request = Request::post("/api/sales/import-sales/")
        .form(&[part("slow.csv", SAMPLE.as_bytes())])
        .bytes();
    let mut slow = crate::support::connect(api.address);
    std::io::Write::write_all(&mut slow, &request[..request.len() - 10]).unwrap();
    api.metric_becomes("takings_uploads_in_progress 1");

    let answer = api.upload("second.csv", SAMPLE);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")), "{answer:?}");
    drop(slow);
    api.metric_becomes("takings_uploads_in_progress 0");
    assert_eq!(api.upload("second.csv", SAMPLE).status, 201);
}

#[test]
fn without_an_importing_role_uploads_say_what_to_set() {
    let api = Start::on_a_database().without("TAKINGS_IMPORT_DATABASE_URL").start();
    let answer = api.upload("sample.csv", SAMPLE);
    assert_eq!((answer.status, answer.header("retry-after")), (503, None));
    assert!(answer.sentence().contains("TAKINGS_IMPORT_DATABASE_URL"), "{answer:?}");
}
