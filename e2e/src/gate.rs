//! A gate at which a served file waits until the test opens it.

use crate::{
    FileServer,
    file_server::{head, respond},
    sales::Sales,
    takings::DATABASE,
};
use anyhow::{Result, ensure};
use harness::postgres::Server;
use std::{
    io::Write as _,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::sleep,
    time::{Duration, Instant},
};

/// Closed at first; once open it stays so.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Lets everybody through.
    pub fn open(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Waits until it is open.
    pub fn wait(&self) {
        let open = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.0.1.wait_while(open, |open| !*open));
    }
}

/// Serves a file on `host`: the first time only half of it before the gate is open, then whole.
pub fn serve_half(host: &str, sales: &Sales, gate: &Gate) -> Result<FileServer> {
    let (body, gate) = (sales.csv.clone().into_bytes(), gate.clone());
    FileServer::start(host, move |request, stream| {
        if request > 1 {
            return respond(stream, 200, &body);
        }
        let (first, second) = body.split_at(body.len() / 2);
        head(stream, 200, body.len())?;
        stream.write_all(first)?;
        gate.wait();
        stream.write_all(second)
    })
}

/// Waits until a part of the dataset's sales lies in the database.
pub fn wait_for_mid_load(server: &Server, dataset: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_mins(2);
    let begun = format!(
        "SELECT pg_relation_size(format('takings.sale_%s', dataset_id)::regclass) > 0
         FROM takings.dataset WHERE name = '{dataset}'"
    );
    while server.sql(DATABASE, &begun)?.trim() != "t" {
        ensure!(Instant::now() < deadline, "no load begins in {dataset}");
        sleep(Duration::from_millis(200));
    }
    Ok(())
}
