//! One resource behind a transport, whose responses each test scripts.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ifmatch::format::{Blob, Bytes, Text};
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, ClientBuilder, Collection, Merge, async_trait};
use serde::{Deserialize, Serialize};

pub(super) type Answer = Result<Response, TransportError>;
pub(super) type Serve = Box<dyn FnMut(&mut Stored, &Request) -> Option<Answer> + Send>;

/// One resource: its body, and how often an action (`POST`) was carried out.
pub(super) struct Stored {
    pub(super) exists: bool,
    pub(super) media_type: &'static str,
    pub(super) body: Vec<u8>,
    pub(super) version: u32,
    pub(super) actions: u32,
    pub(super) seen: Vec<Request>,
}

impl Stored {
    pub(super) fn tag(&self) -> String {
        format!("\"{}\"", self.version)
    }

    pub(super) fn shown(&self) -> Response {
        if !self.exists {
            return answer(404, &[], "");
        }
        let mut headers = vec![("etag", self.tag())];
        if !self.media_type.is_empty() {
            headers.push(("content-type", self.media_type.to_owned()));
        }
        answer(200, &headers, self.body.clone())
    }

    pub(super) fn store(&mut self, body: &[u8]) {
        (self.body, self.exists) = (body.to_vec(), true);
        self.version += 1;
    }

    pub(super) fn is_stale(&self, request: &Request) -> bool {
        let tag = request.headers.get("if-match");
        tag.is_some_and(|tag| tag.to_str().unwrap() != self.tag())
    }

    pub(super) fn act(&mut self) {
        self.actions += 1;
        self.version += 1;
    }

    /// What a server does that follows the rules.
    fn plainly(&mut self, request: &Request) -> Response {
        match request.method.as_str() {
            "GET" => self.shown(),
            _ if self.is_stale(request) => answer(412, &[], ""),
            "PUT" => {
                self.store(&request.body);
                answer(204, &[("etag", self.tag())], "")
            }
            "DELETE" => {
                self.exists = false;
                answer(204, &[], "")
            }
            _ => {
                self.act();
                answer(
                    200,
                    &[("content-type", "application/json".into())],
                    r#"{"done":1}"#,
                )
            }
        }
    }
}

#[derive(Clone)]
pub(super) struct Site(Arc<Mutex<(Stored, Serve)>>);

#[async_trait]
impl Transport for Site {
    async fn send(&self, request: Request) -> Answer {
        let (stored, serve) = &mut *self.0.lock().unwrap();
        stored.seen.push(request.clone());
        serve(stored, &request).unwrap_or_else(|| Ok(stored.plainly(&request)))
    }
}

impl Site {
    pub(super) fn new(
        media_type: &'static str,
        body: &str,
        serve: impl FnMut(&mut Stored, &Request) -> Option<Answer> + Send + 'static,
    ) -> Self {
        let stored = Stored {
            exists: true,
            media_type,
            body: body.as_bytes().to_vec(),
            version: 1,
            actions: 0,
            seen: Vec::new(),
        };
        Self(Arc::new(Mutex::new((stored, Box::new(serve)))))
    }

    pub(super) fn builder(&self) -> ClientBuilder {
        Client::builder("http://site.test/v1").transport(self.clone())
    }

    pub(super) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub(super) fn texts(&self, media_type: &'static str) -> Collection<String> {
        let format = Text::new(media_type);
        self.client().collection("f").format(format)
    }

    pub(super) fn photos(&self, format: Bytes) -> Collection<Blob> {
        self.client().collection("f").format(format)
    }

    pub(super) fn look<O>(&self, look: impl FnOnce(&mut Stored) -> O) -> O {
        look(&mut self.0.lock().unwrap().0)
    }

    pub(super) fn text(&self) -> String {
        self.look(|stored| String::from_utf8(stored.body.clone()).unwrap())
    }

    pub(super) fn actions(&self) -> u32 {
        self.look(|stored| stored.actions)
    }

    pub(super) fn methods(&self) -> Vec<String> {
        self.look(|stored| stored.seen.iter().map(|it| it.method.to_string()).collect())
    }

    pub(super) fn header_of_last(&self, name: &str) -> String {
        self.look(|stored| {
            let value = stored.seen.last().unwrap().headers.get(name);
            value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
        })
    }
}

pub(super) fn answer(
    status: u16,
    fields: &[(&'static str, String)],
    body: impl Into<bytes::Bytes>,
) -> Response {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    Response::new(StatusCode::from_u16(status).unwrap(), headers, body)
}

#[expect(clippy::unnecessary_wraps, reason = "the type of an answer")]
pub(super) fn lost() -> Option<Answer> {
    Some(Err(TransportError::new(Fate::Unknown, "cut")))
}

#[expect(clippy::unnecessary_wraps, reason = "the type of an answer")]
pub(super) fn typed(status: u16, media_type: &str, body: &'static str) -> Option<Answer> {
    Some(Ok(answer(
        status,
        &[("content-type", media_type.to_owned())],
        body,
    )))
}

#[derive(Clone, Serialize, Deserialize, Merge)]
pub(super) struct Order {
    pub(super) paid: bool,
}

pub(super) const PAID: &str = r#"{"paid":true}"#;
