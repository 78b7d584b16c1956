//! How far a running importer is: a Pod in, what its admin port says out. Async; decides nothing.
//!
//! Nothing rests on the answer, and the Pod may be anybody's: one short GET to the Pod's own
//! address, in plain HTTP/1, without redirects, bounded in time, size and number at once. Where it
//! fails there is no answer, and that is all.

use std::{net::IpAddr, time::Duration};

use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use k8s_openapi::{
    api::core::v1::Pod,
    jiff::{SignedDuration, Timestamp},
};
use serde::Deserialize;
use tokio::{net::TcpStream, sync::Semaphore, time::timeout};

use super::{attempt, job::ADMIN_PORT, plan::Observed};

/// A shorter load has ended before anybody could look.
const FIRST: SignedDuration = SignedDuration::from_secs(5);
/// How many importers are asked at a time; the others are asked the next time.
const AT_ONCE: usize = 16;
const PATIENCE: Duration = Duration::from_millis(500);
const MAX_BYTES: usize = 4_096;

/// What the importer's `/progress` says.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Reached {
    /// What it is doing, in one word.
    pub(crate) stage: String,
    /// Bytes of the source, where that is known.
    pub(crate) bytes: Option<u64>,
    /// Bytes read so far.
    pub(crate) bytes_read: u64,
    /// Lines read so far.
    pub(crate) lines_read: u64,
    /// Lines rejected so far.
    pub(crate) lines_rejected: u64,
}

/// Asks, so many at a time.
pub(crate) struct Asker(Semaphore);

impl Asker {
    pub(crate) fn new() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }

    /// What the importer says, if it is time to ask it again and it answers.
    pub(crate) async fn ask(&self, observed: &Observed, now: Timestamp) -> Option<Reached> {
        let pod = running(observed, now)?;
        let _permit = self.0.try_acquire().ok()?;
        get((address(pod)?, ADMIN_PORT)).await
    }
}

/// The Pod whose importer has been at work for a while, and was not asked just now.
fn running(observed: &Observed, now: Timestamp) -> Option<&Pod> {
    let status = observed.import.status.as_ref()?;
    let uid = status.job.as_ref()?.uid.as_deref()?;
    let told = status.progress.as_ref().map(|progress| progress.time.0);
    if status.finish_time.is_some() || status.settle.is_some() {
        return None;
    }
    let mut pods = observed.load.pods.iter().filter(|pod| attempt::is_owned(*pod, uid));
    pods.find(|pod| attempt::started(pod).is_some_and(|began| is_due(began, told, now)))
}

/// Every few seconds at first, and the less often the longer it takes.
pub(crate) fn pause(began: Timestamp, now: Timestamp) -> SignedDuration {
    FIRST.max(now.duration_since(began) / 20)
}

fn is_due(began: Timestamp, told: Option<Timestamp>, now: Timestamp) -> bool {
    let last = told.filter(|told| *told >= began).unwrap_or(began);
    now.duration_since(last) >= pause(began, now)
}

/// The Pod's own address; none where that is its node's.
fn address(pod: &Pod) -> Option<IpAddr> {
    let is_on_host = pod.spec.as_ref().and_then(|spec| spec.host_network) == Some(true);
    let address = pod.status.as_ref()?.pod_ip.as_ref().filter(|_| !is_on_host)?;
    address.parse().ok()
}

async fn get(address: (IpAddr, u16)) -> Option<Reached> {
    let answer = timeout(PATIENCE, request(address)).await.ok()?;
    answer.inspect_err(|error| tracing::debug!(%error, ?address, "no progress")).ok()
}

async fn request(address: (IpAddr, u16)) -> anyhow::Result<Reached> {
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::get("/progress")
        .header("host", std::net::SocketAddr::from(address).to_string())
        .body(Empty::<Bytes>::new())?;
    let ask = async {
        let answer = sender.send_request(request).await?;
        anyhow::ensure!(answer.status().is_success(), "{}", answer.status());
        let body = Limited::new(answer.into_body(), MAX_BYTES).collect().await;
        Ok(body.map_err(anyhow::Error::from_boxed)?.to_bytes())
    };
    // The connection lives as long as it is asked.
    let body = tokio::select! {
        answer = ask => answer?,
        ended = connection => anyhow::bail!("the connection ended: {ended:?}"),
    };
    Ok(serde_json::from_slice(&body)?)
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    const ANSWER: &str =
        r#"{"stage":"loading","bytes":200,"bytesRead":50,"linesRead":7,"linesRejected":1}"#;

    /// What is made of a server's answer.
    async fn asked(answer: String) -> Option<Reached> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1_024]).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            // It never closes: the asker is to go.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = serve => None,
            answer = get((address.ip(), address.port())) => answer,
        }
    }

    fn ok(body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn an_importer_says_how_far_it_is() {
        let reached = asked(ok(ANSWER)).await.unwrap();
        assert_eq!((reached.stage.as_str(), reached.bytes), ("loading", Some(200)));
        assert_eq!((reached.bytes_read, reached.lines_read, reached.lines_rejected), (50, 7, 1));
    }

    #[tokio::test]
    async fn whatever_else_is_answered_is_no_answer() {
        let long = format!("{}{ANSWER}", " ".repeat(MAX_BYTES));
        let redirect =
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n";
        for answer in
            [ok(&long), ok("{}"), ok("no"), redirect.to_owned(), "no".into(), String::new()]
        {
            assert_eq!(asked(answer.clone()).await, None, "{answer}");
        }
    }

    #[tokio::test]
    async fn a_pod_on_its_node_s_network_is_not_asked() {
        let pod = |host_network: bool| -> Pod {
            serde_json::from_value(serde_json::json!({
                "spec": {"containers": [], "hostNetwork": host_network},
                "status": {"podIP": "10.0.0.7"},
            }))
            .unwrap()
        };
        assert_eq!(address(&pod(false)), Some([10, 0, 0, 7].into()));
        assert_eq!(address(&pod(true)), None);
    }

    #[test]
    fn it_is_asked_every_five_seconds_at_first_and_less_often_later() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        assert!(!is_due(at(0), None, at(4)) && is_due(at(0), None, at(5)));
        assert!(!is_due(at(0), Some(at(5)), at(9)) && is_due(at(0), Some(at(5)), at(10)));
        assert!(!is_due(at(0), Some(at(2_000)), at(2_050)));
        assert!(is_due(at(0), Some(at(2_000)), at(2_110)));
        // What an earlier attempt said is not what this one says.
        assert!(!is_due(at(100), Some(at(90)), at(104)));
    }
}
