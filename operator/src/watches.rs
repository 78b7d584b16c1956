//! Watches, each of which begins with a list: an API in, a stream of events out, as
//! [`kube::runtime::watcher`] has it.

use std::fmt::Debug;

use futures::{
    Stream, StreamExt as _,
    stream::{self, BoxStream},
};
use kube::{
    Api, Resource,
    runtime::watcher::{self, Error, Event, watcher},
};
use serde::de::DeserializeOwned;

/// What an API server answers to a request that it does not know.
const INVALID: u16 = 422;
/// A watch that was interrupted for too long, which begins anew.
const EXPIRED: u16 = 410;

struct Watch<K> {
    events: BoxStream<'static, watcher::Result<Event<K>>>,
    is_listed: bool,
    /// What to list pages with, while nothing speaks against a stream.
    pages: Option<(Api<K>, watcher::Config)>,
}

/// A watch whose list is, if the API server can, the beginning of the watch itself.
///
/// Such a list comes object by object, and from what the API server holds in memory, where pages
/// are read from etcd and held as a whole on both sides. A server that can't says so whenever it is
/// asked, which may be long after the first time: its feature `WatchList` is on by default in
/// Kubernetes 1.32 and from 1.34 on. From then on it is asked for pages.
///
/// Source: <https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists>
pub(crate) fn watch<K>(
    api: Api<K>,
    config: watcher::Config,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send
where
    K: Resource<DynamicType: Default> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    let events = watcher(api.clone(), config.clone().streaming_lists()).boxed();
    let watch = Watch { events, is_listed: false, pages: Some((api, config)) };
    stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((event, watch))
    })
}

impl<K> Watch<K>
where
    K: Resource<DynamicType: Default> + Clone + Debug + DeserializeOwned + Send + 'static,
{
    async fn next(&mut self) -> Option<watcher::Result<Event<K>>> {
        loop {
            let event = self.events.next().await?;
            match &event {
                Ok(Event::Init) => self.is_listed = false,
                Ok(Event::InitDone) => self.is_listed = true,
                Err(error) if self.can_not_stream(error) => {
                    if let Some((api, config)) = self.pages.take() {
                        let kind = K::kind(&K::DynamicType::default()).into_owned();
                        tracing::info!(%error, kind, "objects are listed in pages");
                        self.events = watcher(api, config).boxed();
                        continue;
                    }
                }
                _ => {}
            }
            return Some(event);
        }
    }

    /// Most servers that can't refuse the request; those whose storage can't begin to answer.
    fn can_not_stream(&self, error: &Error) -> bool {
        match error {
            Error::WatchStartFailed(kube::Error::Api(status)) => status.code == INVALID,
            Error::WatchError(status) => !self.is_listed && status.code != EXPIRED,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt as _;
    use k8s_openapi::api::core::v1::Pod;
    use kube::{Client, Config, ResourceExt as _};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    const REFUSAL: &str = r#"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
        "reason":"Invalid","code":422,"message":"sendInitialEvents is forbidden for watch"}"#;
    const PAGE: &str = r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7"},
        "items":[{"metadata":{"name":"march"}}]}"#;

    /// Answers each request with the next of these, and tells what it was asked.
    async fn answer(server: TcpListener, answers: [(&str, String); 2]) -> Vec<String> {
        let mut asked = Vec::new();
        for (code, body) in answers {
            let (mut connection, _) = server.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = connection.read(&mut request).await.unwrap();
            asked.push(String::from_utf8_lossy(&request[..length]).into_owned());
            let head = format!("HTTP/1.1 {code}\r\nContent-Type: application/json\r\n");
            let rest = format!("Connection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            connection.write_all(format!("{head}{rest}{body}").as_bytes()).await.unwrap();
        }
        asked
    }

    #[tokio::test]
    async fn a_server_that_can_not_stream_a_list_is_asked_for_pages() {
        let told = format!("{{\"type\":\"ERROR\",\"object\":{}}}\n", REFUSAL.replace('\n', ""));
        for first in [("422 Unprocessable Entity", REFUSAL.to_owned()), ("200 OK", told)] {
            let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = format!("http://{}", server.local_addr().unwrap());
            let client = Client::try_from(Config::new(address.parse().unwrap())).unwrap();
            let events = watch(Api::<Pod>::all(client), watcher::Config::default());
            let listed = events.try_filter_map(|event| async move {
                Ok(match event {
                    Event::InitApply(pod) => Some(pod.name_any()),
                    Event::InitDone => Some("listed".to_owned()),
                    _ => None,
                })
            });
            let listed = listed.take(2).try_collect::<Vec<_>>();
            let page = ("200 OK", PAGE.to_owned());
            let (listed, asked) = tokio::join!(listed, answer(server, [first, page]));
            assert_eq!(listed.unwrap(), ["march", "listed"]);
            assert!(asked[0].contains("sendInitialEvents=true"), "{}", asked[0]);
            assert!(asked[1].contains("limit=500"), "{}", asked[1]);
        }
    }
}
