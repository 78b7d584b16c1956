//! A web server on the address where Pods reach this machine. A closure answers each request, so
//! that a test decides what goes wrong and when.

use anyhow::Result;
use std::{
    io::{self, BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// A running server; it ends with the process.
#[derive(Debug)]
pub struct FileServer {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl FileServer {
    /// Serves on a free port of `host`. The closure gets the request's number, from 1, and writes
    /// the answer.
    pub fn start<A>(host: &str, answer: A) -> Result<Self>
    where
        A: Fn(usize, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
    {
        let listener = TcpListener::bind((host, 0))?;
        let server = Self { address: listener.local_addr()?, requests: Arc::default() };
        let (requests, answer) = (Arc::clone(&server.requests), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (requests, answer) = (Arc::clone(&requests), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &requests, &*answer));
            }
        });
        Ok(server)
    }

    /// The URL of a file of that name; every name is answered alike.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// How many requests there have been.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Writes a whole answer.
pub fn respond(stream: &mut TcpStream, status: u16, body: &[u8]) -> io::Result<()> {
    head(stream, status, body.len())?;
    stream.write_all(body)
}

/// Writes an answer's head, which promises a body of so many bytes.
pub fn head(stream: &mut TcpStream, status: u16, length: usize) -> io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {status} Test\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
}

fn serve(
    mut stream: TcpStream,
    requests: &AtomicUsize,
    answer: &dyn Fn(usize, &mut TcpStream) -> io::Result<()>,
) {
    let Ok(reader) = stream.try_clone().map(BufReader::new) else { return };
    let end_of_head = |line: &io::Result<String>| line.as_ref().map_or(true, String::is_empty);
    if reader.lines().any(|line| end_of_head(&line)) {
        // The importer may be gone before all is written: that is often the test's point.
        let _ = answer(requests.fetch_add(1, Ordering::SeqCst) + 1, &mut stream);
    }
}
