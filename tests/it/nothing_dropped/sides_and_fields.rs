//! Promise 3: nothing of the caller's is dropped.

use crate::support::{ARTICLE, AT, Article, Event, Removes, Server, articles, foreign};
use ifmatch::{
    Client, Envelope, Generic, Merge, MergeStrategy, Policy, RemoteWins, Rule, ThreeWay,
};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Order {
    customer: String,
    #[merge(key = "sku")]
    lines: Vec<Line>,
}

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Line {
    sku: String,
    quantity: u32,
}

const ORDER: &str = r#"{"total":1.10,"id":12345678901234567890123,"huge":1e400,"customer":"A","meta":{"deep":{"x":[1.0,2.50]}},"lines":[{"sku":"a","quantity":1,"price":9.90},{"sku":"b","quantity":2,"price":1e2}]}"#;

#[tokio::test]
async fn fields_the_type_does_not_know_survive_with_the_text_of_their_numbers() {
    let server = Server::with("/v1/orders/1", ORDER);
    let orders = server.client().collection::<Order>("orders");
    server.script([
        Event::Plain,
        foreign_text(ORDER, r#""customer":"A""#, r#""customer":"A","added":0.10"#),
    ]);
    let edit = |order: &mut Order| {
        order.lines[1].quantity = 5;
        order.lines.insert(
            0,
            Line {
                sku: "new".into(),
                quantity: 1,
            },
        );
    };
    orders.update(1, edit).await.unwrap();
    let stored = server.text("/v1/orders/1").unwrap();
    for kept in [
        r#""total":1.10"#,
        r#""id":12345678901234567890123"#,
        r#""huge":1e400"#,
        r#""added":0.10"#,
        r#"{"deep":{"x":[1.0,2.50]}}"#,
        r#"{"sku":"a","quantity":1,"price":9.90}"#,
        r#"{"sku":"b","quantity":5,"price":1e2}"#,
        r#"{"sku":"new","quantity":1}"#,
    ] {
        assert!(stored.contains(kept), "{kept} is missing in {stored}");
    }
}

/// Another client's edit of the text itself: `Value` would spell the numbers anew.
fn foreign_text(document: &'static str, from: &'static str, to: &'static str) -> Event {
    Event::ForeignText(document.replace(from, to))
}

#[tokio::test]
async fn a_document_without_a_type_keeps_its_numbers_too() {
    let server = Server::with("/v1/orders/1", ORDER);
    let orders = server.client().collection::<serde_json::Value>("orders");
    orders
        .update(1, |order| order["customer"] = "B".into())
        .await
        .unwrap();
    assert_eq!(
        server.text("/v1/orders/1").unwrap(),
        ORDER.replace("\"A\"", "\"B\"")
    );
}

/// JavaScript writes half of a surrogate pair where it cuts a text in the middle of one; no Rust string holds it.
#[tokio::test]
async fn half_of_a_surrogate_pair_goes_back_as_it_came() {
    const HALVES: &str =
        r#"{"title":"old","body":"text","views":1,"cut \uDE00":{"preview":["see \ud83d",1.10]}}"#;
    let edit = |article: &mut Article| article.title = "mine".into();
    let changed = |document: &str| document.replace("\"old\"", "\"mine\"");

    let server = Server::with(AT, HALVES);
    let mut article = articles(&server).get(1).await.unwrap();
    edit(&mut article);
    articles(&server).save(&article).await.unwrap();
    assert_eq!(server.text(AT).unwrap(), changed(HALVES));

    // Merged with the write of another client, and in an envelope that also has halves.
    let theirs = HALVES.replace("\"views\":1", "\"views\":2");
    let whole = |data: &str| format!(r#"{{"about":"\ud83d","data":{data},"\udfff":0}}"#);
    let enclosed = Generic::new().envelope(Envelope::at("/data").keep_rest());
    for (profile, before, theirs) in [
        (Generic::new(), HALVES.to_owned(), theirs.clone()),
        (enclosed, whole(HALVES), whole(&theirs)),
    ] {
        let server = Server::with(AT, &before);
        let client = server.builder().profile(profile).build().unwrap();
        let articles = client.collection_with("articles", ThreeWay::default());
        server.script([Event::Plain, Event::ForeignText(theirs.clone())]);
        articles.update(1, edit).await.unwrap();
        assert_eq!(server.methods(), ["GET", "PUT", "GET", "PUT"]);
        assert_eq!(server.text(AT).unwrap(), changed(&theirs));
    }
}

#[tokio::test]
async fn a_conflict_gives_all_sides_and_fields_back_and_can_be_saved_from_there() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    server.script([
        Event::Plain,
        foreign(|theirs| (theirs["title"], theirs["body"]) = ("theirs".into(), "theirs".into())),
    ]);
    let edit = |article: &mut Article| (article.title, article.views) = ("mine".into(), 7);
    let update = articles.update(1, edit).strategy(ThreeWay::default());
    let error = update.await.unwrap_err();
    assert!(
        error.is_conflict() && error.to_string().contains("/title"),
        "{error}"
    );
    assert_eq!(error.report().rounds, 1);
    let sides = error.into_sides::<Article>().unwrap();
    assert_eq!(sides.fields.len(), 1);
    let (base, mine, mut theirs) = (
        sides.base.unwrap(),
        sides.local.unwrap(),
        sides.remote.unwrap(),
    );
    assert_eq!(
        (
            base.title.as_str(),
            mine.title.as_str(),
            theirs.title.as_str()
        ),
        ("old", "mine", "theirs")
    );
    theirs.title = mine.title;
    let saved = articles.save(theirs).await.unwrap();
    assert_eq!(saved.report().requests, 1);
    assert_eq!(server.value(AT)["body"], "theirs");
}

#[tokio::test]
async fn an_error_that_is_asked_for_another_type_keeps_its_sides() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    server.script([
        Event::Plain,
        foreign(|theirs| theirs["title"] = "theirs".into()),
    ]);
    let edit = |article: &mut Article| article.title = "mine".into();
    let update = articles.update(1, edit).strategy(ThreeWay::default());
    let error = update.await.unwrap_err();
    assert!(error.sides::<String>().is_none());
    let error = error.into_sides::<String>().unwrap_err();
    let sides = error.into_sides::<Article>().unwrap();
    assert_eq!(sides.local.unwrap().title, "mine");
}

#[tokio::test]
async fn an_error_and_all_else_keep_bodies_and_secrets_out_of_their_words() {
    let server = Server::with(AT, &ARTICLE.replace("text", "s3cret body"));
    let client = server.builder().bearer_token("t0ken").build().unwrap();
    let articles = client
        .collection_with::<Article>("articles", ThreeWay::default())
        .query("key", "qu3ry");
    let article = articles.get(1).await.unwrap();
    server.script([foreign(|theirs| theirs["title"] = "theirs s3cret".into())]);
    let mut mine = article.clone();
    mine.title = "mine s3cret".into();
    let error = articles.save(&mine).await.unwrap_err();
    let words = format!(
        "{error} {error:?} {} {article:?} {articles:?} {client:?} {:?}",
        error.report(),
        error.sides::<Article>()
    );
    for secret in ["s3cret", "t0ken", "qu3ry"] {
        assert!(!words.contains(secret), "{secret} in {words}");
    }
}

#[tokio::test]
async fn an_edit_that_spans_two_requests_is_taken_up_again() {
    let server = Server::with("/v1/orders/1", ORDER);
    let orders = server.client().collection::<Order>("orders");
    let shown = orders.get(1).await.unwrap();
    let (document, validator) = (
        shown.snapshot().document().to_string(),
        shown.snapshot().validator().unwrap().to_string(),
    );
    server.put("/v1/orders/1", &ORDER.replace("\"A\"", "\"C\""));
    let mut form = orders
        .restore(1, document.as_str(), validator.as_str())
        .unwrap();
    form.lines[0].quantity = 4;
    let saved = orders.save(form).await.unwrap();
    assert_eq!((saved.customer.as_str(), saved.lines[0].quantity), ("C", 4));
    assert!(
        orders
            .restore("", document.as_str(), validator.as_str())
            .unwrap_err()
            .is_config()
    );
    assert!(
        orders
            .restore(1, "{", validator.as_str())
            .unwrap_err()
            .is_decode()
    );
}

#[tokio::test]
async fn what_spans_two_requests_comes_back_in_the_shape_in_which_it_was_kept() {
    let server = Server::with("/v1/orders/1", ORDER);
    let orders = server.client().collection::<Order>("orders");
    let shown = orders.get(1).await.unwrap();
    let document = shown.snapshot().document().clone();
    let validator = shown.snapshot().validator().unwrap().clone();
    let (text, value) = (document.to_string(), document.to_value());
    let tag = validator.to_string();
    let forms = [
        orders.restore(1, &document, &validator),
        orders.restore(1, document.clone(), validator.clone()),
        orders.restore(1, &text, &tag),
        orders.restore(1, text.clone(), tag.clone()),
        orders.restore(1, text.as_bytes(), Some(tag.as_str())),
        orders.restore(1, &value, &validator),
        orders.restore(1, value.clone(), &validator),
    ];
    for (number, form) in forms.into_iter().enumerate() {
        let form = form.unwrap();
        let kept = form.snapshot();
        assert_eq!(kept.document().to_value(), value, "{number}");
        // A `Value` does not keep how a number is spelt; everything else does.
        assert_eq!(kept.document().to_string() == text, number < 5, "{number}");
        assert_eq!(kept.validator(), Some(&validator), "{number}");
    }
}

#[tokio::test]
async fn a_strategy_that_fails_panics_or_never_answers_loses_nothing() {
    let failing =
        ifmatch::merge_fn(|_: Option<&Article>, _: &Article, _: &Article| Err("no idea".into()));
    let panicking =
        ifmatch::merge_fn(|_: Option<&Article>, _: &Article, _: &Article| panic!("a bug"));
    for (strategy, words) in [
        (
            Box::new(failing) as Box<dyn MergeStrategy<Article>>,
            "no idea",
        ),
        (Box::new(panicking), "panicked"),
        (Box::new(Mute), "did not succeed"),
    ] {
        let server = Server::with(AT, ARTICLE);
        let articles = articles(&server);
        server.script([
            Event::Plain,
            foreign(|theirs| theirs["title"] = "theirs".into()),
        ]);
        let call = articles.update(1, |article: &mut Article| article.views = 7);
        let error = call
            .strategy(strategy)
            .timeout(std::time::Duration::from_millis(50))
            .await
            .unwrap_err();
        assert!(error.is_conflict() || error.is_exhausted(), "{error:?}");
        assert!(error.report().why.contains(words), "{}", error.report());
        let sides = error.into_sides::<Article>().unwrap();
        assert_eq!(
            (
                sides.local.unwrap().views,
                sides.remote.unwrap().title.clone()
            ),
            (7, "theirs".into())
        );
    }
}

struct Mute;

#[ifmatch::async_trait]
impl MergeStrategy<Article> for Mute {
    async fn resolve(
        &self,
        _: &ifmatch::Conflict<Article>,
    ) -> Result<ifmatch::Resolution<Article>, ifmatch::BoxError> {
        std::future::pending().await
    }
}

#[derive(Debug, Deserialize, Merge)]
struct Unwritable {
    #[expect(dead_code, reason = "only its writing matters")]
    title: String,
}

impl Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

#[tokio::test]
async fn a_value_that_does_not_serialise_is_told_before_anything_is_written() {
    let server = Server::with(AT, ARTICLE);
    let articles = server.client().collection::<Unwritable>("articles");
    let article = articles.get(1).await.unwrap();
    assert!(articles.save(&article).await.unwrap_err().is_config());
    assert!(articles.create(2, &article).await.unwrap_err().is_config());
    let error = articles.update(1, |_| ()).await.unwrap_err();
    assert!(error.is_edit(), "{error:?}");
    assert_eq!(server.applied(), 0);
}

#[tokio::test]
async fn what_does_not_fit_the_type_is_told_alike_by_a_read_and_by_an_edit() {
    let server = Server::with(AT, r#"{"title":1}"#);
    let articles = articles(&server);
    let read = articles.get(1).await.unwrap_err();
    let edits = [(); 3].map(|()| articles.update(1, |article| article.views = 2));
    for saved in edits.into_iter().collect::<JoinSet<_>>().join_all().await {
        let error = saved.unwrap_err();
        assert!(read.is_decode() && error.is_decode(), "{error:?}");
        for told in [&read, &error] {
            assert!(told.to_string().contains("/title"), "{told}");
        }
    }
    assert_eq!(server.applied(), 0);
}

#[tokio::test]
async fn an_edit_that_fails_or_panics_sends_nothing_and_says_so() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let none_left = |article: &mut Article| {
        article.views = article.views.checked_sub(5).ok_or("none left")?;
        Ok(())
    };
    let error = articles.try_update(1, none_left).await.unwrap_err();
    assert!(error.is_edit());
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "none left"
    );
    let error = articles.update(1, |_| panic!("a bug")).await.unwrap_err();
    assert!(error.is_edit());
    assert_eq!(
        error.into_sides::<Article>().unwrap().base.unwrap().views,
        1
    );
    assert_eq!(server.applied(), 0);
}

#[tokio::test]
async fn a_removal_elsewhere_that_is_accepted_still_gives_the_edit_back() {
    let server = Server::with(AT, ARTICLE);
    let strategy = ThreeWay::new(Policy::new().field("/views", Rule::Counter)).or_else(RemoteWins);
    let articles = server
        .client()
        .collection_with::<Article>("articles", strategy);
    server.script([Event::Plain, Event::ForeignRemoval]);
    let error = articles
        .update(1, |article| article.views += 1)
        .await
        .unwrap_err();
    assert!(error.is_gone());
    assert_eq!(
        error.into_sides::<Article>().unwrap().local.unwrap().views,
        2
    );
    assert!(server.text(AT).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_value_of_another_server_comes_back_with_the_error() {
    let server = Server::with(AT, ARTICLE);
    let other = Server::with(AT, ARTICLE);
    let mut article = articles(&server).get(1).await.unwrap();
    article.title = "an hour of work".into();
    let elsewhere = Client::builder("http://other.test/v1")
        .transport(other)
        .build()
        .unwrap();
    let error = elsewhere
        .collection_with::<Article>("articles", ThreeWay::default())
        .save(article)
        .await
        .unwrap_err();
    assert!(error.sides::<Article>().is_some(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_does_not_fit_the_type_gives_back_what_was_written() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        Event::Answer(
            200,
            &[("etag", "\"2\"")],
            r#"{"title":"mine","body":"text","views":"1"}"#,
        ),
    ]);
    let outcome = articles(&server)
        .update(1, |a| a.title = "mine".into())
        .await;
    // It was stored, so an error must at least say so and hold what was written.
    assert!(
        outcome.as_ref().is_ok() || outcome.as_ref().unwrap_err().sides::<Article>().is_some(),
        "{outcome:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_removal_by_resolution_gives_the_edit_back() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, foreign(|t| t["title"] = "theirs".into())]);
    let error = articles(&server)
        .update(1, |a| a.title = "mine".into())
        .strategy(Removes)
        .await
        .unwrap_err();
    assert!(error.sides::<Article>().is_some(), "{error:?}");
}
