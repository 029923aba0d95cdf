//! Responses that are read as they arrive, through every transport.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use ifmatch::transport::{
    Bytes, Chunks, Fate, Middleware, Request, Reqwest, Response, Streaming, Tower, TransportError,
    TransportService,
};
use ifmatch::{Method, Transport, Url, async_trait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tower::ServiceBuilder;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\nx-kind: feed\r\n\r\n";

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// Accepts one request, responds with `head`, and hands out the connection.
async fn server(head: &'static str) -> (Url, JoinHandle<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/feed", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(socket.read_u8().await.unwrap());
        }
        socket.write_all(head.as_bytes()).await.unwrap();
        socket
    });
    (Url::parse(&url).unwrap(), serving)
}

fn transports() -> Vec<(&'static str, Arc<dyn Transport>)> {
    let plain = || Arc::new(Reqwest::new().unwrap());
    let http = reqwest::Client::builder().retry(reqwest::retry::never());
    let http = reqwest_middleware::ClientBuilder::new(http.build().unwrap()).build();
    let layered = ServiceBuilder::new().concurrency_limit(1);
    let layered = layered.service(TransportService::new(plain()));
    vec![
        ("reqwest", plain()),
        ("middleware", Arc::new(Middleware::new(http))),
        ("tower", Arc::new(Tower::new(layered))),
    ]
}

async fn opened(transport: &dyn Transport, url: &Url) -> Streaming {
    let request = Request::new(Method::GET, url.clone());
    transport.open(request).await.unwrap()
}

async fn text(stream: &mut Streaming) -> String {
    let chunk = tokio::time::timeout(LONG, stream.next()).await.unwrap();
    let chunk = chunk.unwrap().expect("the stream has not ended");
    String::from_utf8(chunk.to_vec()).unwrap()
}

#[tokio::test]
async fn a_chunk_is_there_while_the_server_still_writes_the_response() {
    for (name, transport) in transports() {
        let (url, serving) = server(HEAD).await;
        let mut stream = opened(&*transport, &url).await;
        assert_eq!(stream.status, StatusCode::OK, "{name}");
        assert_eq!(stream.headers["x-kind"], "feed", "{name}");
        let mut socket = serving.await.unwrap();
        for said in ["one", "two"] {
            let chunk = format!("{:x}\r\n{said}\r\n", said.len());
            socket.write_all(chunk.as_bytes()).await.unwrap();
            assert_eq!(text(&mut stream).await, said, "{name}");
        }
        socket
            .write_all(b"0\r\nx-trailer: 1\r\n\r\n")
            .await
            .unwrap();
        assert_eq!(stream.next().await.unwrap(), None, "{name}");
        assert_eq!(stream.next().await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn a_dropped_stream_closes_the_connection() {
    for (name, transport) in transports() {
        let (url, serving) = server(HEAD).await;
        let mut stream = opened(&*transport, &url).await;
        let mut socket = serving.await.unwrap();
        socket.write_all(b"3\r\none\r\n").await.unwrap();
        assert_eq!(text(&mut stream).await, "one", "{name}");
        drop(stream);
        let end = tokio::time::timeout(LONG, socket.read(&mut [0; 1])).await;
        // The other side may also reset the connection.
        let end = end.unwrap_or_else(|_| panic!("{name}: the connection is still open"));
        assert!(matches!(end, Ok(0) | Err(_)), "{name}: {end:?}");
    }
}

#[tokio::test]
async fn a_wait_that_is_given_up_loses_no_bytes() {
    for (name, transport) in transports() {
        let (url, serving) = server(HEAD).await;
        let mut stream = opened(&*transport, &url).await;
        let mut socket = serving.await.unwrap();
        let (mut given_up, mut read, sent) = (0, String::new(), "0123456789".repeat(200));
        let writing = tokio::spawn(async move {
            for chunk in sent.as_bytes().chunks(10) {
                socket.write_all(b"a\r\n").await.unwrap();
                socket.write_all(chunk).await.unwrap();
                socket.write_all(b"\r\n").await.unwrap();
                tokio::task::yield_now().await;
            }
            socket.write_all(b"0\r\n\r\n").await.unwrap();
            sent
        });
        loop {
            tokio::select! {
                biased;
                chunk = stream.next() => match chunk.unwrap() {
                    Some(chunk) => read.push_str(std::str::from_utf8(&chunk).unwrap()),
                    None => break,
                },
                () = tokio::task::yield_now() => given_up += 1,
            }
        }
        assert_eq!(read, writing.await.unwrap(), "{name}");
        assert!(given_up > 0, "{name}");
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_is_an_error_and_then_ends() {
    for (name, transport) in transports() {
        let (url, serving) = server(HEAD).await;
        let mut stream = opened(&*transport, &url).await;
        let mut socket = serving.await.unwrap();
        socket.write_all(b"3\r\none\r\n9\r\nha").await.unwrap();
        drop(socket);
        let mut read = Vec::new();
        let error = loop {
            match stream.next().await {
                Ok(Some(chunk)) => read.extend_from_slice(&chunk),
                Ok(None) => panic!("{name}: half a stream looks like a whole one"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.fate, Fate::Unknown, "{name}: {error:?}");
        assert!(b"oneha".starts_with(&read[..]), "{name}");
        assert_eq!(stream.next().await.unwrap(), None, "{name}");
    }
}

#[tokio::test]
async fn a_server_is_not_read_ahead_of_the_reader() {
    const ENDLESS: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
    /// What the buffers of both ends of a connection on loopback can hold, and those of the HTTP client.
    const BUFFERS: usize = 32 * 1024 * 1024;
    for (name, transport) in transports() {
        let (url, serving) = server(ENDLESS).await;
        let mut stream = opened(&*transport, &url).await;
        let mut socket = serving.await.unwrap();
        let events = b"data: x\n\n".repeat(10_000);
        let mut written = 0;
        // The server writes until the connection has taken nothing for a while.
        let pause = Duration::from_millis(300);
        while let Ok(wrote) = tokio::time::timeout(pause, socket.write(&events)).await {
            written += wrote.unwrap();
            assert!(written < BUFFERS, "{name}: {written} bytes were taken");
        }
        assert!(!text(&mut stream).await.is_empty(), "{name}");
    }
}

/// Sends, and does not stream.
struct OnlySends;

#[async_trait]
impl Transport for OnlySends {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        Ok(Response::new(StatusCode::OK, HeaderMap::new(), ""))
    }
}

#[tokio::test]
async fn a_transport_that_cannot_stream_says_so_through_all_that_wraps_it() {
    let plain: Arc<dyn Transport> = Arc::new(OnlySends);
    let tower = Tower::new(TransportService::new(plain.clone()));
    for transport in [plain, Arc::new(tower)] {
        let url = Url::parse("http://server.test/feed").unwrap();
        let opened = transport.open(Request::new(Method::GET, url)).await;
        assert_eq!(opened.unwrap_err().fate, Fate::Unsupported);
    }
}

/// Hands out one chunk, and then panics.
struct Panics(Option<Bytes>);

#[async_trait]
impl Chunks for Panics {
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        let chunk = self.0.take();
        assert!(chunk.is_some(), "the transport has a bug");
        Ok(chunk)
    }
}

#[tokio::test]
async fn a_custom_body_that_panics_is_an_error_of_the_transport() {
    let body = Box::new(Panics(Some(Bytes::from_static(b"one"))));
    let mut stream = Streaming::new(StatusCode::OK, HeaderMap::new(), body);
    assert_eq!(text(&mut stream).await, "one");
    let error = stream.next().await.unwrap_err();
    assert_eq!(error.to_string(), "the transport panicked");
    assert_eq!(stream.next().await.unwrap(), None);
}
