//! Uploads that can't be loaded: each with its status and its sentence, and nothing in the ledger.

use std::io::Write as _;

use crate::support::{
    Answer, BOUNDARY, Request, SAMPLE, Start, TestApi, api, connect, eventually, form, gzip, part,
    sales,
};

const PATH: &str = "/api/sales/import-sales/";

fn refused(api: &TestApi, answer: &Answer, status: u16, sentence: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.sentence().contains(sentence), "{answer:?}");
    assert_eq!(api.sales_and_open_runs(), "0 0", "{answer:?}");
}

#[test]
fn another_content_type_is_told_with_the_right_one() {
    let api = api();
    for content_type in [
        "text/csv",
        "application/json",
        "application/x-www-form-urlencoded",
        "nonsense",
        "multipart/mixed; boundary=x",
    ] {
        let answer =
            Request::post(PATH).header("Content-Type", content_type).body(SAMPLE).send(api.address);
        refused(&api, &answer, 415, "multipart/form-data");
    }
    refused(
        &api,
        &Request::post(PATH).body(SAMPLE).send(api.address),
        415,
        "curl -F file=@sales.csv",
    );
    refused(&api, &Request::post(PATH).send(api.address), 415, "multipart/form-data");
}

#[test]
fn a_form_that_is_none_is_told_how_to_be_one() {
    let api = api();
    let with_type = |content_type: &str, body: &[u8]| {
        Request::post(PATH).header("Content-Type", content_type).body(body).send(api.address)
    };
    refused(&api, &with_type("multipart/form-data", SAMPLE.as_bytes()), 400, "not well-formed");
    refused(
        &api,
        &with_type("multipart/form-data; boundary=x", SAMPLE.as_bytes()),
        400,
        "broke off",
    );
    refused(
        &api,
        &with_type("multipart/form-data; boundary=x", b"--x\r\nno header\r\n\r\n\r\n--x--\r\n"),
        400,
        "well-formed",
    );
    refused(&api, &with_type("multipart/form-data; boundary=x", b""), 400, "broke off");
    let other =
        b"Content-Disposition: form-data; name=\"fil\"; filename=\"a.csv\"\r\n\r\na".to_vec();
    refused(&api, &Request::post(PATH).form(&[other]).send(api.address), 400, "no field file");
    refused(&api, &Request::post(PATH).form(&[]).send(api.address), 400, "no field file");
    let text = b"Content-Disposition: form-data; name=\"file\"\r\n\r\nsales.csv".to_vec();
    refused(&api, &Request::post(PATH).form(&[text]).send(api.address), 400, "with the @");
}

#[test]
fn two_files_in_one_form_load_neither() {
    let api = api();
    let other = sales(&[("3/5/2025", "9", "1")]);
    for first in [SAMPLE.as_bytes().to_vec(), gzip(SAMPLE)] {
        let parts = [part("a.csv", &first), part("b.csv", other.as_bytes())];
        let answer = Request::post(PATH).form(&parts).send(api.address);
        refused(&api, &answer, 400, "more than one field file");
    }
}

#[test]
fn a_large_file_that_is_refused_at_its_header_is_told_why() {
    let api = api();
    for _ in 0..5 {
        refused(&api, &api.upload("large.csv", "no,sales,here\n".repeat(1_500_000)), 422, "column");
    }
}

#[test]
fn files_that_are_no_sales_files_are_told_why() {
    let api = api();
    for (content, sentence) in [
        (&b""[..], "empty"),
        (b"\n\n", "empty"),
        (b"hello", "column"),
        (b"{\"sales\": []}", "column"),
        (b"PK\x03\x04rest of a spreadsheet", "not CSV"),
        (b"\x1f\x8b\x08\x00broken", "gzip"),
        (b"Sale Date,Item Total\n3/1/2025,1\n", "Sale ID"),
        (b"\xff\xfeS\x00a\x00l\x00e\x00", ""),
        (b"Sale Date,Sale ID,Item Total\n3/1/2025,\"7,1", ""),
    ] {
        refused(&api, &api.upload("a.csv", content), 422, sentence);
    }
}

#[test]
fn lines_that_are_no_sales_are_rejected_with_their_reason() {
    let api = api();
    for (line, reason) in [
        (&b"3/1/2025,7,1e999"[..], "InvalidNumber"),
        (b"3/1/2025,7,1000000000000000", "TooLarge"),
        (b"3/1/2025,7,99999999999999999999999999999999999999999999999999", "TooLarge"),
        (b"3/1/2025,7,0.0000000001", "TooPrecise"),
        (b"3/1/2025,7,NaN", "InvalidNumber"),
        (b"99/99/9999,7,1", "InvalidDate"),
        (b"3/1/2025,\xff\xfe,1", "InvalidUtf8"),
        (b"3/1/2025,a\0b,1", "NulCharacter"),
        (b"3/1/2025,,1", "Missing"),
        (b"3/1/2025,7", "WrongFieldCount"),
    ] {
        let content = [b"Sale Date,Sale ID,Item Total\n", line, b"\n"].concat();
        let answer = api.upload("a.csv", content);
        refused(&api, &answer, 422, "1 of 1 lines");
        assert_eq!(answer.json()["data"]["first"][0]["reason"], reason, "{answer:?}");
    }
}

#[test]
fn a_body_over_the_limit_is_refused_whether_it_says_its_length_or_not() {
    let api = Start::on_a_database().flag("upload-max-bytes", "100000").start();
    let large = sales(&vec![("3/1/2025", "7", "1"); 20_000]);
    refused(&api, &api.upload("large.csv", &large), 413, "100000 bytes");

    let body = form(&[part("large.csv", large.as_bytes())]);
    let head = format!(
        "POST {PATH} HTTP/1.1\r\nHost: takings\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\
         Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    );
    let mut stream = connect(api.address);
    stream.write_all(head.as_bytes()).unwrap();
    for chunk in body.chunks(10_000) {
        let _ = stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes());
        let _ = stream.write_all(chunk);
        let _ = stream.write_all(b"\r\n");
    }
    let _ = stream.write_all(b"0\r\n\r\n");
    refused(&api, &Answer::read(&mut stream), 413, "100000 bytes");
}

#[test]
fn a_client_that_is_refused_early_still_reads_why() {
    let api = Start::on_a_database().flag("upload-max-bytes", "1000").start();
    let large = "x".repeat(20_000_000);
    for _ in 0..5 {
        refused(&api, &api.upload("large.csv", &large), 413, "1000 bytes");
    }
    let waits =
        Request::post(PATH).header("Expect", "100-continue").header("Content-Length", "20000000");
    let waits = waits.header("Content-Type", &format!("multipart/form-data; boundary={BOUNDARY}"));
    refused(&api, &waits.send(api.address), 413, "1000 bytes");
}

#[test]
fn what_lies_around_the_file_is_not_held_in_memory_without_end() {
    let api = api();
    let header = format!(
        "Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nX: {}\r\n\r\n",
        "x".repeat(3_000_000)
    );
    refused(
        &api,
        &Request::post(PATH).form(&[header.into_bytes()]).send(api.address),
        400,
        "beside the file",
    );
    let field = format!(
        "Content-Disposition: form-data; name=\"comment\"\r\n\r\n{}",
        "x".repeat(3_000_000)
    );
    refused(
        &api,
        &Request::post(PATH).form(&[field.into_bytes()]).send(api.address),
        400,
        "beside the file",
    );
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let preamble =
        Request::post(PATH).header("Content-Type", &content_type).body("x".repeat(3_000_000));
    refused(&api, &preamble.send(api.address), 400, "beside the file");
}

#[test]
fn an_upload_that_is_cut_in_the_middle_leaves_nothing() {
    let api = api();
    let content = sales(&vec![("3/1/2025", "7", "1"); 30_000]);
    let plain = Request::post(PATH).form(&[part("cut.csv", content.as_bytes())]).bytes();
    let packed = Request::post(PATH).form(&[part("cut.csv", &gzip(&content))]).bytes();
    // In the request's head, in the file, after the file and before the form's end.
    let cuts = [
        &plain[..60],
        &plain[..plain.len() / 2],
        &plain[..plain.len() - 3],
        &packed[..packed.len() - 3],
    ];
    for request in cuts {
        let mut stream = connect(api.address);
        stream.write_all(request).unwrap();
        if request.len() > 60 {
            api.metric_becomes("takings_uploads_in_progress 1");
        }
        drop(stream);
        api.metric_becomes("takings_uploads_in_progress 0");
        eventually(|| (api.sales_and_open_runs() == "0 0").then_some(()));
    }
    assert_eq!(
        api.sql("SELECT string_agg(DISTINCT status, ' ') FROM takings.imported_file"),
        "Abandoned"
    );
    assert_eq!(api.upload("whole.csv", content).status, 201);
}

#[test]
fn an_upload_that_stalls_is_given_up() {
    let api = Start::on_a_database().flag("upload-idle-timeout", "1").start();
    let request = Request::post(PATH)
        .header("Connection", "close")
        .form(&[part("slow.csv", SAMPLE.as_bytes())])
        .bytes();
    let mut stream = connect(api.address);
    stream.write_all(&request[..request.len() - 100]).unwrap();
    refused(&api, &Answer::read(&mut stream), 408, "Nothing of the body came for 1 seconds");
}

#[test]
fn an_upload_that_trickles_is_given_up() {
    let api = Start::on_a_database().flag("upload-timeout", "1").start();
    let request = Request::post(PATH)
        .header("Connection", "close")
        .form(&[part("slow.csv", SAMPLE.as_bytes())])
        .bytes();
    let mut stream = connect(api.address);
    for byte in &request[..request.len() - 100] {
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(3));
    }
    refused(&api, &Answer::read(&mut stream), 408, "took more than 1 seconds");
}

#[test]
fn a_filename_is_a_label_and_never_a_path() {
    let api = api();
    for (index, (given, kept)) in [
        ("../../etc/passwd", "passwd"),
        ("C:\\\\sales\\\\march.csv", "march.csv"),
        ("", "upload"),
        ("a\tb.csv", "ab.csv"),
        ("Mär'z); DROP TABLE sale;--.csv", "Mär'z); DROP TABLE sale;--.csv"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = api.upload(given, sales(&[("3/1/2025", &index.to_string(), "1")]));
        assert_eq!(answer.status, 201, "{given}: {answer:?}");
        let newest =
            "SELECT filename FROM takings.imported_file ORDER BY imported_file_id DESC LIMIT 1";
        assert_eq!(api.sql(newest), kept, "{given}");
    }
    let not_utf8 = [
        &b"Content-Disposition: form-data; name=\"file\"; filename=\"\xff\xfe.csv\"\r\n\r\n"[..],
        SAMPLE.as_bytes(),
    ]
    .concat();
    let answer = Request::post(PATH).form(&[not_utf8]).send(api.address);
    assert!([201, 400].contains(&answer.status), "{answer:?}");
}

#[test]
fn a_file_is_never_held_in_memory() {
    let api = api();
    let lines = "3/1/2025,7,one\n".repeat(2_500_000);
    let answer = api.upload("large.csv", format!("Sale Date,Sale ID,Item Total\n{lines}"));
    refused(&api, &answer, 422, "2500000 of 2500000 lines");
    let metrics = api.ask_admin("/metrics").body;
    let line =
        metrics.lines().find(|line| line.starts_with("process_resident_memory_bytes")).unwrap();
    let bytes: f64 = line.split(' ').nth(1).unwrap().parse().unwrap();
    assert!(bytes < 45e6, "{line} for a file of {} bytes", lines.len());
}
