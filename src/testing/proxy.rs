//! A connection that breaks on demand.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A proxy that loses the requests and responses that a test selects, in front of an HTTP server on
/// loopback.
///
/// It passes one request on each connection and then closes it. It stops when it is dropped.
///
/// Each call of a method is about one further request, in the order of the calls. Reads count too: the first `update` of a
/// client reads and then writes, so `pass_next` comes before `lose_next_reply` there. Requests after the last call pass.
///
/// # Example: the response to a write is lost, in front of stubs
///
/// After the loss, the client reads. A read that shows the edit under another `ETag` settles that it was applied.
///
/// ```
/// use ifmatch::{Client, testing, testing::LossyProxy};
/// use wiremock::matchers::method;
/// use wiremock::{Mock, MockServer, ResponseTemplate};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let api = MockServer::start().await;
/// let note = |tag: &str, body: &str| {
///     let note = ResponseTemplate::new(200).insert_header("etag", tag);
///     note.set_body_raw(body, "application/json")
/// };
/// let first = Mock::given(method("GET")).respond_with(note("\"1\"", r#"{"n": 1}"#));
/// first.up_to_n_times(1).mount(&api).await;
/// Mock::given(method("GET")).respond_with(note("\"2\"", r#"{"n": 2}"#)).mount(&api).await;
/// let put = Mock::given(method("PUT")).respond_with(ResponseTemplate::new(204));
/// put.expect(1).mount(&api).await;
///
/// let proxy = LossyProxy::in_front_of(&api.uri()).await?;
/// proxy.pass_next(); // the read
/// proxy.lose_next_reply(); // the write
/// let client = Client::builder(proxy.uri()).retry(testing::fast()).build()?;
/// let notes = client.collection::<serde_json::Value>("notes");
/// let saved = notes.update("1", |note| note["n"] = 2.into()).await?;
/// assert!(saved.report().settled); // and `expect(1)` checks that it was sent once
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct LossyProxy {
    address: SocketAddr,
    script: Arc<Mutex<VecDeque<Loss>>>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug)]
enum Loss {
    Nothing,
    Request,
    Reply,
}

impl LossyProxy {
    /// Starts a proxy in front of the server at a base address such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    ///
    /// Returns an error if the address has no host and port, or if no port is free.
    pub async fn in_front_of(uri: &str) -> io::Result<Self> {
        let wrong = || io::Error::new(io::ErrorKind::InvalidInput, "expected http://host:port");
        let server = uri
            .strip_prefix("http://")
            .and_then(|rest| rest.split('/').next());
        let server: SocketAddr = server.ok_or_else(wrong)?.parse().map_err(|_| wrong())?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let script = Arc::new(Mutex::new(VecDeque::new()));
        let losses = script.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let losses = losses.clone();
                // Connections fail on purpose here, and the client sees the failure.
                tokio::spawn(async move { pass(client, server, &losses).await.ok() });
            }
        });
        Ok(Self {
            address,
            script,
            accepting,
        })
    }

    /// Returns the base address of the proxy.
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Passes the next request on unchanged. This delays a loss by one request.
    pub fn pass_next(&self) {
        self.then(Loss::Nothing);
    }

    /// Cuts the connection before the next request reaches the server.
    pub fn lose_next_request(&self) {
        self.then(Loss::Request);
    }

    /// Lets the server carry out the next request, and cuts the connection before the response.
    pub fn lose_next_reply(&self) {
        self.then(Loss::Reply);
    }

    fn then(&self, loss: Loss) {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.push_back(loss);
    }
}

impl Drop for LossyProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn pass(
    mut client: TcpStream,
    server: SocketAddr,
    script: &Mutex<VecDeque<Loss>>,
) -> io::Result<()> {
    let request = read_message(&mut client).await?;
    if request.is_empty() {
        return Ok(());
    }
    let next = script
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .pop_front();
    let loss = next.unwrap_or(Loss::Nothing);
    if matches!(loss, Loss::Request) {
        return Ok(());
    }
    let mut upstream = TcpStream::connect(server).await?;
    upstream.write_all(&closing(&request)).await?;
    let mut reply = Vec::new();
    upstream.read_to_end(&mut reply).await?;
    if matches!(loss, Loss::Reply) {
        return Ok(());
    }
    client.write_all(&reply).await?;
    client.shutdown().await
}

/// Reads one request, header and body.
pub(super) async fn read_message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut message, mut chunk) = (Vec::new(), [0; 8 * 1024]);
    loop {
        if let Some(end) = header_end(&message)
            && message.len() >= end + content_length(&message[..end])
        {
            return Ok(message);
        }
        match stream.read(&mut chunk).await? {
            0 => return Ok(message),
            read => message.extend_from_slice(&chunk[..read]),
        }
    }
}

pub(super) fn header_end(message: &[u8]) -> Option<usize> {
    message
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

fn content_length(header: &[u8]) -> usize {
    let header = String::from_utf8_lossy(header).to_ascii_lowercase();
    let line = header
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"));
    line.and_then(|length| length.trim().parse().ok())
        .unwrap_or(0)
}

/// The request with `Connection: close`, so that the end of the response can be seen.
fn closing(request: &[u8]) -> Vec<u8> {
    let line_end = request
        .windows(2)
        .position(|two| two == b"\r\n")
        .map_or(0, |at| at + 2);
    let mut closing = request[..line_end].to_vec();
    closing.extend_from_slice(b"connection: close\r\n");
    closing.extend_from_slice(&request[line_end..]);
    closing
}
