//! Promise 2: an error names the cause of the failure, with what the server said, and each thing once.

use crate::support::{ARTICLE, AT, Article, Event, Server, articles, edit, foreign};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{Authenticator, BoxError, Client, Error, ThreeWay, async_trait, merge_fn};

#[tokio::test(start_paused = true)]
async fn an_error_does_not_tell_the_cause_of_what_was_made_good() {
    let server = Server::with(AT, ARTICLE);
    let article = articles(&server).get(1).await.unwrap();
    server.script([
        Event::NoConnection,
        foreign(|theirs| theirs["title"] = "theirs".into()),
        Event::NoConnection,
    ]);
    let mut edited = article.clone();
    edited.title = "mine".into();
    let error = articles(&server).save(&edited).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    assert_eq!(server.methods(), ["GET", "PUT", "PUT", "GET", "GET"]);
    assert!(std::error::Error::source(&error).is_none(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_server_said_to_the_read_of_an_update_is_told() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Answer(403, &[], r#"{"title":"not yours"}"#)]);
    let error = articles(&server)
        .update(1, |a| a.title = "mine".into())
        .await
        .unwrap_err();
    let title = error.problem().and_then(|problem| problem.title());
    assert_eq!(title, Some("not yours"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_server_said_to_a_write_that_failed_is_told() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(501, &[], r#"{"title":"read-only replica"}"#),
    ]);
    let error = articles(&server)
        .update(1, |a| a.title = "mine".into())
        .await
        .unwrap_err();
    let title = error.problem().and_then(|problem| problem.title());
    assert_eq!(title, Some("read-only replica"), "{error:?}");
}

/// Reads are answered; a write never gets through.
struct OnlyReads(Server, Option<&'static str>);

#[async_trait]
impl Transport for OnlyReads {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if request.method == Method::GET {
            return self.0.send(request).await;
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            "content-type",
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(wait) = self.1 {
            headers.insert("retry-after", HeaderValue::from_static(wait));
        }
        let problem = r#"{"type":"about:blank","title":"Closed for repairs","status":503}"#;
        Ok(Response::new(
            StatusCode::SERVICE_UNAVAILABLE,
            headers,
            problem,
        ))
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_server_said_to_a_write_that_it_refused_to_the_end_is_told() {
    for wait in [None, Some("1"), Some("7")] {
        for saves in [true, false] {
            let server = Server::with(AT, ARTICLE);
            let client = server.builder().transport(OnlyReads(server.clone(), wait));
            let client = client.build().unwrap();
            let articles = client.collection_with::<Article>("articles", ThreeWay::default());
            let error = if saves {
                let mut article = articles.get(1).await.unwrap();
                article.title = "mine".into();
                articles.save(&article).await.unwrap_err()
            } else {
                let update = articles.update(1, edit);
                update.await.unwrap_err()
            };
            let report = error.report();
            assert_eq!(
                report.last_status,
                Some(StatusCode::SERVICE_UNAVAILABLE),
                "{error:?}"
            );
            let problem = error.problem().expect("the server said something");
            assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!(problem.title(), Some("Closed for repairs"));
            let words = report.to_string();
            assert!(words.contains("last status 503"), "{words}");
            let said = error.to_string();
            assert!(
                said.contains("503") && said.contains("Closed for repairs"),
                "{said}"
            );
        }
    }
}

/// The text of an error and of everything behind it.
fn chain(error: &dyn std::error::Error) -> Vec<String> {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect()
}

/// Credentials that cannot be had.
struct Closed;

#[async_trait]
impl Authenticator for Closed {
    async fn authenticate(&self, _: &mut HeaderMap) -> Result<(), BoxError> {
        Err("the vault is closed".into())
    }
}

/// Errors of many kinds, with what a part of the application says of it.
async fn errors() -> Vec<(Error, &'static str)> {
    let server = Server::with(AT, ARTICLE);
    server.put("/v1/articles/2", r#"{"title":1,"body":"","views":1}"#);
    server.put("/v1/articles/3", "<p>");
    server.put("/v1/articles", r#"[{"id":2,"title":1}]"#);
    let articles = articles(&server);
    let of = |client: Client| client.collection_with::<Article>("articles", ThreeWay::default());
    let closed = of(server.builder().auth(Closed).build().unwrap());
    let failing = of(server.client()).strategy(merge_fn(|_, _, _| Err("out of ideas".into())));
    let none_left = |_: &mut Article| Err("none left".into());
    let views = |it: &mut Article| it.views = 3;
    let mut errors = vec![
        (articles.get(2).await.unwrap_err(), ""),
        (articles.get(3).await.unwrap_err(), ""),
        (articles.get("..").await.unwrap_err(), ""),
        (articles.list().await.unwrap_err(), ""),
        (articles.update(2, views).await.unwrap_err(), ""),
        (
            articles.try_update(1, none_left).await.unwrap_err(),
            "none left",
        ),
        (
            articles.update(1, |_| panic!("a bug")).await.unwrap_err(),
            "",
        ),
        (
            articles.restore(1, r#"{"title":1}"#, "\"1\"").unwrap_err(),
            "",
        ),
        (articles.restore(1, "{", "\"1\"").unwrap_err(), ""),
        (closed.get(1).await.unwrap_err(), "the vault is closed"),
        (
            closed.update(1, views).await.unwrap_err(),
            "the vault is closed",
        ),
        (Client::new("no address").unwrap_err(), ""),
    ];
    let mut stale = articles.get(1).await.unwrap();
    stale.title = "mine".into();
    server.script([foreign(|it| it["title"] = "theirs".into())]);
    errors.push((failing.save(&stale).await.unwrap_err(), "out of ideas"));
    server.script((0..40).map(|_| Event::NoConnection));
    errors.push((articles.get(1).await.unwrap_err(), ""));
    errors.push((articles.update(4, views).await.unwrap_err(), ""));
    errors.extend(of_a_closed_server().await);
    errors
}

/// Errors with an error of `anyhow`, and with what a server said until the retries were spent.
async fn of_a_closed_server() -> Vec<(Error, &'static str)> {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let no_sale = |_: &mut Article| Err(anyhow::anyhow!("none left").context("no sale"));
    let edit = articles.try_update_typed(1, no_sale).await.unwrap_err();
    let closed = r#"{"title":"Closed for repairs"}"#;
    server.script((0..40).map(|_| Event::Answer(429, &[], closed)));
    let read = articles.get(1).await.unwrap_err();
    let write = articles.update(1, |it| it.views = 3).await.unwrap_err();
    vec![(edit, "no sale"), (read, ""), (write, "")]
}

#[tokio::test(start_paused = true)]
async fn an_error_and_its_sources_say_each_thing_once() {
    for (error, says) in errors().await {
        let chain = chain(&error);
        for (above, below) in chain.iter().zip(&chain[1..]) {
            assert!(!above.contains(below.as_str()), "{chain:#?}");
        }
        let all = chain.join(": ");
        // What `anyhow` prints for a program that ends with the error.
        let report = error.report().why.clone();
        let printed = anyhow::Error::from(error);
        assert_eq!(format!("{printed:#}"), all);
        for phrase in [
            "does not fit the type",
            "not valid JSON",
            "no connection",
            "panicked",
            "given up",
            "Closed for repairs",
            "429",
            "out of ideas",
            "none left",
        ] {
            let debug = format!("{printed:?}");
            assert!(all.matches(phrase).count() <= 1, "{all}");
            assert!(debug.matches(phrase).count() <= 1, "{debug}");
        }
        // What a part of the application says is behind the error, and in its report.
        assert!(
            says.is_empty() || chain.iter().any(|it| it == says),
            "{chain:#?}"
        );
        assert!(report.contains(says), "{report}");
    }
}
