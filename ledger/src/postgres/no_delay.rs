//! Switches Nagle's algorithm off on the connections to the database, as every PostgreSQL client
//! does but sqlx 0.9.0: there a message waits for up to 40 ms until the server has confirmed the
//! one before. To be removed with the release that has
//! <https://github.com/transact-rs/sqlx/pull/4336>.
//!
//! sqlx does not give its sockets away, so that they are found among the open files.

use std::{
    fs,
    future::poll_fn,
    io,
    os::fd::{BorrowedFd, RawFd},
    pin::pin,
};

use socket2::SockRef;

/// Does so while something connects, too: a TLS handshake waits twice.
pub(super) async fn connecting<F: Future>(port: u16, connects: F) -> F::Output {
    let mut connects = pin!(connects);
    poll_fn(|context| {
        let polled = connects.as_mut().poll(context);
        if polled.is_pending() {
            // Slower where it can't be done, and as right.
            let _ = send_at_once(port);
        }
        polled
    })
    .await
}

/// Does so for all connections to this port, and tells how many there are.
pub(super) fn send_at_once(port: u16) -> io::Result<usize> {
    let done = sockets(port, |socket| socket.set_tcp_nodelay(true).is_ok())?;
    Ok(done.into_iter().filter(|done| *done).count())
}

/// Calls with each socket whose other end is this port.
fn sockets<T>(port: u16, mut each: impl FnMut(SockRef<'_>) -> T) -> io::Result<Vec<T>> {
    let open = fs::read_dir("/dev/fd")?;
    let numbers: Vec<RawFd> =
        open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    let mut called = Vec::new();
    for number in numbers {
        // SAFETY: only lent to system calls that change nothing but how long a connection to the
        // database waits. A number that is closed meanwhile, or is no socket, is answered with an
        // error; one that another file has got meanwhile is asked what it is.
        #[expect(unsafe_code, reason = "sqlx has no other way to its sockets")]
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        let socket = SockRef::from(&borrowed);
        let peer = socket.peer_addr().ok().and_then(|peer| peer.as_socket());
        if peer.is_some_and(|peer| peer.port() == port) {
            called.push(each(socket));
        }
    }
    Ok(called)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::{DatabaseUrl, Ledger, PoolSettings};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn connections_to_the_port_are_found_and_no_others() {
        let [database, other] = [0, 0].map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let connect = |to: &TcpListener| TcpStream::connect(to.local_addr().unwrap()).unwrap();
        let [first, second, apart] = [connect(&database), connect(&database), connect(&other)];
        assert_eq!(send_at_once(database.local_addr().unwrap().port()).unwrap(), 2);
        let are_sent_at_once = [first, second, apart].map(|socket| socket.nodelay().unwrap());
        assert_eq!(are_sent_at_once, [true, true, false]);
    }
    #[tokio::test]
    async fn a_connection_sends_at_once_before_the_database_has_said_anything() {
        let database = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = database.local_addr().unwrap().port();
        let url = DatabaseUrl::new(&format!("postgres://u:p@127.0.0.1:{port}/d")).unwrap();
        let ledger = Ledger::connect_lazy(&url, &PoolSettings::default());
        let checking = tokio::spawn(async move { ledger.check_schema().await });
        // Nobody answers: what is seen is a connection that waits for the first answer.
        let at_once = loop {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            let at_once = sockets(port, |socket| socket.tcp_nodelay().unwrap()).unwrap();
            if at_once == [true] || checking.is_finished() {
                break at_once;
            }
        };
        assert_eq!(at_once, [true]);
    }
}
