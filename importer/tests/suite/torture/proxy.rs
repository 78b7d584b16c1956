//! A way to the database that breaks at a chosen moment: messages are passed on between importer
//! and server until the moment comes; then the connection is cut, or nothing passes any more.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::oneshot,
};

/// When a connection breaks.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    /// At the n-th piece of a COPY, over all connections.
    CopyData(u64),
    /// At the n-th COMMIT, over all connections.
    Commit(u64),
    /// Where the statement that publishes is to be executed.
    Publish,
    /// Behind so many bytes of the importer's, over all connections.
    Bytes(u64),
}

/// What becomes of the message at which it breaks.
#[derive(Clone, Copy, Debug)]
pub enum Message {
    /// The server never gets it.
    Withheld,
    /// The server gets it and acts on it; the importer never gets the answer.
    Delivered,
}

/// How it breaks.
#[derive(Clone, Copy, Debug)]
pub enum Break {
    /// The connection is closed.
    Cut,
    /// Nothing passes, until one of the two sides goes.
    Freeze,
}

/// The proxy, on a port of its own.
pub struct Proxy {
    pub address: SocketAddr,
    /// The moment has come.
    pub broken: oneshot::Receiver<()>,
}

struct Plan {
    server: u16,
    at: (Moment, Message, Break),
    /// How many messages, or bytes, of the awaited kind have come.
    passed: AtomicU64,
    broken: Mutex<Option<oneshot::Sender<()>>>,
}

impl Proxy {
    pub async fn start(server: u16, at: (Moment, Message, Break)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, broken) = oneshot::channel();
        let broken_by = Mutex::new(Some(sender));
        let plan = Arc::new(Plan { server, at, passed: AtomicU64::new(0), broken: broken_by });
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(plan.clone().connect(client));
            }
        });
        Self { address, broken }
    }
}

impl Plan {
    async fn connect(self: Arc<Self>, client: TcpStream) -> std::io::Result<()> {
        let server = TcpStream::connect(("127.0.0.1", self.server)).await?;
        for stream in [&client, &server] {
            stream.set_nodelay(true)?;
        }
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
            (client.into_split(), server.into_split());
        let breaks = tokio::select! {
            passed = self.pass(&mut from_client, &mut to_server) => passed?,
            answered = tokio::io::copy(&mut from_server, &mut to_client) => answered.map(|_| false)?,
        };
        if breaks {
            self.end((from_client, to_client), (from_server, to_server)).await;
        }
        Ok(())
    }

    /// Passes on what the importer sends; true where the moment has come, false at the end.
    async fn pass(
        &self,
        from: &mut OwnedReadHalf,
        to: &mut OwnedWriteHalf,
    ) -> std::io::Result<bool> {
        let mut buffer = Vec::new();
        let mut watch = Watch::default();
        loop {
            while let Some(length) = watch.message(&buffer) {
                let rest = buffer.split_off(length);
                let message = std::mem::replace(&mut buffer, rest);
                let Some(breaks_at) = self.breaks_at(&mut watch, &message) else {
                    to.write_all(&message).await?;
                    continue;
                };
                to.write_all(&message[..breaks_at]).await?;
                return Ok(true);
            }
            if from.read_buf(&mut buffer).await? == 0 {
                return Ok(false);
            }
        }
    }

    /// Where the moment has come: how much of the message is still passed on.
    fn breaks_at(&self, watch: &mut Watch, message: &[u8]) -> Option<usize> {
        let (moment, delivery, _) = self.at;
        let whole = match delivery {
            Message::Withheld => 0,
            Message::Delivered => message.len(),
        };
        watch.look(message);
        let (is_awaited, wanted) = match moment {
            Moment::CopyData(wanted) => (message[0] == b'd', wanted),
            Moment::Commit(wanted) => {
                (message.starts_with(b"Q") && holds(message, b"COMMIT"), wanted)
            }
            Moment::Publish => (watch.publishes && message[0] == b'S', 1),
            Moment::Bytes(wanted) => {
                let length = message.len() as u64;
                let before = self.passed.fetch_add(length, Ordering::Relaxed);
                let inside = before < wanted && wanted <= before + length;
                return inside.then(|| usize::try_from(wanted - before).unwrap());
            }
        };
        let is_it = is_awaited && self.passed.fetch_add(1, Ordering::Relaxed) + 1 == wanted;
        is_it.then_some(whole)
    }

    async fn end(
        &self,
        client: (OwnedReadHalf, OwnedWriteHalf),
        server: (OwnedReadHalf, OwnedWriteHalf),
    ) {
        let (_, delivery, how) = self.at;
        let tell = || self.broken.lock().unwrap().take().map(|broken| broken.send(()));
        let mut answer = [0; 1];
        let (mut from_server, _to_server) = server;
        let (mut from_client, _to_client) = client;
        match (how, delivery) {
            (Break::Cut, Message::Withheld) => {}
            // Only an answer proves that it has arrived.
            (Break::Cut, Message::Delivered) => {
                let patience = Duration::from_secs(20);
                let _ = tokio::time::timeout(patience, from_server.read(&mut answer)).await;
            }
            (Break::Freeze, _) => {
                tell();
                // The importer says nothing before it has an answer: this is its end.
                while from_client.read(&mut answer).await.is_ok_and(|count| count > 0) {}
            }
        }
        tell();
    }
}

/// What is known of one connection.
#[derive(Default)]
struct Watch {
    has_begun: bool,
    prepared: bool,
    publishes: bool,
}

impl Watch {
    /// The length of the first message, if it is there as a whole. The very first has no kind.
    fn message(&self, buffer: &[u8]) -> Option<usize> {
        let kind = usize::from(self.has_begun);
        let length = buffer.get(kind..kind + 4)?.first_chunk::<4>()?;
        let length = kind + u32::from_be_bytes(*length) as usize;
        (buffer.len() >= length).then_some(length)
    }

    fn look(&mut self, message: &[u8]) {
        self.prepared |= self.has_begun && message[0] == b'P' && holds(message, b"publish_load(");
        self.publishes |= self.prepared && message[0] == b'E';
        self.has_begun = true;
    }
}

fn holds(message: &[u8], words: &[u8]) -> bool {
    message.windows(words.len()).any(|window| window == words)
}
