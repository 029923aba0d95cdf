//! Prints every request and response, for debugging: `IFMATCH_TELL=1 tests/interop/run`.

use std::time::Instant;

use http::HeaderMap;
use ifmatch::async_trait;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};

pub(crate) fn is_wanted() -> bool {
    std::env::var_os("IFMATCH_TELL").is_some()
}

pub(crate) struct Told {
    server: &'static str,
    client: reqwest::Client,
}

impl Told {
    pub(crate) fn new(server: &'static str) -> Self {
        let client = reqwest::Client::builder()
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none());
        Self {
            server,
            client: client.build().unwrap(),
        }
    }

    async fn pass_on(&self, request: Request) -> Result<Response, reqwest::Error> {
        let reply = self
            .client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body)
            .timeout(request.timeout)
            .send()
            .await?;
        let (status, headers) = (reply.status(), reply.headers().clone());
        Ok(Response::new(status, headers, reply.bytes().await?))
    }
}

#[async_trait]
impl Transport for Told {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let begun = Instant::now();
        let asked = format!(
            "> {} {}{}",
            request.method,
            request.url,
            lines('>', &request.headers, &request.body)
        );
        let reply = self.pass_on(request).await;
        let answered = match &reply {
            Ok(reply) => format!(
                "< {}{}",
                reply.status,
                lines('<', &reply.headers, &reply.body)
            ),
            Err(error) => format!("< {error:?}"),
        };
        let (server, time) = (self.server, begun.elapsed());
        println!("[{server}, {time:?}]\n{asked}\n{answered}\n");
        reply.map_err(|error| {
            let fate = if error.is_connect() {
                Fate::NotSent
            } else {
                Fate::Unknown
            };
            TransportError::new(fate, error.to_string())
        })
    }
}

fn lines(mark: char, headers: &HeaderMap, body: &[u8]) -> String {
    let headers = headers.iter().map(|(name, value)| {
        let value = value.as_bytes().escape_ascii();
        format!("\n{mark} {name}: {value}")
    });
    let mut text: String = headers.collect();
    if !body.is_empty() {
        text.push_str("\n\n");
        text.push_str(&String::from_utf8_lossy(body));
    }
    text
}
