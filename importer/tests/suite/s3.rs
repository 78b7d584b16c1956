//! An S3 server of the test's own (versitygw), and a proxy before it that cuts connections.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::Duration,
};

use importer::{
    HttpSettings, Source,
    source::{Credentials, StoreSettings},
};
use object_store::{
    ClientOptions, ObjectStoreExt,
    aws::{AmazonS3, AmazonS3Builder},
    client::{
        HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    },
    path::Path as ObjectPath,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
};

use crate::support::settings;

pub const KEY_ID: &str = "takings-tests";
pub const SECRET: &str = "s3cret-of-the-tests";

/// A server with one bucket, `sales`; gone with the value.
pub struct Server {
    pub address: SocketAddr,
    store: AmazonS3,
    folder: PathBuf,
    process: Child,
}

impl Server {
    pub async fn start() -> Self {
        let program = harness::tools::path("versitygw").unwrap();
        let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let folder = std::env::temp_dir().join(format!("takings-s3-{}", address.port()));
        for name in ["objects/sales", "about", "credentials"] {
            std::fs::create_dir_all(folder.join(name)).unwrap();
        }
        std::fs::write(folder.join("credentials/AWS_ACCESS_KEY_ID"), KEY_ID).unwrap();
        std::fs::write(folder.join("credentials/AWS_SECRET_ACCESS_KEY"), SECRET).unwrap();
        let process = Command::new(program)
            .args(["--quiet", "--port", &address.to_string(), "--access", KEY_ID])
            .args(["--secret", SECRET, "posix", "--sidecar"])
            .args([folder.join("about"), folder.join("objects")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let store = AmazonS3Builder::new()
            .with_bucket_name("sales")
            .with_endpoint(format!("http://{address}"))
            .with_access_key_id(KEY_ID)
            .with_secret_access_key(SECRET)
            .with_http_connector(Plain)
            .build()
            .unwrap();
        let server = Self { address, store, folder, process };
        while TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        server
    }

    pub async fn put(&self, key: &str, text: impl Into<Vec<u8>>) {
        self.store.put(&ObjectPath::parse(key).unwrap(), text.into().into()).await.unwrap();
    }

    pub async fn delete(&self, key: &str) {
        self.store.delete(&ObjectPath::parse(key).unwrap()).await.unwrap();
    }

    /// The folder with the credentials.
    pub fn credentials(&self) -> PathBuf {
        self.folder.join("credentials")
    }

    /// An object of the bucket, by way of that address.
    pub fn object(&self, key: &str, by: SocketAddr) -> Source {
        object_at(format!("s3://sales/{key}"), by, self.credentials(), settings())
    }
}

/// An object of the store at that address.
pub fn object_at(
    url: String,
    by: SocketAddr,
    credentials: PathBuf,
    settings: HttpSettings,
) -> Source {
    Source::Url {
        url,
        store: StoreSettings { endpoint: Some(format!("http://{by}")), ..StoreSettings::default() },
        credentials: Credentials { folder: Some(credentials), authorities: None },
        settings,
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The tests' own way to the server.
#[derive(Debug)]
struct Plain;

impl HttpConnector for Plain {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Self))
    }
}

#[async_trait::async_trait]
impl HttpService for Plain {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let failed = |error: reqwest::Error| HttpError::new(HttpErrorKind::Unknown, error);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (parts, body) = request.into_parts();
        let body = http_body_util::BodyExt::collect(body).await?.to_bytes();
        let client = reqwest::Client::builder().no_proxy().build().map_err(failed)?;
        let request = client.request(parts.method, parts.uri.to_string()).headers(parts.headers);
        let answer = request.body(body).send().await.map_err(failed)?;
        let mut response = http::Response::builder().status(answer.status());
        response.headers_mut().unwrap().extend(answer.headers().clone());
        Ok(response.body(answer.bytes().await.map_err(failed)?.into()).unwrap())
    }
}

/// After how many bytes of an answer a connection is cut, one after the other; then no more.
pub struct Proxy {
    pub address: SocketAddr,
    /// How many connections were made.
    pub connections: Arc<Mutex<u32>>,
}

impl Proxy {
    /// Before each connection but the first, `meanwhile` is waited for.
    pub async fn start<F: Future<Output = ()> + Send>(
        listen: &str,
        server: SocketAddr,
        cuts: &[usize],
        meanwhile: impl Fn() -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(listen).await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(Mutex::new(0));
        let (counted, mut cuts) = (connections.clone(), VecDeque::from(cuts.to_vec()));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = {
                    let mut counted = counted.lock().unwrap();
                    *counted += 1;
                    *counted
                };
                if number > 1 {
                    meanwhile().await;
                }
                let server = TcpStream::connect(server).await.unwrap();
                tokio::spawn(pass(client, server, cuts.pop_front()));
            }
        });
        Self { address, connections }
    }

    pub fn connections(&self) -> u32 {
        *self.connections.lock().unwrap()
    }
}

/// Both ways, until so many bytes have come from the server.
async fn pass(client: TcpStream, server: TcpStream, cut: Option<usize>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let asking = tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
    let mut answer = from_server.take(cut.map_or(u64::MAX, |bytes| bytes as u64));
    let _ = copy(&mut answer, &mut to_client).await;
    let _ = to_client.shutdown().await;
    asking.abort();
}
