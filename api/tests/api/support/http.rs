//! A client that sends exactly what it is told to, well-formed or not.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// What lies between the parts of our forms.
pub(crate) const BOUNDARY: &str = "----------------------------test";

/// A request, to be sent on a connection of its own.
#[derive(Clone)]
pub(crate) struct Request {
    head: String,
    body: Vec<u8>,
    has_length: bool,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: takings\r\n");
        Self { head, body: Vec::new(), has_length: false }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn post(path: &str) -> Self {
        Self::new("POST", path)
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.head.extend([name, ": ", value, "\r\n"]);
        self.has_length |= name.eq_ignore_ascii_case("content-length");
        self
    }

    /// A multipart body of these parts.
    pub(crate) fn form(self, parts: &[Vec<u8>]) -> Self {
        let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
        self.header("Content-Type", &content_type).body(form(parts))
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends it and reads the answer to its end.
    pub(crate) fn send(self, to: SocketAddr) -> Answer {
        let mut stream = connect(to);
        // The answer may come before all is sent, and the connection be closed then.
        let _ = stream.write_all(&self.header("Connection", "close").bytes());
        Answer::read(&mut stream)
    }

    /// What is sent, for a test that sends it by itself.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let this = if self.body.is_empty() || self.has_length {
            self
        } else {
            let length = self.body.len().to_string();
            self.header("Content-Length", &length)
        };
        [this.head.as_bytes(), b"\r\n", &this.body].concat()
    }
}

impl Answer {
    /// Reads until the other side closes the connection.
    pub(crate) fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        let end = stream.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) =
            text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {end:?} {text:?}"));
        let (status, headers) = head.split_once("\r\n").unwrap_or((head, ""));
        let headers = headers.lines().filter_map(|line| line.split_once(": "));
        Self {
            status: status.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The sentence of an error, in either form; checks that the body repeats the status.
    pub(crate) fn sentence(&self) -> String {
        let json = self.json();
        assert_eq!(json["status"], self.status, "{self:?}");
        let sentence = json.get("detail").or_else(|| json.get("message"));
        sentence.unwrap().as_str().unwrap().to_owned()
    }
}

pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(3))).unwrap();
    stream
}

/// The field `file` with a file.
pub(crate) fn part(filename: &str, content: &[u8]) -> Vec<u8> {
    let head =
        format!("Content-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\n");
    [head.as_bytes(), b"Content-Type: text/csv\r\n\r\n", content].concat()
}

/// A multipart body of these parts, well-ended.
pub(crate) fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        body.extend_from_slice(format!("--{BOUNDARY}\r\n").as_bytes());
        body.extend_from_slice(part);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}
