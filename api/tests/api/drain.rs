//! The end of a replica: unready at once, what is under way is finished, idle connections do not
//! hold it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use crate::support::{Answer, Request, SAMPLE, Start, TestApi, api, connect, eventually, part};

/// A request under way: an upload whose last bytes are held back.
fn upload_under_way(api: &TestApi) -> (TcpStream, Vec<u8>) {
    let request = Request::post("/api/sales/import-sales/")
        .form(&[part("slow.csv", SAMPLE.as_bytes())])
        .bytes();
    let mut stream = connect(api.address);
    let (begin, end) = request.split_at(request.len() - 20);
    stream.write_all(begin).unwrap();
    api.metric_becomes("takings_uploads_in_progress 1");
    (stream, end.to_vec())
}

#[test]
fn a_request_under_way_is_finished_and_idle_connections_do_not_hold_the_end() {
    let mut api = api();
    let mut idle = connect(api.address);
    idle.write_all(&Request::get("/version").bytes()).unwrap();
    assert!(idle.read(&mut [0; 1000]).unwrap() > 0);
    let _silent = connect(api.address);
    let (mut stream, rest) = upload_under_way(&api);

    api.signal("TERM");
    eventually(|| (api.ask_admin("/readyz").status == 503).then_some(()));
    assert_eq!(api.ask_admin("/livez").status, 200);
    eventually(|| TcpStream::connect(api.address).is_err().then_some(()));

    stream.write_all(&rest).unwrap();
    let answer = Answer::read(&mut stream);
    assert_eq!((answer.status, answer.header("connection")), (201, Some("close")), "{answer:?}");
    assert_eq!(api.exit_code(), Some(0));
    assert_eq!(api.sales_and_open_runs(), "4 0");
}

#[test]
fn a_request_that_does_not_end_is_cut_off_when_the_time_is_over() {
    let mut api = Start::on_a_database().flag("shutdown-timeout", "1").start();
    let _under_way = upload_under_way(&api);
    api.signal("TERM");
    assert_eq!(api.exit_code(), Some(0));
    assert_eq!(api.sales_and_open_runs(), "0 0");
    api.logged(|line| {
        line["message"].as_str().is_some_and(|message| message.contains("are cut off"))
    });
}

#[test]
fn a_replica_that_still_waits_for_its_database_ends_at_once() {
    let mut api = Start::on_an_empty_database().start_unready();
    api.signal("TERM");
    assert_eq!(api.exit_code(), Some(0));
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    let mut api = api();
    let _under_way = upload_under_way(&api);
    api.signal("TERM");
    eventually(|| (api.ask_admin("/readyz").status == 503).then_some(()));
    api.signal("TERM");
    assert_eq!(api.exit_code(), Some(143));
}

#[test]
fn an_upload_whose_client_has_gone_is_still_brought_to_an_end() {
    let mut api = api();
    let (stream, _) = upload_under_way(&api);
    drop(stream);
    api.signal("TERM");
    assert_eq!(api.exit_code(), Some(0));
    assert_eq!(api.sales_and_open_runs(), "0 0");
}
