//! A network between the program and its database that can fail.

use std::{
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    thread,
    time::Duration,
};

const OPEN: u8 = 0;
const CUT: u8 = 1;
const FROZEN: u8 = 2;

/// Forwards connections to one address, or fails to.
pub(crate) struct Proxy {
    state: Arc<AtomicU8>,
}

impl Proxy {
    /// Between us and the database that the URL names.
    pub(crate) fn before(url: &str) -> (Self, String) {
        let place = url.split(['@', '/']).nth(3).unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(AtomicU8::new(OPEN));
        let (shared, target) = (Arc::clone(&state), place.clone());
        thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                if shared.load(Ordering::SeqCst) == CUT {
                    continue;
                }
                let Ok(far) = TcpStream::connect(&target) else { continue };
                pump(near.try_clone().unwrap(), far.try_clone().unwrap(), Arc::clone(&shared));
                pump(far, near, Arc::clone(&shared));
            }
        });
        (Self { state }, url.replace(&place, &address.to_string()))
    }

    /// Lets everything through again.
    pub(crate) fn open(&self) {
        self.state.store(OPEN, Ordering::SeqCst);
    }

    /// Closes all connections, and new ones at once.
    pub(crate) fn cut(&self) {
        self.state.store(CUT, Ordering::SeqCst);
    }

    /// Swallows all that is sent, and says nothing.
    pub(crate) fn freeze(&self) {
        self.state.store(FROZEN, Ordering::SeqCst);
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, state: Arc<AtomicU8>) {
    from.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        loop {
            match state.load(Ordering::SeqCst) {
                CUT => break,
                FROZEN => {
                    thread::sleep(Duration::from_millis(20));
                    continue;
                }
                _ => {}
            }
            match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) if to.write_all(&buffer[..length]).is_err() => break,
                Err(error) if !is_timeout(&error) => break,
                _ => {}
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}

fn is_timeout(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}
