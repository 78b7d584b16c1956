//! HTTP as plain as can be: a test should not depend on a client's cleverness.

use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// What a server answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, where it is JSON.
    pub json: Value,
}

/// Asks `address` (host:port) for `path`.
pub fn get(address: &str, path: &str) -> Result<Answer> {
    send(address, &format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n"))
}

/// Sends a file as a browser's form does, in the field `file`.
pub fn upload(address: &str, path: &str, (name, content): (&str, &str)) -> Result<Answer> {
    let body = format!(
        "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: text/csv\r\n\r\n{content}\r\n--edge--\r\n"
    );
    let head = format!(
        "POST {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n\
         Content-Type: multipart/form-data; boundary=edge\r\n\r\n",
        body.len()
    );
    send(address, &(head + &body))
}

/// In HTTP 1.0 an answer comes in one piece, and its end is the connection's.
fn send(address: &str, request: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("no {address}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.read_to_string(&mut text).with_context(|| format!("{address} broke off"))?;
    let (head, body) = text.split_once("\r\n\r\n").context("an answer without a head")?;
    let status = head.split(' ').nth(1).context("an answer without a status")?.parse()?;
    Ok(Answer { status, json: serde_json::from_str(body).unwrap_or(Value::Null) })
}
