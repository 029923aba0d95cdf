//! Layers around the transport.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use http::{HeaderValue, Method};
use ifmatch::transport::{Fate, Request, Response, TransportError};
use ifmatch::{ThreeWay, Transport, async_trait};

use crate::support::{ARTICLE, AT, Article, Event, Server, edit};

type Sent = Result<Response, TransportError>;

/// Appends a word to a header.
struct Word(Arc<dyn Transport>, &'static str);

#[async_trait]
impl Transport for Word {
    async fn send(&self, mut request: Request) -> Sent {
        let before = request.headers.get("x-words");
        let before = before.map_or("", |value| value.to_str().unwrap());
        let value = HeaderValue::from_str(&format!("{before}{}", self.1)).unwrap();
        request.headers.insert("x-words", value);
        self.0.send(request).await
    }
}

#[tokio::test]
async fn the_last_layer_is_the_outermost_and_the_transport_may_be_set_later() {
    let server = Server::with(AT, ARTICLE);
    let client = ifmatch::Client::builder("http://server.test/v1")
        .layer(|next| Word(next, "c"))
        .layer(|next| Word(next, "b"))
        .transport(server.clone())
        .layer(|next| Word(next, "a"));
    let articles = client
        .build()
        .unwrap()
        .collection_with::<Article>("articles", ThreeWay::default());
    articles.update(1, edit).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 2);
    assert!(
        seen.iter()
            .all(|seen| seen.header("x-words") == Some("abc"))
    );
}

#[tokio::test]
async fn a_layer_wraps_the_default_transport() {
    let server = ifmatch::testing::ResourceServer::start().await;
    server.put("/articles/1", ARTICLE);
    let client = ifmatch::Client::builder(server.uri()).layer(|next| Word(next, "a"));
    let articles = client
        .build()
        .unwrap()
        .collection_with::<Article>("articles", ThreeWay::default());
    articles.update(1, edit).await.unwrap();
    let seen = server.recorded();
    assert!(seen.iter().all(|seen| seen.header("x-words") == "a"));
}

/// Keeps what it sees.
struct Keeps(Arc<dyn Transport>, Arc<Mutex<Vec<Request>>>);

#[async_trait]
impl Transport for Keeps {
    async fn send(&self, request: Request) -> Sent {
        self.1.lock().unwrap().push(request.clone());
        self.0.send(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_sees_the_whole_request_and_each_one_that_is_sent_again() {
    let (server, kept) = (Server::with(AT, ARTICLE), Arc::default());
    let keeps = Arc::clone(&kept);
    let client = server.builder().bearer_token("t");
    let client = client
        .layer(move |next| Keeps(next, keeps))
        .build()
        .unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    articles.get(1).await.unwrap();
    server.script([Event::Answer(503, &[], "")]);
    articles.update(1, edit).await.unwrap();
    let kept = kept.lock().unwrap();
    let puts = kept.iter().filter(|seen| seen.method == Method::PUT);
    let puts: Vec<_> = puts.collect();
    assert_eq!(puts.len(), 2);
    for put in puts {
        assert_eq!(put.url.as_str(), "http://server.test/v1/articles/1");
        assert_eq!(put.headers["authorization"], "Bearer t");
        assert_eq!(put.headers["if-match"], "\"1\"");
        assert!(serde_json::from_slice::<Article>(&put.body).is_ok());
    }
}

/// Does one of these to the next write.
struct Mischief {
    next: Arc<dyn Transport>,
    kind: Kind,
    armed: AtomicBool,
    first: Mutex<Option<Response>>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    CutsReply,
    Panics,
    PanicsAfter,
    SendsTwice,
    SendsUntilOk,
    AnswersForAnother,
}

impl Mischief {
    fn layer(kind: Kind) -> impl FnOnce(Arc<dyn Transport>) -> Self + Send + Sync {
        move |next| Self {
            next,
            kind,
            armed: AtomicBool::new(true),
            first: Mutex::default(),
        }
    }
}

#[async_trait]
impl Transport for Mischief {
    async fn send(&self, request: Request) -> Sent {
        if request.method == Method::GET {
            let reply = self.next.send(request).await?;
            *self.first.lock().unwrap() = Some(reply.clone());
            return Ok(reply);
        }
        if !self.armed.swap(false, Ordering::Relaxed) {
            return self.next.send(request).await;
        }
        match self.kind {
            Kind::CutsReply => {
                self.next.send(request).await?;
                Err(TransportError::new(Fate::Unknown, "cut"))
            }
            Kind::Panics => panic!("on purpose"),
            Kind::PanicsAfter => {
                self.next.send(request).await?;
                panic!("on purpose")
            }
            Kind::SendsTwice => {
                self.next.send(request.clone()).await?;
                self.next.send(request).await
            }
            Kind::SendsUntilOk => match self.next.send(request.clone()).await {
                Ok(reply) if reply.status.is_success() => Ok(reply),
                _ => self.next.send(request).await,
            },
            Kind::AnswersForAnother => {
                self.next.send(request).await?;
                let reply = self.first.lock().unwrap().clone();
                Ok(reply.unwrap())
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_is_settled_and_applied_once_whatever_a_layer_does_to_it() {
    for kind in [
        Kind::CutsReply,
        Kind::Panics,
        Kind::PanicsAfter,
        Kind::SendsTwice,
        Kind::AnswersForAnother,
    ] {
        let server = Server::with(AT, ARTICLE);
        let client = server.builder().layer(Mischief::layer(kind)).build();
        let articles = client
            .unwrap()
            .collection_with::<Article>("articles", ThreeWay::default());
        let mut article = articles.get(1).await.unwrap();
        article.title = "mine".into();
        let saved = articles.save(&article).await.unwrap();
        assert_eq!(saved.title, "mine");
        assert_eq!(server.applied(), 1, "{kind:?}");
        assert_eq!(server.value(AT)["title"], "mine", "{kind:?}");
        let settled = !matches!(kind, Kind::Panics);
        assert_eq!(saved.report().settled, settled, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_cannot_be_told_twice_is_unknown_after_a_layer_panicked_and_others_go_on() {
    let server = Server::with(AT, ARTICLE);
    server.put("/v1/articles/2", ARTICLE);
    let client = server.builder().layer(Mischief::layer(Kind::PanicsAfter));
    let articles = client
        .build()
        .unwrap()
        .collection_with::<Article>("articles", ThreeWay::default());
    let error = articles.update(1, |it| it.views += 1).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    let saved = articles.update(2, |it| it.views += 1).await.unwrap();
    assert_eq!((saved.views, server.applied()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_layer_may_try_again_what_certainly_was_not_carried_out_and_nothing_else() {
    for (event, settled) in [
        (Event::NoConnection, false),
        (Event::Answer(401, &[], ""), false),
        (Event::LoseReply, true),
        (Event::AnswerAfter(503, &[]), true),
        (Event::AnswerAfter(408, &[]), true),
    ] {
        let server = Server::with(AT, ARTICLE);
        let client = server.builder().layer(Mischief::layer(Kind::SendsUntilOk));
        let articles = client
            .build()
            .unwrap()
            .collection_with::<Article>("articles", ThreeWay::default());
        let mut article = articles.get(1).await.unwrap();
        article.title = "mine".into();
        server.script([event]);
        let saved = articles.save(&article).await.unwrap();
        assert_eq!(saved.report().settled, settled);
        assert_eq!(server.applied(), 1);
        let puts = if settled { 1 } else { 2 };
        assert_eq!(server.writes(), puts);
    }
}

#[tokio::test]
async fn a_layer_may_answer_by_itself_and_ask_for_something_else() {
    /// Reads another address before each write, and answers what the server does not know.
    struct Asks(Arc<dyn Transport>);

    #[async_trait]
    impl Transport for Asks {
        async fn send(&self, request: Request) -> Sent {
            if request.method == Method::PUT {
                let mut token = request.clone();
                token.method = Method::POST;
                token.url.set_path("/v1/tokens");
                token.headers.clear();
                assert_eq!(self.0.send(token).await?.status, 201);
            }
            let method = request.method.clone();
            let reply = self.0.send(request).await?;
            if method == Method::GET && reply.status == 404 {
                let mut made = Response::new(http::StatusCode::OK, reply.headers, ARTICLE);
                made.headers
                    .insert("etag", HeaderValue::from_static("\"0\""));
                return Ok(made);
            }
            Ok(reply)
        }
    }
    let server = Server::with(AT, ARTICLE);
    let client = server.builder().layer(Asks).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    articles.update(1, edit).await.unwrap();
    assert_eq!(server.methods(), ["GET", "POST", "PUT"]);
    let made = articles.get(7).await.unwrap();
    assert_eq!(made.title, "old");
}
