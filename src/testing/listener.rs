//! The test server on a socket that can stream.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

use super::in_process::InProcess;
use super::proxy::{header_end, read_message};
use crate::exchange::transport::{Request, Streaming, Transport};

/// A socket at which a [`ResourceServer`](super::ResourceServer) answers, its [feeds](super::Feed) included.
///
/// It answers one request on each connection and then closes it. It stops when it is dropped; streams that are open then
/// go on.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Listener {
    pub(super) async fn start(server: InProcess) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = server.clone();
                // Connections fail on purpose here, and the client sees the failure.
                tokio::spawn(async move { answer(client, address, &server).await.ok() });
            }
        });
        Ok(Self { address, accepting })
    }

    /// Returns the base address.
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn answer(mut client: TcpStream, at: SocketAddr, server: &InProcess) -> io::Result<()> {
    let message = read_message(&mut client).await?;
    let Some(request) = parsed(&message, at) else {
        return Ok(());
    };
    let is_head = request.method == Method::HEAD;
    // A lost response is a connection that closes.
    let Ok(mut reply) = server.open(request).await else {
        return Ok(());
    };
    client.write_all(&head(&reply)).await?;
    if is_head || !has_body(&reply) {
        return client.shutdown().await;
    }
    let mut unexpected = [0];
    loop {
        let chunk = tokio::select! {
            chunk = reply.next() => chunk,
            // The client sends no more, so it has closed the connection.
            _ = client.read(&mut unexpected) => return Ok(()),
        };
        match chunk {
            Ok(Some(chunk)) if chunk.is_empty() => {}
            Ok(Some(chunk)) => {
                client
                    .write_all(format!("{:x}\r\n", chunk.len()).as_bytes())
                    .await?;
                client.write_all(&chunk).await?;
                client.write_all(b"\r\n").await?;
            }
            Ok(None) => {
                client.write_all(b"0\r\n\r\n").await?;
                return client.shutdown().await;
            }
            Err(_) => return Ok(()),
        }
    }
}

/// The request of a message (RFC 9112 3).
fn parsed(message: &[u8], at: SocketAddr) -> Option<Request> {
    let end = header_end(message)?;
    let (head, body) = message.split_at(end);
    let mut lines = std::str::from_utf8(head).ok()?.lines();
    let mut words = lines.next()?.split(' ');
    let method = Method::from_bytes(words.next()?.as_bytes()).ok()?;
    let url = Url::parse(&format!("http://{at}{}", words.next()?)).ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        if let Some((name, value)) = line.split_once(':') {
            let name: HeaderName = name.parse().ok()?;
            headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
        }
    }
    let mut request = Request::new(method, url);
    (request.headers, request.body) = (headers, Bytes::copy_from_slice(body));
    Some(request)
}

/// Whether the status allows a body (RFC 9112 6.3).
fn has_body(reply: &Streaming) -> bool {
    !matches!(reply.status.as_u16(), 204 | 304)
}

/// The head of a response with a chunked body (RFC 9112 7.1).
fn head(reply: &Streaming) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {}\r\n", reply.status).into_bytes();
    for (name, value) in &reply.headers {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"connection: close\r\n");
    if has_body(reply) {
        head.extend_from_slice(b"transfer-encoding: chunked\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}
