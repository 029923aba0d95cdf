//! Write queues: the writes of one client to one resource take turns, and waiting edits are sent together.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use crate::support::{ARTICLE, AT, Always, Article, Event, Server, foreign, given_back};
use http::Method;
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{
    Answer, BoxError, Client, Collection, Conflict, ConflictSeen, Error, Generic, HiddenRefusal,
    Limits, Merge, Observer, Refusal, RefusalHandler, Resolution, Saved, ThreeWay, ask_fn,
    async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

const TRIP: Duration = Duration::from_millis(5);
const BAD: &str = r#"{"ok":false,"title":"a bad word"}"#;

/// A server that takes its time, and refuses documents that hold the word "bad" with this status.
struct Slow(Server, u16);

#[async_trait]
impl Transport for Slow {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        tokio::time::sleep(TRIP).await;
        let bad = request.body.windows(3).any(|word| word == b"bad");
        if request.method == Method::PUT && bad {
            self.0.script([Event::Answer(self.1, &[], BAD)]);
        }
        self.0.send(request).await
    }
}

fn slow(server: &Server) -> Client {
    let client = Client::builder("http://server.test/v1").transport(Slow(server.clone(), 422));
    client.build().unwrap()
}

fn articles(server: &Server) -> Collection<Article> {
    slow(server).collection_with("articles", ThreeWay::default())
}

fn values(server: &Server) -> Collection<Value> {
    slow(server).collection_with("articles", ThreeWay::default())
}

/// What became of each of several edits that were begun in this order.
async fn all<T: Send + 'static>(
    edits: Vec<JoinHandle<Result<Saved<T>, Error>>>,
) -> Vec<Result<Saved<T>, Error>> {
    let mut outcomes = Vec::new();
    for edit in edits {
        outcomes.push(edit.await.unwrap());
    }
    outcomes
}

fn push(list: &mut Value, item: &str) {
    list["items"].as_array_mut().unwrap().push(item.into());
}

#[derive(Debug, Serialize, Deserialize, Merge)]
struct Counted {
    views: u64,
}

#[tokio::test(start_paused = true)]
async fn two_hundred_edits_at_once_need_few_requests_and_each_is_in_once() {
    let server = Server::with(AT, ARTICLE);
    let client = slow(&server);
    let edit = |_| {
        // A clone and a handle of its own each, as in a web service.
        let articles = client.clone().collection::<Counted>("articles");
        tokio::spawn(articles.update(1, |article| article.views += 1))
    };
    let outcomes = all((0..256).map(edit).collect()).await;
    let together = outcomes
        .iter()
        .map(|saved| saved.as_ref().unwrap().report().coalesced_with);
    assert!(together.max().unwrap() > 200);
    assert_eq!(server.value(AT)["views"], 257);
    assert!(server.methods().len() <= 12, "{:?}", server.methods());
}

#[tokio::test(start_paused = true)]
async fn edits_that_go_together_keep_their_order() {
    let server = Server::with(AT, r#"{"items":[]}"#);
    let values = values(&server);
    let edit = |n: u32| tokio::spawn(values.update(1, move |value| push(value, &n.to_string())));
    all((0..40).map(edit).collect()).await;
    let expected: Vec<_> = (0..40).map(|n: u32| n.to_string()).collect();
    assert_eq!(server.value(AT)["items"], json!(expected));
}

#[tokio::test(start_paused = true)]
async fn of_edits_that_were_lost_together_only_those_are_unknown_that_cannot_be_made_again() {
    for lost in [Event::LoseReply, Event::LoseRequest] {
        let was_applied = matches!(lost, Event::LoseReply);
        let server = Server::with(AT, r#"{"items":[],"a":0,"b":0}"#);
        let values = values(&server);
        values.get(1).await.unwrap();
        let first = tokio::spawn(values.update(1, |value| value["first"] = true.into()));
        tokio::time::sleep(Duration::from_millis(1)).await;
        let set = |name: &'static str| {
            tokio::spawn(values.update(1, move |value| value[name] = 1.into()))
        };
        let (a, pushed, b) = (
            set("a"),
            tokio::spawn(values.update(1, |value| push(value, "mine"))),
            set("b"),
        );
        server.script([
            Event::Plain,
            lost,
            foreign(|theirs| theirs["theirs"] = true.into()),
        ]);
        first.await.unwrap().unwrap();
        let error = pushed.await.unwrap().unwrap_err();
        assert!(error.is_outcome_unknown(), "{error:?}");
        for set in [a, b] {
            set.await.unwrap().unwrap();
        }
        let now = server.value(AT);
        assert_eq!(
            (&now["a"], &now["b"], &now["theirs"]),
            (&1.into(), &1.into(), &true.into())
        );
        let times = now["items"].as_array().unwrap().len();
        assert_eq!(times, usize::from(was_applied));
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_was_lost_with_others_fails_in_no_plain_way() {
    let server = Server::with(AT, r#"{"items":[],"a":0}"#);
    let values = values(&server);
    values.get(1).await.unwrap();
    let first = tokio::spawn(values.update(1, |value| value["first"] = true.into()));
    tokio::time::sleep(Duration::from_millis(1)).await;
    let set = tokio::spawn(values.update(1, |value| value["a"] = 1.into()));
    let pushed = tokio::spawn(values.update(1, |value| push(value, "mine")));
    // The batch is applied; its work is taken back, and then the server refuses.
    server.script([
        Event::Plain,
        Event::LoseReply,
        foreign(|theirs| theirs["a"] = 0.into()),
        Event::Answer(403, &[], ""),
        Event::Answer(403, &[], ""),
    ]);
    first.await.unwrap().unwrap();
    for lost in [set, pushed] {
        let error = lost.await.unwrap().unwrap_err();
        assert!(error.is_outcome_unknown(), "{error:?}");
    }
}

/// Panics when it is told of a refusal.
struct Frail;

impl Observer for Frail {
    fn conflict(&self, _: &ConflictSeen<'_>) {
        panic!("told of a refusal");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_does_not_hide_that_an_edit_was_lost_with_others() {
    let server = Server::with(AT, r#"{"items":[],"a":0}"#);
    let client = Client::builder("http://server.test/v1").transport(Slow(server.clone(), 422));
    let client = client.observer(Frail).build().unwrap();
    let values = client.collection_with::<Value>("articles", ThreeWay::default());
    values.get(1).await.unwrap();
    let first = tokio::spawn(values.update(1, |value| value["first"] = true.into()));
    tokio::time::sleep(Duration::from_millis(1)).await;
    let set = tokio::spawn(values.update(1, |value| value["a"] = 1.into()));
    let pushed = tokio::spawn(values.update(1, |value| push(value, "mine")));
    server.script([
        Event::Plain,
        Event::LoseReply,
        foreign(|theirs| theirs["a"] = 0.into()),
        Event::Plain,
        Event::Answer(403, &[], ""),
        Event::Answer(403, &[], ""),
    ]);
    first.await.unwrap().unwrap();
    for lost in [set, pushed] {
        let error = lost.await.unwrap().unwrap_err();
        assert!(error.is_outcome_unknown(), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_fails_or_panics_is_told_alone() {
    let server = Server::with(AT, r#"{"items":[]}"#);
    let values = values(&server);
    let edit = |n: u32| {
        tokio::spawn(values.try_update(1, move |value| {
            push(value, &n.to_string());
            match n {
                3 => Err("not this one".into()),
                5 => panic!("nor this one"),
                _ => Ok(()),
            }
        }))
    };
    let outcomes = all((0..8).map(edit).collect()).await;
    let failed: Vec<usize> = (0..8).filter(|n| outcomes[*n].is_err()).collect();
    assert_eq!(failed, [3, 5]);
    let error = outcomes[3].as_ref().unwrap_err();
    assert!(error.is_edit(), "{error:?}");
    let source = std::error::Error::source(error).unwrap();
    assert_eq!(source.to_string(), "not this one");
    assert!(error.sides::<Value>().unwrap().base.is_some());
    assert_eq!(
        server.value(AT)["items"],
        json!(["0", "1", "2", "4", "6", "7"])
    );
}

#[tokio::test(start_paused = true)]
async fn an_edit_for_which_the_server_refuses_the_whole_is_taken_out() {
    // In a 200 as well.
    for status in [422, 200] {
        let server = Server::with(AT, r#"{"items":[]}"#);
        let client = Client::builder("http://server.test/v1")
            .transport(Slow(server.clone(), status))
            .profile(Generic::new().hidden_refusal(HiddenRefusal::when("/ok", false)));
        let client = client.build().unwrap();
        let values = client.collection_with::<Value>("articles", ThreeWay::default());
        let edit = |n: u32| {
            let item = if n == 6 {
                "bad".to_owned()
            } else {
                n.to_string()
            };
            tokio::spawn(values.update(1, move |value| push(value, &item)))
        };
        let outcomes = all((0..10).map(edit).collect()).await;
        let failed: Vec<usize> = (0..10).filter(|n| outcomes[*n].is_err()).collect();
        assert_eq!(failed, [6]);
        let error = outcomes[6].as_ref().unwrap_err();
        assert!(error.is_refused(), "{error:?}");
        let problem = error.problem().unwrap();
        assert_eq!(problem.title(), Some("a bad word"));
        assert_eq!(problem.status(), status);
        let expected = ["0", "1", "2", "3", "4", "5", "7", "8", "9"];
        assert_eq!(server.value(AT)["items"], json!(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_in_conflict_does_not_hold_the_others_back() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    let title = articles.update(1, |article| article.title = "mine".into());
    let title = tokio::spawn(title.strategy(ThreeWay::default()));
    let views = tokio::spawn(articles.update(1, |article| article.views = 2));
    let body = tokio::spawn(articles.update(1, |article| article.body = "mine".into()));
    server.script([foreign(|theirs| theirs["title"] = "theirs".into())]);
    let outcomes = all(vec![title, views, body]).await;
    assert!(outcomes[1].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    let error = outcomes[0].as_ref().unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    assert_eq!(
        error.sides::<Article>().unwrap().fields[0].pointer,
        "/title"
    );
    assert_eq!(
        server.value(AT),
        json!({"title": "theirs", "body": "mine", "views": 2})
    );
}

#[tokio::test(start_paused = true)]
async fn an_edit_whose_caller_is_gone_before_its_turn_is_not_made() {
    let server = Server::with(AT, r#"{"items":[]}"#);
    let values = values(&server);
    let edit = |n: u32| tokio::spawn(values.update(1, move |value| push(value, &n.to_string())));
    let first = edit(0);
    tokio::time::sleep(TRIP / 2).await;
    let (second, third) = (edit(1), edit(2));
    tokio::time::sleep(TRIP / 2).await;
    second.abort();
    all(vec![first, third]).await;
    assert_eq!(server.value(AT)["items"], json!(["0", "2"]));
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_not_polled_holds_nobody_up() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let mut held = articles.update(1, |article| article.views += 1);
    let polled_once = tokio::time::timeout(Duration::ZERO, &mut held).await;
    assert!(polled_once.is_err());
    let other = tokio::time::timeout(
        Duration::from_secs(1),
        articles.update(1, |article| article.title = "mine".into()),
    );
    other.await.unwrap().unwrap();
    let saved = held.await.unwrap();
    assert_eq!(saved.views, 2);
    assert_eq!(
        server.value(AT),
        json!({"title": "mine", "body": "text", "views": 2})
    );
}

struct WritesItself(Mutex<Option<Collection<Article>>>);

#[async_trait]
impl RefusalHandler<Article> for WritesItself {
    async fn refused(&self, _: &Refusal<Article>) -> Result<Answer<Article>, BoxError> {
        let Some(articles) = self.0.lock().unwrap().take() else {
            return Ok(Answer::GiveUp);
        };
        articles
            .update(1, |article| article.body = "paid".into())
            .await?;
        Ok(Answer::Again)
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_write_to_the_same_resource() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let handler = WritesItself(Mutex::new(Some(articles.clone())));
    server.script([
        Event::Plain,
        Event::Answer(409, &[], r#"{"code":"invalid_state"}"#),
    ]);
    let saved = articles
        .on_refusal(handler)
        .update(1, |article| article.title = "mine".into());
    let saved = tokio::time::timeout(Duration::from_secs(5), saved).await;
    saved.unwrap().unwrap();
    assert_eq!(
        server.value(AT),
        json!({"title": "mine", "body": "paid", "views": 1})
    );
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_asked_about_several_edits_if_the_refusal_can_be_of_none_of_them_alone() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    for (status, times) in [(402, 1), (423, 2)] {
        ASKED.store(0, Ordering::SeqCst);
        let server = Server::with(AT, ARTICLE);
        let client = Client::builder("http://server.test/v1").transport(Slow(server.clone(), 422));
        let client = client
            .limits(Limits::default().transient(1))
            .build()
            .unwrap();
        let articles = client
            .collection_with::<Article>("articles", ThreeWay::default())
            .on_refusal(Always(|_| {
                ASKED.fetch_add(1, Ordering::SeqCst);
                Answer::Again
            }));
        articles.get(1).await.unwrap();
        let edit = |views| tokio::spawn(articles.update(1, move |article| article.views = views));
        let first = edit(2);
        tokio::task::yield_now().await;
        let together = vec![edit(3), edit(4)];
        first.await.unwrap().unwrap();
        server.script((0..times).map(|_| Event::Answer(status, &[], "")));
        for saved in all(together).await {
            assert_eq!(saved.unwrap().report().coalesced_with, 1, "{status}");
        }
        assert_eq!(ASKED.load(Ordering::SeqCst), 1, "{status}");
        assert_eq!(server.value(AT)["views"], 4);
    }
}

/// Answers when it is told to.
struct Bell(Arc<Notify>);

#[async_trait]
impl RefusalHandler<Article> for Bell {
    async fn refused(&self, _: &Refusal<Article>) -> Result<Answer<Article>, BoxError> {
        self.0.notified().await;
        Ok(Answer::Again)
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_waited_for_its_turn_leaves_the_lane_while_a_handler_thinks_and_is_next_then()
{
    let server = Server::with(AT, ARTICLE);
    let (articles, bell) = (articles(&server), Arc::new(Notify::new()));
    articles.get(1).await.unwrap();
    let edit = |views| tokio::spawn(articles.update(1, move |article| article.views = views));
    let first = edit(2);
    tokio::task::yield_now().await;
    let asking = articles.clone().on_refusal(Bell(bell.clone()));
    let asking = tokio::spawn(asking.update(1, |article| article.title = "asked".into()));
    first.await.unwrap().unwrap();
    server.script([Event::Answer(402, &[], "")]);
    tokio::time::sleep(TRIP * 2).await;
    // It thinks, and the queue goes on.
    edit(3).await.unwrap().unwrap();
    assert!(!asking.is_finished());
    let under_way = edit(4);
    tokio::task::yield_now().await;
    let behind = tokio::spawn(articles.update(1, |article| article.body = "behind".into()));
    tokio::task::yield_now().await;
    bell.notify_one();
    under_way.await.unwrap().unwrap();
    assert_eq!(asking.await.unwrap().unwrap().body, "text");
    assert_eq!(behind.await.unwrap().unwrap().title, "asked");
    let expected = json!({"title": "asked", "body": "behind", "views": 4});
    assert_eq!(server.value(AT), expected);
}

#[tokio::test(start_paused = true)]
async fn a_person_who_is_asked_holds_nobody_up() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    let asked = Arc::new(tokio::sync::Notify::new());
    let answer = Arc::new(tokio::sync::Notify::new());
    let (asking, answered) = (asked.clone(), answer.clone());
    let person = ask_fn(move |conflict: Conflict<Article>| {
        let (asking, answered) = (asking.clone(), answered.clone());
        async move {
            asking.notify_one();
            answered.notified().await;
            Ok(Resolution::Merged(conflict.local.unwrap()))
        }
    });
    server.script([foreign(|theirs| theirs["title"] = "theirs".into())]);
    let mine = tokio::spawn(
        articles
            .update(1, |article| article.title = "mine".into())
            .strategy(person),
    );
    asked.notified().await;
    let meanwhile = articles.update(1, |article| article.views = 9);
    let meanwhile = tokio::time::timeout(Duration::from_secs(1), meanwhile).await;
    meanwhile.unwrap().unwrap();
    answer.notify_one();
    // What came in meanwhile is a race of its own, and the person is asked again.
    asked.notified().await;
    answer.notify_one();
    mine.await.unwrap().unwrap();
    assert_eq!(server.value(AT)["title"], "mine");
}

#[tokio::test(start_paused = true)]
async fn a_full_lane_is_told_with_what_was_to_be_written() {
    let server = Server::with(AT, ARTICLE);
    let client = Client::builder("http://server.test/v1").transport(Slow(server.clone(), 422));
    let client = client.max_queued_writes(1).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    let mut read = articles.get(1).await.unwrap();
    read.title = "mine".into();
    let first = tokio::spawn(articles.update(1, |article| article.views = 2));
    tokio::time::sleep(TRIP / 2).await;
    let second = tokio::spawn(articles.update(1, |article| article.views = 3));
    tokio::time::sleep(TRIP / 4).await;
    let error = articles.save(&read).await.unwrap_err();
    assert!(error.is_exhausted(), "{error:?}");
    assert_eq!(given_back(&error), "mine");
    all(vec![first, second]).await;
    assert_eq!(server.value(AT)["title"], "old");
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_turn_does_not_come_in_its_time_sends_nothing() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let mut read = articles.get(1).await.unwrap();
    read.title = "mine".into();
    server.script([Event::Hang]);
    let first = tokio::spawn(articles.update(1, |article| article.views = 2));
    tokio::time::sleep(TRIP / 2).await;
    let error = articles
        .save(&read)
        .timeout(Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(error.is_exhausted(), "{error:?}");
    assert!(error.sides::<Article>().unwrap().local.is_some());
    first.await.unwrap().unwrap();
    assert_eq!(
        server.value(AT),
        json!({"title": "old", "body": "text", "views": 2})
    );
}

#[tokio::test(start_paused = true)]
async fn writes_of_every_kind_take_turns_and_do_not_race_each_other() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let one = tokio::spawn(articles.update(1, |article| article.views = 2));
    let two = tokio::spawn(
        articles
            .update(1, |article| article.views = 3)
            .max_rounds(1),
    );
    let new = Article {
        title: "new".into(),
        body: String::new(),
        views: 0,
    };
    let three = tokio::spawn(articles.create(2, &new));
    all(vec![one, two, three]).await.iter().for_each(|saved| {
        assert!(
            saved.as_ref().is_ok_and(|saved| saved.report().rounds == 1),
            "{saved:?}"
        );
    });
    let removed = tokio::join!(
        articles.update(2, |article| article.views = 1),
        articles.delete(2)
    );
    assert!(removed.0.is_ok() && removed.1.is_ok_and(|report| report.rounds == 1));
    assert_eq!(server.value(AT)["views"], 3);
}

#[tokio::test(start_paused = true)]
async fn without_lanes_nobody_waits() {
    let server = Server::with(AT, ARTICLE);
    let client = Client::builder("http://server.test/v1").transport(Slow(server.clone(), 422));
    let client = client.max_queued_writes(0).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    articles.get(1).await.unwrap();
    server.script([Event::Hang]);
    let hangs = tokio::spawn(articles.update(1, |article| article.views = 2));
    tokio::time::sleep(TRIP * 2).await;
    let other = articles.update(1, |article| article.body = "mine".into());
    let other = tokio::time::timeout(Duration::from_secs(1), other).await;
    assert_eq!(other.unwrap().unwrap().report().coalesced_with, 0);
    hangs.await.unwrap().unwrap();
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
}

#[test]
fn a_lane_outlives_the_runtime_that_led_it() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let (first, second) = (runtime(), runtime());
    first.block_on(async {
        articles.get(1).await.unwrap();
        server.script([Event::Hang]);
        tokio::spawn(articles.update(1, |article| article.views = 2));
        tokio::time::sleep(TRIP).await;
        // It waits for the first, and a task has the permit by now.
        tokio::spawn(articles.update(1, |article| article.body = "never".into()));
        tokio::time::sleep(TRIP).await;
    });
    drop(first);
    let saved = second.block_on(articles.update(1, |article| article.title = "mine".into()));
    assert_eq!(saved.unwrap().views, 2);
    assert_eq!(server.value(AT)["body"], "text");
}

/// What is told to a write in the queue when another one's runtime ends; `begun`: it ends when the other one
/// has taken the write along.
fn told_when_the_runtime_ends(begun: bool) -> Result<Saved<Article>, Error> {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let (first, second) = (runtime(), runtime());
    first.block_on(async {
        articles.get(1).await.unwrap();
        server.script(if begun {
            vec![Event::Plain, Event::Hang]
        } else {
            vec![Event::Hang]
        });
        tokio::spawn(articles.update(1, |article| article.views = 2));
        tokio::spawn(articles.update(1, |article| article.views = 3));
        tokio::task::yield_now().await;
    });
    // It waits behind the other two, in a runtime of its own.
    let mut third = pin!(articles.update(1, |article| article.body = "mine".into()));
    let waits = poll_fn(|context| Poll::Ready(third.as_mut().poll(context).is_pending()));
    assert!(second.block_on(waits));
    first.block_on(async { tokio::time::sleep(TRIP * 3).await });
    drop(first);
    second.block_on(third)
}

#[test]
fn a_write_is_unknown_if_the_runtime_that_carried_it_ends_and_goes_on_if_it_ends_before() {
    let before = told_when_the_runtime_ends(false).unwrap();
    assert_eq!(before.body, "mine");
    let after = told_when_the_runtime_ends(true).unwrap_err();
    assert!(after.is_outcome_unknown(), "{after:?}");
}
