//! Versions in trailers, over sockets: a server that streams knows a tag only after the body.

use std::sync::{Arc, Mutex};

use http::HeaderName;
use ifmatch::{Client, Generic, ThreeWay, Versioning};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server has, and the conditions of the writes that it saw.
struct State {
    /// The field in which the version travels.
    field: &'static str,
    version: u32,
    document: Value,
    conditions: Vec<Option<String>>,
}

/// One resource on loopback, whose replies are chunked and tell the version in a trailer.
async fn start(field: &'static str) -> (String, Arc<Mutex<State>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let state = Arc::new(Mutex::new(State {
        field,
        version: 1,
        document: json!({"title": "old", "views": 1}),
        conditions: Vec::new(),
    }));
    let shared = state.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let state = shared.clone();
            tokio::spawn(async move { answer(stream, &state).await });
        }
    });
    (base, state)
}

/// Answers one request.
async fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let mut request = Vec::new();
    let (head, body) = loop {
        if stream.read_buf(&mut request).await.unwrap() == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = header(head, "content-length").map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    let reply = state.lock().unwrap().handle(&head, &body);
    stream.write_all(reply.as_bytes()).await.unwrap();
}

fn header(head: &str, name: &str) -> Option<String> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    let (_, value) = fields.find(|(field, _)| field.eq_ignore_ascii_case(name))?;
    Some(value.to_owned())
}

impl State {
    fn handle(&mut self, head: &str, body: &str) -> String {
        if head.starts_with("PUT") {
            let taken = if self.field == "etag" {
                "if-match"
            } else {
                self.field
            };
            let condition = header(head, taken);
            self.conditions.push(condition.clone());
            if condition != Some(self.spelt()) {
                let refusal = "HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n";
                return format!("{refusal}Connection: close\r\n\r\n");
            }
            self.version += 1;
            self.document = serde_json::from_str(body).unwrap();
        }
        let (body, field, version) = (self.document.to_string(), self.field, self.spelt());
        // In two chunks, so that there is something between the head and the trailer.
        let (one, two) = body.split_at(body.len() / 2);
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\
             Trailer: {field}\r\nConnection: close\r\n\r\n{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\
             {field}: {version}\r\nLast-Modified: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n",
            one.len(),
            two.len(),
        )
    }

    fn spelt(&self) -> String {
        match self.field {
            "etag" => format!("\"{}\"", self.version),
            _ => self.version.to_string(),
        }
    }
}

#[tokio::test]
async fn a_tag_in_a_trailer_pins_the_write_and_a_clash_is_merged() {
    let (base, server) = start("etag").await;
    let client = Client::new(base).unwrap();
    let articles = client.collection_with::<Value>("articles", ThreeWay::default());
    let mut article = articles.get(1).await.unwrap();
    article["title"] = "mine".into();
    {
        let mut server = server.lock().unwrap();
        server.version = 2;
        server.document["views"] = 2.into();
    }
    let saved = articles.save(article).await.unwrap();
    assert_eq!(saved.report().merged, 1);
    // The reply to the write told the next version, in its trailer.
    let saved = articles.update(1, |v| v["views"] = 3.into()).await.unwrap();
    assert_eq!(saved.report().requests, 1);
    let server = server.lock().unwrap();
    let sent = ["\"1\"", "\"2\"", "\"3\""].map(|tag| Some(tag.to_owned()));
    assert_eq!(server.conditions, sent);
    assert_eq!(server.document, json!({"title": "mine", "views": 3}));
}

#[tokio::test]
async fn a_version_in_a_trailer_that_the_user_names_goes_back_in_a_header() {
    let (base, server) = start("x-revision").await;
    let revision = Versioning::header(HeaderName::from_static("x-revision"));
    let profile = Generic::new().versioning(revision);
    let client = Client::builder(base).profile(profile).build().unwrap();
    let articles = client.collection_with::<Value>("articles", ThreeWay::default());
    articles
        .update(1, |v| v["title"] = "mine".into())
        .await
        .unwrap();
    assert_eq!(server.lock().unwrap().conditions, [Some("1".to_owned())]);
}

#[tokio::test]
async fn a_date_in_a_trailer_is_no_version() {
    // RFC 9110 lets nobody take `Last-Modified` from there.
    let (base, server) = start("x-revision").await;
    let client = Client::new(base).unwrap();
    let articles = client.collection_with::<Value>("articles", ThreeWay::default());
    let error = articles
        .update(1, |v| v["title"] = "mine".into())
        .await
        .unwrap_err();
    assert!(error.is_unusable_validator(), "{error:?}");
    assert!(server.lock().unwrap().conditions.is_empty());
}
