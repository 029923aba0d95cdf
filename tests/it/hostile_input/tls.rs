//! TLS with its defaults: no data is sent to a server that cannot prove its name.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ifmatch::{Client, ErrorKind, Limits, ThreeWay};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A server whose certificate is for this name, and which counts the bytes that it is sent through TLS.
struct Secured {
    port: u16,
    certificate: Vec<u8>,
    received: Arc<AtomicUsize>,
}

async fn secured(name: &str) -> Secured {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let received = Arc::new(AtomicUsize::new(0));
    let counter = received.clone();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (acceptor, counter) = (acceptor.clone(), counter.clone());
            tokio::spawn(async move {
                // A client that does not trust the certificate ends the handshake.
                let Ok(mut stream) = acceptor.accept(connection).await else {
                    return;
                };
                let mut request = [0; 4096];
                while let Ok(read @ 1..) = stream.read(&mut request).await {
                    counter.fetch_add(read, Ordering::SeqCst);
                    let reply = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"n\":1}";
                    if stream.write_all(reply).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    Secured {
        port,
        certificate: cert.der().to_vec(),
        received,
    }
}

impl Secured {
    fn uri(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// Through a reqwest client that trusts this very certificate.
    async fn read_by_a_friend(&self) -> Result<Value, ifmatch::Error> {
        let trusted = reqwest::Certificate::from_der(&self.certificate).unwrap();
        let http = reqwest::Client::builder()
            .retry(reqwest::retry::never())
            .tls_certs_only([trusted])
            .build()
            .unwrap();
        let builder = Client::builder(self.uri()).http_client(http).https_only();
        read(builder).await
    }
}

async fn read(builder: ifmatch::ClientBuilder) -> Result<Value, ifmatch::Error> {
    let limits = Limits::default().transient(0);
    let client = builder.limits(limits).bearer_token("hunter2").build()?;
    let things = client.collection_with::<Value>("things", ThreeWay::default());
    things.get(1).await.map(ifmatch::Versioned::into_inner)
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_gets_no_byte_of_the_request() {
    let server = secured("localhost").await;
    let error = read(Client::builder(server.uri())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport, "{error:?}");
    assert_eq!(server.received.load(Ordering::SeqCst), 0);
    // The server is one that can be talked to.
    assert_eq!(server.read_by_a_friend().await.unwrap()["n"], 1);
    assert!(server.received.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn a_certificate_for_another_name_gets_no_byte_of_the_request() {
    let server = secured("other.test").await;
    let error = server.read_by_a_friend().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Transport, "{error:?}");
    assert_eq!(server.received.load(Ordering::SeqCst), 0);
}
