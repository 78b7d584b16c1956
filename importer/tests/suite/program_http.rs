//! Files that are fetched by the real program, over TLS and otherwise.

use std::{
    net::{IpAddr, UdpSocket},
    path::Path,
    sync::Arc,
};

use harness::pki::{Authority, Subject};
use ledger::{
    Outcome,
    outcome::{Reason, RunResult},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::Command,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::{
    s3::{KEY_ID, Proxy, SECRET, Server},
    support::*,
};

/// An address of this machine that is not loopback, where it has one.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Sends nothing: it only asks which way a packet would go.
    socket.connect("203.0.113.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback())
}

fn acceptor(folder: &Path, address: &str) -> TlsAcceptor {
    let authority = Authority::new("takings-tests").unwrap();
    authority.write(&folder.join("ca.crt")).unwrap();
    let names = [address];
    let subject = Subject { common_name: "files", organization: None, names: &names };
    let files = authority.issue(folder, "server", subject).unwrap();
    let certificate = CertificateDer::from_pem_file(files.certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(files.key).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn fetch(shop: &Shop, url: &str, certificate: Option<&Path>) -> Outcome {
    let mut command = load(shop, url);
    if let Some(certificate) = certificate {
        command.env("SSL_CERT_FILE", certificate);
    }
    outcome(command).await
}

fn load(shop: &Shop, url: &str) -> Command {
    let host = url.split(['/', ':']).nth(3).unwrap();
    shop.program(&["load", "--allow-http", "--url", url, "--allow-network", host])
}

async fn outcome(mut command: Command) -> Outcome {
    let output = command.output().await.unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[tokio::test]
async fn a_file_is_fetched_over_tls_from_whom_the_certificate_names() {
    let Some(address) = own_address() else {
        eprintln!("this machine has only its loopback: nothing to fetch from");
        return;
    };
    let shop = Shop::open().await;
    let acceptor = acceptor(&shop.folder, &address.to_string());
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let url = format!("https://{}/march.csv", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let Ok(mut connection) = acceptor.accept(connection).await else { continue };
            let _ = connection.read(&mut [0; 4096]).await;
            // Without a length: that TLS says goodbye is what tells the end.
            let answer = "HTTP/1.0 200 OK\r\n\r\nSale Date,Sale ID,Item Total\n3/1/2025,1,1.5\n";
            let _ = connection.write_all(answer.as_bytes()).await;
            let _ = connection.shutdown().await;
        }
    });
    let stranger = fetch(&shop, &url, None).await;
    assert_ended(&stranger, RunResult::Fault, Reason::SourceUnavailable);
    assert!(stranger.message.contains("certificate"), "{}", stranger.message);
    let known = fetch(&shop, &url, Some(&shop.folder.join("ca.crt"))).await;
    assert_published(&known, 1, 0);
    for (flag, value) in
        [("--ca-file", shop.folder.join("ca.crt")), ("--credentials", shop.folder.clone())]
    {
        let mut command = load(&shop, &url);
        command.arg(flag).arg(value);
        let outcome = outcome(command).await;
        assert_ended(&outcome, RunResult::AlreadyLoaded, Reason::AlreadyLoaded);
    }
}

#[tokio::test]
async fn an_object_is_fetched_with_what_the_environment_or_a_folder_holds() {
    let Some(address) = own_address() else {
        eprintln!("this machine has only its loopback: no store to fetch from");
        return;
    };
    let (shop, s3) = (Shop::open().await, Server::start().await);
    s3.put("march.csv", "Sale Date,Sale ID,Item Total\n3/1/2025,1,1.5\n").await;
    let proxy = Proxy::start(&format!("{address}:0"), s3.address, &[], async || ()).await;
    let endpoint = format!("http://{}", proxy.address);
    let arguments = ["load", "--url", "s3://sales/march.csv", "--endpoint", &endpoint];
    let load = |more: &[&str]| {
        let mut command = shop.program(&[&arguments[..], more].concat());
        command.env("AWS_ACCESS_KEY_ID", KEY_ID).env("AWS_SECRET_ACCESS_KEY", SECRET);
        outcome(command)
    };
    let refused = load(&["--allow-http"]).await;
    assert_ended(&refused, RunResult::Refused, Reason::SourceNotAllowed);
    assert!(refused.message.contains("importer.network.allow"), "{}", refused.message);
    let network = &address.to_string();
    let refused = load(&["--allow-network", network]).await;
    assert_ended(&refused, RunResult::Refused, Reason::SourceNotAllowed);
    assert_eq!(proxy.connections(), 0);
    let allowed = ["--allow-http", "--allow-network", network];
    assert_published(&load(&allowed).await, 1, 0);
    // A folder hides the environment.
    let folder = s3.credentials();
    let folder = ["--credentials", folder.to_str().unwrap()];
    let again = load(&[&allowed[..], &folder].concat()).await;
    assert_ended(&again, RunResult::AlreadyLoaded, Reason::AlreadyLoaded);
    std::fs::remove_file(s3.credentials().join("AWS_SECRET_ACCESS_KEY")).unwrap();
    let refused = load(&[&allowed[..], &folder].concat()).await;
    assert_ended(&refused, RunResult::Refused, Reason::InvalidArgument);
}

#[tokio::test]
async fn a_redirect_to_this_machine_is_not_followed() {
    let Some(address) = own_address() else {
        eprintln!("this machine has only its loopback: nothing to be redirected from");
        return;
    };
    let shop = Shop::open().await;
    let inside = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = inside.local_addr().unwrap().port();
    for place in ["127.0.0.1", "localhost", "[::1]", "2130706433", "169.254.169.254"] {
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let url = format!("http://{}/march.csv", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let _ = connection.read(&mut [0; 4096]).await;
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: http://{place}:{port}/\r\nContent-Length: 0\r\n\r\n"
            );
            let _ = connection.write_all(answer.as_bytes()).await;
        });
        let outcome = fetch(&shop, &url, None).await;
        assert_ended(&outcome, RunResult::Refused, Reason::SourceNotAllowed);
    }
    let asked = tokio::time::timeout(std::time::Duration::from_millis(10), inside.accept()).await;
    assert!(asked.is_err(), "a connection came in");
}
