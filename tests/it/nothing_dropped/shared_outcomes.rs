//! Promise 3 for edits that were sent together: each caller gets the same outcome, with its reason.

use std::time::Duration;

use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{ARTICLE, AT, Article, Event, Server};
use http::HeaderMap;
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{
    Answer, Authenticator, BoxError, Client, ClientBuilder, Error, ErrorKind, Limits, Refusal,
    RefusalHandler, RetryPolicy, ThreeWay, async_trait,
};

/// What two callers are told whose edits go out together and meet these events, after an edit that meets
/// none has kept them waiting.
async fn both(client: Client, server: &Server, events: Vec<Event>) -> [Error; 2] {
    let articles = client
        .collection_with::<Article>("articles", ThreeWay::default())
        .on_refusal(Stumbles);
    articles.get(1).await.unwrap();
    let edit = |title: &'static str| {
        let edit = move |article: &mut Article| article.title = title.into();
        tokio::spawn(articles.update(1, edit))
    };
    let first = edit("first");
    tokio::task::yield_now().await;
    let [one, other] = [edit("one"), edit("other")];
    first.await.unwrap().unwrap();
    server.script(events);
    [
        one.await.unwrap().unwrap_err(),
        other.await.unwrap().unwrap_err(),
    ]
}

/// A handler with a mistake in it.
struct Stumbles;

/// Its error.
#[derive(Debug, thiserror::Error)]
#[error("the handler stumbled")]
struct Stumbled;

#[async_trait]
impl RefusalHandler<Article> for Stumbles {
    async fn refused(&self, _: &Refusal<Article>) -> Result<Answer<Article>, BoxError> {
        Err(Box::new(Stumbled))
    }
}

/// Credentials for so many requests.
struct Tokens(AtomicU32);

#[async_trait]
impl Authenticator for Tokens {
    async fn authenticate(&self, _: &mut HeaderMap) -> Result<(), BoxError> {
        let left = self.0.load(Ordering::Relaxed).checked_sub(1);
        self.0
            .store(left.ok_or("no token is left")?, Ordering::Relaxed);
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        Some("anna".into())
    }
}

/// A server that takes its time, so that writes queue.
struct Slow(Server);

#[async_trait]
impl Transport for Slow {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        tokio::time::sleep(Duration::from_millis(5)).await;
        self.0.send(request).await
    }
}

struct Case {
    setup: fn(ClientBuilder) -> ClientBuilder,
    events: fn() -> Vec<Event>,
    kind: ErrorKind,
    why: &'static str,
    source: Option<&'static str>,
}

const PLAIN: fn(ClientBuilder) -> ClientBuilder = |client| client;

const CASES: [Case; 11] = [
    Case {
        setup: |client| client.limits(Limits::default().transient(1)),
        events: || vec![Event::NoConnection, Event::NoConnection],
        kind: ErrorKind::Transport,
        why: "the retry limit was reached",
        source: Some("no connection"),
    },
    Case {
        setup: PLAIN,
        events: || vec![Event::Answer(501, &[], "")],
        kind: ErrorKind::Status,
        why: "the server answered 501",
        source: None,
    },
    Case {
        setup: PLAIN,
        events: || vec![Event::Answer(429, &[("retry-after", "3600")], "")],
        kind: ErrorKind::Exhausted,
        why: "the server asked for a wait of 3600s",
        source: None,
    },
    Case {
        setup: |client| client.retry(RetryPolicy::default().budget(0)),
        events: || vec![Event::NoConnection],
        kind: ErrorKind::Transport,
        why: "the retry budget",
        source: Some("no connection"),
    },
    Case {
        setup: |client| client.retry(RetryPolicy::schedule(|| [Duration::ZERO; 0])),
        events: || vec![Event::NoConnection],
        kind: ErrorKind::Transport,
        why: "the retry schedule is at its end",
        source: Some("no connection"),
    },
    Case {
        setup: |client| client.limits(Limits::default().time(Duration::from_millis(40))),
        events: || vec![Event::Answer(429, &[("retry-after", "1")], "")],
        kind: ErrorKind::Exhausted,
        why: "",
        source: None,
    },
    Case {
        setup: PLAIN,
        events: || {
            let weak = &[("etag", "W/\"9\"")];
            vec![
                Event::Answer(412, &[], ""),
                Event::Answer(200, weak, ARTICLE),
            ]
        },
        kind: ErrorKind::UnusableValidator,
        why: "weak",
        source: None,
    },
    Case {
        setup: PLAIN,
        events: || vec![Event::Answer(412, &[], ""), Event::Answer(200, &[], "<p>")],
        kind: ErrorKind::Decode,
        why: "not a JSON document",
        source: None,
    },
    Case {
        // One for the read before, one for the first edit.
        setup: |client| client.auth(Tokens(AtomicU32::new(2))),
        events: Vec::new,
        kind: ErrorKind::Config,
        why: "the credentials could not be obtained: no token is left",
        source: Some("no token is left"),
    },
    Case {
        setup: |client| client.rate_limit(2, Duration::from_secs(3_600)),
        events: Vec::new,
        kind: ErrorKind::Exhausted,
        why: "this client's rate limit requires a wait",
        source: None,
    },
    Case {
        setup: PLAIN,
        events: || vec![Event::Answer(451, &[], "")],
        kind: ErrorKind::Status,
        why: "the handler stumbled",
        source: Some("the handler stumbled"),
    },
];

#[tokio::test(start_paused = true)]
async fn each_caller_of_edits_that_failed_together_is_told_why() {
    for (number, case) in CASES.into_iter().enumerate() {
        let server = Server::with(AT, ARTICLE);
        let client = (case.setup)(server.builder().transport(Slow(server.clone())));
        let [one, other] = both(client.build().unwrap(), &server, (case.events)()).await;
        for error in [&one, &other] {
            assert_eq!(error.kind(), case.kind, "{number}: {error:?}");
            let why = &error.report().why;
            assert!(why.contains(case.why), "{number}: {why}");
            let source = std::error::Error::source(error).map(ToString::to_string);
            if let Some(expected) = case.source {
                let told = source.unwrap_or_else(|| error.to_string());
                assert!(told.contains(expected), "{number}: {error:?}");
            }
            let sides = error.sides::<Article>().unwrap();
            assert!(sides.base.is_some() && sides.local.is_some(), "{number}");
        }
        assert_eq!(one.to_string(), other.to_string(), "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_caller_of_edits_that_failed_together_has_the_error_itself() {
    let server = Server::with(AT, ARTICLE);
    let client = server.builder().transport(Slow(server.clone()));
    let refused = vec![Event::Answer(451, &[], "")];
    for error in both(client.build().unwrap(), &server, refused).await {
        let source = std::error::Error::source(&error);
        assert!(
            source.is_some_and(<dyn std::error::Error>::is::<Stumbled>),
            "{error:?}"
        );
    }
}
