//! How everything is listed before it is watched: one question to the API server.

use std::fmt::Debug;

use kube::{
    Api, Resource,
    api::WatchParams,
    runtime::watcher::{self, InitialListStrategy},
};
use serde::de::DeserializeOwned;

/// The settings of watches that begin with a list, if the API server can, that is itself a watch.
///
/// Such a list comes from what the API server holds in memory, object by object, where pages are
/// read from etcd and held as a whole on both sides. A server that can't refuses to watch in that
/// way: the feature `WatchList` is on by default in Kubernetes 1.32 and from 1.34 on.
///
/// Source: <https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists>
pub async fn settings<K>(api: &Api<K>) -> watcher::Config
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
{
    // A name that no object can have: nothing is sent.
    let nothing = WatchParams::default().fields("metadata.name=-").timeout(1).initial_events();
    let streams = api.watch_metadata(&nothing, "0").await;
    let initial_list_strategy = match streams {
        Ok(_) => InitialListStrategy::StreamingList,
        Err(error) => {
            tracing::info!(%error, "everything is listed in pages");
            InitialListStrategy::ListWatch
        }
    };
    watcher::Config { initial_list_strategy, ..watcher::Config::default() }
}

#[cfg(test)]
mod tests {
    use kube::{Client, Config};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;
    use crate::crd::SalesImport;

    #[tokio::test]
    async fn a_server_that_can_not_stream_a_list_is_asked_for_pages() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", server.local_addr().unwrap());
        let client = Client::try_from(Config::new(address.parse().unwrap())).unwrap();
        let answer = async {
            let (mut connection, _) = server.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = connection.read(&mut request).await.unwrap();
            let body = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422,
                "message":"sendInitialEvents: Forbidden: sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled"}"#;
            let head = "HTTP/1.1 422 Unprocessable Entity\r\nContent-Type: application/json";
            let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            connection.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        };
        let imports = Api::<SalesImport>::all(client);
        let (settings, request) = tokio::join!(settings(&imports), answer);
        assert!(request.contains("sendInitialEvents=true"), "{request}");
        assert_eq!(settings.initial_list_strategy, InitialListStrategy::ListWatch);
    }
}
