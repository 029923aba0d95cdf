//! Edits that wait for one turn are sent together: each is in once, and each is told its own outcome.

use std::time::Duration;

use super::{Slow, TRIP, all, articles, push, slow, values};
use crate::support::{ARTICLE, AT, Article, Event, Server, edit, foreign};
use ifmatch::testing::{ResourceServer, Step};
use ifmatch::{
    Client, Collection, ConflictSeen, Error, Generic, HiddenRefusal, Merge, Observer, Saved,
    ThreeWay,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// An edit that is being sent; those that come next wait for it and then go out together.
async fn under_way(values: &Collection<Value>) -> JoinHandle<Result<Saved<Value>, Error>> {
    values.get(1).await.unwrap();
    let first = tokio::spawn(values.update(1, |value| value["first"] = true.into()));
    tokio::time::sleep(Duration::from_millis(1)).await;
    first
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
        let first = under_way(&values).await;
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

/// Two edits are sent together and applied. The response is lost, another client undoes them, and the server refuses
/// them after `more` further requests. Neither is reported as a plain failure.
async fn lost_together_and_refused_then(server: &Server, values: &Collection<Value>, more: usize) {
    let first = under_way(values).await;
    let set = tokio::spawn(values.update(1, |value| value["a"] = 1.into()));
    let pushed = tokio::spawn(values.update(1, |value| push(value, "mine")));
    server.script([
        Event::Plain,
        Event::LoseReply,
        foreign(|theirs| theirs["a"] = 0.into()),
    ]);
    server.script((0..more).map(|_| Event::Plain));
    server.script((0..2).map(|_| Event::Answer(403, &[], "")));
    first.await.unwrap().unwrap();
    for lost in [set, pushed] {
        let error = lost.await.unwrap().unwrap_err();
        assert!(error.is_outcome_unknown(), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_was_lost_with_others_fails_in_no_plain_way() {
    let server = Server::with(AT, r#"{"items":[],"a":0}"#);
    let values = values(&server);
    lost_together_and_refused_then(&server, &values, 0).await;
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
    lost_together_and_refused_then(&server, &values, 1).await;
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
    let title = articles.update(1, edit);
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

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Lamp {
    a: String,
    b: f64,
}

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Lamps {
    #[serde(default)]
    list: Vec<Lamp>,
    #[serde(default)]
    seen: Vec<u8>,
    /// Never stored.
    #[serde(skip)]
    local: u8,
}

/// Makes these edits behind a write that takes a while, so that they are sent in one request.
async fn sent_together(raw: &str, edits: Vec<fn(&mut Lamps)>) -> String {
    let server = ResourceServer::start().await;
    server.put("/d/1", raw);
    let lamps = server
        .in_process()
        .build()
        .unwrap()
        .collection::<Lamps>("d");
    server.next_write(Step::new().delay(Duration::from_millis(50)));
    let first = tokio::spawn(lamps.update(1, |lamps| lamps.seen.push(1)));
    tokio::time::sleep(Duration::from_millis(10)).await;
    let count = edits.len();
    let others = edits
        .into_iter()
        .map(|edit| tokio::spawn(lamps.update(1, edit)));
    let others: Vec<_> = others.collect();
    first.await.unwrap().unwrap();
    for other in others {
        let saved = other.await.unwrap().unwrap();
        assert_eq!(saved.report().coalesced_with as usize, count - 1);
    }
    server.text("/d/1").unwrap()
}

#[tokio::test(start_paused = true)]
async fn edits_sent_together_make_what_they_make_one_after_the_other() {
    let raw = r#"{"list":[{"a":"lamp","b":1.10,"zz":"A"},{"a":"lamp","b":2.20,"zz":"B"}]}"#;
    let stored = sent_together(
        raw,
        vec![
            |lamps| drop(lamps.list.remove(0)),
            |lamps| lamps.list[0].b = 5.5,
            |lamps| {
                lamps.list.push(Lamp {
                    a: "n".to_owned(),
                    b: 7.5,
                });
            },
        ],
    );
    let list = r#"[{"a":"lamp","b":5.5,"zz":"B"},{"a":"n","b":7.5}]"#;
    assert!(stored.await.contains(list));
}

#[tokio::test(start_paused = true)]
async fn an_edit_sees_of_the_edits_before_it_only_what_is_stored() {
    let edits: Vec<fn(&mut Lamps)> = vec![|lamps| lamps.local = 7, |lamps| {
        lamps.seen.push(lamps.local);
    }];
    let stored = sent_together(r#"{"list":[]}"#, edits).await;
    assert!(stored.contains(r#""seen":[1,0]"#), "{stored}");
}
