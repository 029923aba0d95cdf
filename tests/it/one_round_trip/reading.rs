//! Reads: snapshots, revalidation, pages, credentials.

use std::sync::Mutex;
use std::time::Duration;

use crate::support::{ARTICLE, AT, Article, Event, Server, articles};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use ifmatch::{Authenticator, BoxError, Error, RetryPolicy, ThreeWay, Versioning, async_trait};
use serde_json::Value;

#[tokio::test]
async fn a_second_read_is_answered_by_304_from_the_snapshot() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    let again = articles.get(1).await.unwrap();
    assert_eq!(
        (
            again.title.as_str(),
            server.seen()[1].header("if-none-match")
        ),
        ("old", Some("\"1\""))
    );
    let same = articles.refresh(1).await.unwrap();
    assert!(!same.changed);
    server.put(AT, &ARTICLE.replace("old", "new"));
    let news = articles.refresh(1).await.unwrap();
    assert!(news.changed && news.value.title == "new");
    assert_eq!(
        articles
            .get_opt(2)
            .await
            .unwrap()
            .map(|article| article.title.clone()),
        None
    );
    let head = articles.head(1).await.unwrap();
    assert_eq!(head.validator.unwrap().to_string(), "\"2\"");
}

#[tokio::test]
async fn a_listing_goes_from_page_to_page_and_its_items_can_be_saved() {
    let server = Server::with(AT, ARTICLE);
    let item = format!("[{}]", ARTICLE.replace("{\"title", "{\"id\":1,\"title"));
    let item: &'static str = Box::leak(item.into_boxed_str());
    server.script([
        Event::Answer(
            200,
            &[("link", "</v1/articles?page=2>; rel=\"next\"")],
            item,
        ),
        Event::Answer(200, &[], "[]"),
    ]);
    let articles = articles(&server);
    let page = articles.list().await.unwrap();
    let last = page.next().unwrap().await.unwrap();
    assert!(last.items.is_empty() && last.next().is_none());
    let mut article = page.items.into_iter().next().unwrap();
    assert_eq!(article.snapshot().id(), Some("1"));
    article.title = "from the list".into();
    // The list told no version: it is read first, and another client's edit since is merged.
    server.put(AT, &ARTICLE.replace("text", "theirs"));
    let saved = articles.save(article).await.unwrap();
    assert_eq!(
        (saved.title.as_str(), saved.body.as_str()),
        ("from the list", "theirs")
    );

    server.script([Event::Answer(
        200,
        &[],
        r#"{"data":{"rows":[{"key":"a/b"}]},"more":"http://evil.test/"}"#,
    )]);
    let things = server.client().collection::<Value>("things");
    let error = things
        .list()
        .items_at("/data/rows")
        .id_at("/key")
        .next_at("/more")
        .await
        .unwrap_err();
    assert!(error.is_status(), "{error:?}");
    server.script([Event::Answer(200, &[], "{}")]);
    assert!(
        things
            .list()
            .await
            .unwrap_err()
            .to_string()
            .contains("items_at")
    );
}

#[tokio::test(start_paused = true)]
async fn a_listing_without_ids_is_told_and_its_time_is_kept() {
    let server = Server::default();
    server.script([Event::Answer(200, &[], "[{}]"), Event::Hang]);
    let things = server.client().collection::<Value>("things");
    let error = things.list().await.unwrap_err();
    assert!(
        error.is_decode() && error.to_string().contains("id_at"),
        "{error}"
    );
    let begun = tokio::time::Instant::now();
    let time = std::time::Duration::from_secs(2);
    let error = things.list().timeout(time).await.unwrap_err();
    assert!(error.is_transport(), "{error:?}");
    assert_eq!(begun.elapsed(), time);
}

#[tokio::test]
async fn a_version_in_the_body_serves_like_a_tag() {
    let server = Server::with("/v1/docs/1", r#"{"_rev":"1-a","n":1}"#);
    let versioning = Versioning::body_field("/_rev")
        .reply_field("/rev")
        .query("rev");
    let profile = ifmatch::Generic::new().versioning(versioning);
    let client = server.builder().profile(profile).build().unwrap();
    let docs = client.collection::<Value>("docs");
    server.script([
        Event::Plain,
        Event::Answer(
            409,
            &[],
            r#"{"error":"conflict","reason":"Document update conflict."}"#,
        ),
        Event::Answer(200, &[], r#"{"_rev":"2-b","n":1,"m":5}"#),
        Event::Answer(
            201,
            &[("etag", "\"of another tag space\"")],
            r#"{"ok":true,"id":"1","rev":"3-c"}"#,
        ),
    ]);
    let saved = docs.update(1, |doc| doc["n"] = 2.into()).await.unwrap();
    assert_eq!(
        saved.snapshot().validator().unwrap().to_string(),
        "version:3-c"
    );
    let puts: Vec<_> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "PUT")
        .collect();
    assert_eq!(
        String::from_utf8(puts[1].body.clone()).unwrap(),
        r#"{"_rev":"2-b","n":2,"m":5}"#
    );
    server.script([
        Event::Answer(201, &[], r#"{"ok":true,"id":"1","rev":"4-d"}"#),
        Event::Answer(200, &[], "{}"),
    ]);
    let saved = docs.update(1, |doc| doc["n"] = 3.into()).await.unwrap();
    let put = server.seen().pop().unwrap();
    assert!(
        String::from_utf8(put.body)
            .unwrap()
            .contains(r#""_rev":"3-c""#)
    );
    docs.delete(saved).await.unwrap();
    assert_eq!(
        server.seen().pop().unwrap().query.as_deref(),
        Some("rev=4-d")
    );
}

#[tokio::test]
async fn a_date_serves_where_there_is_no_tag() {
    let server = Server::with(AT, ARTICLE);
    let dated = &[
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("date", "Sun, 06 Nov 1994 08:49:40 GMT"),
    ];
    server.script([
        Event::Answer(200, dated, ARTICLE),
        Event::Answer(204, &[], ""),
    ]);
    let articles = articles(&server);
    articles
        .update(1, |article| article.views = 4)
        .await
        .unwrap();
    let put = server.seen().pop().unwrap();
    assert_eq!(
        put.header("if-unmodified-since"),
        Some("Sun, 06 Nov 1994 08:49:37 GMT")
    );
}

#[tokio::test]
async fn a_date_asks_for_news_where_there_is_no_tag() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Answer(200, &[THEN, LATER], ARTICLE),
        Event::Answer(304, &[], ""),
    ]);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    assert_eq!(articles.get(1).await.unwrap().title, "old");
    let seen = server.seen();
    assert_eq!(seen[0].header("if-modified-since"), None);
    assert_eq!(seen[1].header("if-modified-since"), Some(THEN.1));
}

const THEN: (&str, &str) = ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT");
const AT_ONCE: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
const LATER: (&str, &str) = ("date", "Sun, 06 Nov 1994 08:49:40 GMT");

#[tokio::test(start_paused = true)]
async fn a_version_that_is_too_young_to_pin_a_write_is_waited_out() {
    for (young, old, condition) in [
        // Two writes within its second would look alike (RFC 9110 8.8.2.2).
        (
            &[THEN, AT_ONCE] as &[_],
            &[THEN, LATER] as &[_],
            ("if-unmodified-since", THEN.1),
        ),
        // Apache calls a tag weak until the change is a second old.
        (
            &[THEN, AT_ONCE, ("etag", "W/\"1\"")],
            &[THEN, LATER, ("etag", "\"1\"")],
            ("if-match", "\"1\""),
        ),
    ] {
        let server = Server::with(AT, ARTICLE);
        server.script([
            Event::Answer(200, young, ARTICLE),
            Event::Answer(200, old, ARTICLE),
            Event::Answer(204, &[], ""),
        ]);
        let articles = crate::support::articles(&server);
        let saved = articles.update(1, |article| article.views = 4).await;
        assert!(!saved.unwrap().report().waited.is_zero());
        assert_eq!(server.methods(), ["GET", "GET", "PUT"]);
        let put = server.seen().pop().unwrap();
        assert_eq!(put.header(condition.0), Some(condition.1));
    }
}

/// So many reads of a version that is too young, of as many writes of others; then an old one.
async fn among_many_writers(reads: u32, writes: u32) -> Result<u32, Error> {
    const YOUNG: &[(&str, &str)] = &[THEN, AT_ONCE, ("etag", "W/\"1\"")];
    let server = Server::with(AT, ARTICLE);
    server.script((0..reads).map(|read| {
        let views = read % writes;
        let body = format!(r#"{{"title":"old","body":"old","views":{views}}}"#);
        Event::Answer(200, YOUNG, body.leak())
    }));
    let articles = crate::support::articles(&server);
    let saved = articles.update(1, |article| article.views = 99).await?;
    Ok(saved.report().requests)
}

#[tokio::test(start_paused = true)]
async fn a_version_that_others_make_young_again_and_again_is_waited_out_too() {
    assert_eq!(among_many_writers(40, 40).await.unwrap(), 42);
    // Nobody writes, and it stays as it is.
    let error = among_many_writers(40, 1).await.unwrap_err();
    assert!(error.is_unusable_validator(), "{error:?}");
    // Without end nobody waits.
    let error = among_many_writers(1_000, 1_000).await.unwrap_err();
    assert!(
        error.report().elapsed <= Duration::from_secs(31),
        "{error:?}"
    );
}

struct Token(Mutex<u32>);

#[async_trait]
impl Authenticator for Token {
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
        let number = *self.0.lock().unwrap();
        headers.insert(AUTHORIZATION, format!("Bearer {number}").parse()?);
        Ok(())
    }

    async fn renew(&self) -> Result<bool, BoxError> {
        *self.0.lock().unwrap() += 1;
        Ok(true)
    }

    fn identity(&self) -> Option<String> {
        Some("anna".into())
    }
}

#[tokio::test]
async fn credentials_that_ran_out_are_renewed_once_and_keep_their_snapshots() {
    let server = Server::with(AT, ARTICLE);
    let client = server.builder().auth(Token(Mutex::new(1))).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    articles.get(1).await.unwrap();
    server.script([Event::Answer(401, &[], "")]);
    let saved = articles
        .update(1, |article| article.views = 3)
        .await
        .unwrap();
    assert_eq!(saved.report().rounds, 1);
    assert_eq!(server.methods(), ["GET", "PUT", "PUT"]);
    assert_eq!(server.seen()[2].header("authorization"), Some("Bearer 2"));
    server.script([Event::Answer(401, &[], ""), Event::Answer(401, &[], "")]);
    assert!(articles.get(1).await.unwrap_err().is_status());
}

/// Another user comes in with every request, and after so many nobody does.
struct NextUser(Mutex<u32>, u32);

#[async_trait]
impl Authenticator for NextUser {
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
        let mut number = self.0.lock().unwrap();
        if *number >= self.1 {
            return Err("nobody is logged in".into());
        }
        headers.insert(AUTHORIZATION, format!("user {}", *number / 3).parse()?);
        *number += 1;
        Ok(())
    }
}

#[tokio::test]
async fn what_another_user_need_not_be_sent_again_is_not_shown_to_this_one() {
    let server = Server::with(AT, ARTICLE);
    // Each read asks twice whose it is: for its snapshots, and for its request. So in the second, the user
    // changes in between.
    let auth = NextUser(Mutex::new(0), u32::MAX);
    let client = server.builder().auth(auth).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    articles.get(1).await.unwrap();
    server.put(AT, &ARTICLE.replace("old", "for the other"));
    server.script([Event::Answer(304, &[], "")]);
    let article = articles.get(1).await.unwrap();
    assert_eq!(article.title, "for the other");
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[1].header("if-none-match"), Some("\"1\""));
    assert_eq!(seen[1].header("authorization"), Some("user 1"));
    assert_eq!(seen[2].header("if-none-match"), None);
}

#[tokio::test]
async fn a_read_without_credentials_sends_nothing_and_says_so() {
    let server = Server::with(AT, ARTICLE);
    let auth = NextUser(Mutex::new(0), 0);
    let client = server.builder().auth(auth).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    let error = articles.get(1).await.unwrap_err();
    assert!(error.is_config(), "{error:?}");
    let why = &error.report().why;
    assert_eq!(
        why,
        "the credentials could not be obtained: nobody is logged in"
    );
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "nobody is logged in");
    assert!(server.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_read_that_is_not_tried_again_says_why() {
    let budget = RetryPolicy::default().budget(0);
    let schedule = RetryPolicy::schedule(|| [std::time::Duration::ZERO; 0]);
    for (retry, why) in [
        (budget, "the retry budget of this server is spent"),
        (schedule, "the retry schedule is at its end"),
    ] {
        let server = Server::with(AT, ARTICLE);
        server.script([Event::LoseReply]);
        let client = server.builder().retry(retry).build().unwrap();
        let articles = client.collection_with::<Article>("articles", ThreeWay::default());
        let error = articles.get(1).await.unwrap_err();
        assert!(error.is_transport(), "{error:?}");
        assert_eq!(error.report().why, why);
        assert_eq!(server.methods(), ["GET"]);
    }
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Answer(410, &[], "")]);
    assert!(articles(&server).get(1).await.unwrap_err().is_gone());
}

#[tokio::test]
async fn one_users_snapshot_never_serves_another() {
    let server = Server::with(AT, ARTICLE);
    let store = std::sync::Arc::new(ifmatch::MemoryStore::default());
    let user = |token: &str| {
        let client = server
            .builder()
            .bearer_token(token)
            .store(Shared(store.clone()))
            .store_secret("of both")
            .build()
            .unwrap();
        client.collection_with::<Article>("articles", ThreeWay::default())
    };
    user("anna").get(1).await.unwrap();
    user("anna").get(1).await.unwrap();
    user("boris").get(1).await.unwrap();
    let seen = server.seen();
    assert_eq!(
        (
            seen[1].header("if-none-match"),
            seen[2].header("if-none-match")
        ),
        (Some("\"1\""), None)
    );
}

struct Shared(std::sync::Arc<ifmatch::MemoryStore>);

#[async_trait]
impl ifmatch::SnapshotStore for Shared {
    async fn get(
        &self,
        key: &ifmatch::SnapshotKey,
    ) -> Result<Option<ifmatch::StoredSnapshot>, BoxError> {
        self.0.get(key).await
    }

    async fn put(
        &self,
        key: &ifmatch::SnapshotKey,
        snapshot: ifmatch::StoredSnapshot,
    ) -> Result<(), BoxError> {
        self.0.put(key, snapshot).await
    }

    async fn remove(&self, key: &ifmatch::SnapshotKey) -> Result<(), BoxError> {
        self.0.remove(key).await
    }
}

struct BrokenStore;

#[async_trait]
impl ifmatch::SnapshotStore for BrokenStore {
    async fn get(
        &self,
        _: &ifmatch::SnapshotKey,
    ) -> Result<Option<ifmatch::StoredSnapshot>, BoxError> {
        Err("disk on fire".into())
    }

    async fn put(
        &self,
        _: &ifmatch::SnapshotKey,
        _: ifmatch::StoredSnapshot,
    ) -> Result<(), BoxError> {
        Err("disk on fire".into())
    }

    async fn remove(&self, _: &ifmatch::SnapshotKey) -> Result<(), BoxError> {
        Err("disk on fire".into())
    }
}

#[tokio::test]
async fn a_store_that_fails_costs_reads_and_nothing_else() {
    let server = Server::with(AT, ARTICLE);
    let client = server.builder().store(BrokenStore).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    for views in 2..4 {
        articles
            .update(1, move |article| article.views = views)
            .await
            .unwrap();
    }
    assert_eq!(server.methods(), ["GET", "PUT", "GET", "PUT"]);
}

#[tokio::test]
async fn headers_and_queries_of_a_handle_go_with_each_request() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server)
        .header(
            http::header::ACCEPT_LANGUAGE,
            http::HeaderValue::from_static("de"),
        )
        .query("tenant", "a&b");
    articles
        .update(1, |article| article.views = 3)
        .await
        .unwrap();
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.header("accept-language") == Some("de"))
    );
    assert!(
        server
            .seen()
            .iter()
            .all(|seen| seen.query.as_deref() == Some("tenant=a%26b"))
    );
}

#[tokio::test]
async fn a_listing_also_follows_the_field_next_page() {
    let server = Server::default();
    server.script([
        Event::Answer(
            200,
            &[("next-page", "/v1/things?_token=2")],
            r#"[{"id":1}]"#,
        ),
        Event::Answer(200, &[], r#"[{"id":2}]"#),
    ]);
    let things = server.client().collection::<Value>("things");
    let first = things.list().await.unwrap();
    let last = first.next().unwrap().await.unwrap();
    assert_eq!(last.items[0].snapshot().id(), Some("2"));
    assert!(last.next().is_none());
}
