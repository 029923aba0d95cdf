//! Promises 1 and 2 for a 200 that hides a refusal: no edit is lost, and none is made twice.

use crate::support::dialect::{Dialect, Speaker};
use crate::support::{ARTICLE, AT, Article, Event, Server, draft, edit, foreign, values};
use ifmatch::{
    Collection, ErrorKind, Generic, HiddenRefusal, Policy, ProbeCheck, Profile, RefusalKind, Rule,
    ThreeWay, Verdict, WriteMode,
};
use serde_json::{Value, json};

const REFUSED: &str = r#"{"ok":false,"error":"stale","message":"Somebody was faster"}"#;

fn profile() -> Generic {
    Generic::new().hidden_refusal(HiddenRefusal::when("/ok", false))
}

fn naming(kind: RefusalKind) -> Generic {
    Generic::new().hidden_refusal(HiddenRefusal::when("/ok", false).meaning(kind))
}

/// A server that answers 200 to stale writes, with this body.
fn hiding(document: &str, refusal: &'static str) -> Server {
    let server = Server::with(AT, document);
    server.0.lock().unwrap().stale = Some((200, refusal));
    server
}

fn counters(server: &Server, profile: impl Profile) -> Collection<Article> {
    let strategy = ThreeWay::new(Policy::new().field("/views", Rule::Counter));
    let client = server.builder().profile(profile).build().unwrap();
    client.collection_with("articles", strategy)
}

fn count(article: &mut Article) {
    article.views += 1;
}

#[tokio::test(start_paused = true)]
async fn a_race_in_a_200_is_read_again_and_merged_like_a_412() {
    for profile in [profile(), naming(RefusalKind::StaleVersion)] {
        for mode in [WriteMode::Put, WriteMode::MergePatch] {
            let server = hiding(ARTICLE, REFUSED);
            server.script([Event::Plain, foreign(|theirs| theirs["views"] = 5.into())]);
            let articles = counters(&server, profile.clone()).write_mode(mode);
            let saved = articles.update(1, count).await.unwrap();
            assert_eq!((saved.report().merged, saved.report().rounds), (1, 2));
            assert_eq!(server.value(AT)["views"], 6);
            assert_eq!(server.applied(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_word_about_it_a_200_is_a_success() {
    let server = hiding(ARTICLE, REFUSED);
    server.script([Event::Plain, foreign(|theirs| theirs["views"] = 5.into())]);
    counters(&server, Generic::new())
        .update(1, count)
        .await
        .unwrap();
    assert_eq!(server.value(AT)["views"], 5);
}

#[tokio::test(start_paused = true)]
async fn a_removal_refused_by_a_200_removes_nothing_that_was_not_seen() {
    let server = hiding(ARTICLE, REFUSED);
    let articles = counters(&server, profile());
    let seen = articles.get(1).await.unwrap();
    server.script([foreign(|theirs| theirs["body"] = "theirs".into())]);
    let error = articles.delete(seen).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    assert_eq!(server.value(AT)["body"], "theirs");
}

#[tokio::test(start_paused = true)]
async fn a_creation_refused_by_a_200_finds_what_is_there() {
    let server = hiding(ARTICLE, REFUSED);
    let articles = counters(&server, profile());
    let mut mine = draft();
    mine.title = "mine".into();
    let error = articles.create(1, &mine).await.unwrap_err();
    assert!(error.is_already_exists(), "{error:?}");
    assert_eq!(server.value(AT)["title"], "old");
    let there = error.into_sides::<Article>().unwrap().remote.unwrap();
    assert_eq!(there.title, "old");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_a_200_that_is_no_race_is_typed_and_keeps_the_status() {
    let server = Server::with(AT, ARTICLE);
    let unpaid = r#"{"ok":false,"error":"unpaid","message":"Pay first"}"#;
    server.script([Event::Plain, Event::Answer(200, &[], unpaid)]);
    let articles = counters(
        &server,
        profile().map_code("unpaid", RefusalKind::InvalidState),
    );
    let error = articles.update(1, count).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.refusal(), Some(RefusalKind::InvalidState));
    let problem = error.problem().unwrap();
    assert_eq!(problem.status(), 200);
    assert_eq!(problem.code(), Some("unpaid"));
    assert_eq!(problem.detail(), Some("Pay first"));
    assert_eq!(error.report().last_status.unwrap(), 200);
    assert_eq!(server.applied(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_refusal_in_a_200_is_no_race_while_the_version_stays() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::Answer(200, &[], REFUSED)]);
    let error = counters(&server, profile())
        .update(1, count)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.problem().unwrap().status(), 200);
    assert_eq!(server.methods(), ["GET", "PUT", "GET"]);
}

#[tokio::test(start_paused = true)]
async fn a_transaction_of_etcd_whose_comparison_fails_is_no_success() {
    // As etcd 3.4 words it: `succeeded` is left out.
    const FAILED: &str = r#"{"header":{"cluster_id":"7705629450592606426","member_id":"9953881461149513987","revision":"3","raft_term":"2"},"responses":[{"response_range":{"header":{"revision":"3"},"kvs":[{"key":"YQ==","value":"eyJuIjoyfQ=="}],"count":"1"}}]}"#;
    const DONE: &str = r#"{"header":{"revision":"4"},"succeeded":true,"responses":[{"response_put":{"header":{"revision":"4"}}}]}"#;
    let stale = HiddenRefusal::unless("/succeeded", true).meaning(RefusalKind::StaleVersion);
    let server = Server::default();
    server.script([
        Event::Answer(200, &[], FAILED),
        Event::Answer(200, &[], DONE),
    ]);
    let transactions = values(&server, Generic::new().hidden_refusal(stale));
    let transaction = json!({"compare": [], "success": [], "failure": []});
    let error = transactions.post(&transaction).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.refusal(), Some(RefusalKind::StaleVersion));
    assert_eq!(error.problem().unwrap().status(), 200);
    assert!(error.problem().unwrap().extension("responses").is_some());
    transactions.post(&transaction).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_reply_a_refusal_in_a_200_is_settled_as_ours() {
    for events in [
        vec![Event::Plain, Event::LoseReply],
        // It arrives after the read that was to settle it, right before it is sent again.
        vec![Event::Plain, Event::Delay, Event::LoseRequest],
    ] {
        let server = hiding(ARTICLE, REFUSED);
        server.script(events);
        counters(&server, naming(RefusalKind::StaleVersion))
            .update(1, edit)
            .await
            .unwrap();
        assert_eq!(server.applied(), 1);
        assert_eq!(server.value(AT)["title"], "mine");
    }
}

#[tokio::test(start_paused = true)]
async fn a_document_that_looks_like_a_refusal_is_not_written_twice() {
    // The reply gives the document back, and `ok` is a member of its own.
    for (rule, settles) in [(Rule::Text, true), (Rule::Counter, false)] {
        let server = Server::with(AT, r#"{"ok":false,"views":1}"#);
        server.script([Event::Plain, Event::AnswerReplaced]);
        let strategy = ThreeWay::new(Policy::new().field("/views", rule));
        let client = server.builder().profile(profile()).build().unwrap();
        let articles = client.collection_with::<Value>("articles", strategy);
        let add = |v: &mut Value| v["views"] = (v["views"].as_i64().unwrap() + 1).into();
        let set = |v: &mut Value| v["views"] = 2.into();
        let update = if settles {
            articles.update(1, set)
        } else {
            articles.update(1, add)
        };
        match update.await {
            Ok(saved) => assert!(settles && saved.report().settled),
            // Another client may have counted.
            Err(error) => assert!(!settles && error.is_outcome_unknown(), "{error:?}"),
        }
        assert_eq!(server.value(AT)["views"], 2);
        assert_eq!(server.applied(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_looks_like_the_document_loses_nothing() {
    let server = hiding(r#"{"ok":false,"title":"old","body":"b"}"#, REFUSED);
    server.script([
        Event::Plain,
        foreign(|theirs| theirs["body"] = "theirs".into()),
    ]);
    values(&server, profile())
        .update(1, |v| v["title"] = "mine".into())
        .await
        .unwrap();
    let expected = json!({"ok": false, "title": "mine", "body": "theirs"});
    assert_eq!(server.value(AT), expected);
    assert_eq!(server.applied(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_lacks_the_word_for_success_is_settled_by_a_read() {
    let server = Server::with(AT, ARTICLE);
    let demanded = HiddenRefusal::unless("/succeeded", true);
    let articles = counters(&server, Generic::new().hidden_refusal(demanded));
    // Its replies to writes have no body.
    let saved = articles.update(1, edit).await.unwrap();
    assert!(saved.report().settled);
    assert_eq!(server.applied(), 1);
    articles.delete(saved).await.unwrap();
    assert_eq!(server.text(AT), None);
}

#[tokio::test(start_paused = true)]
async fn a_200_that_cannot_be_read_is_taken_for_neither() {
    let deep = format!(
        "{{\"x\":{}{},\"ok\":false}}",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    for refusal in [deep.leak(), "{\"ok\":false,\"message\":\"Some"] {
        let server = hiding(ARTICLE, refusal);
        server.script([
            Event::Plain,
            foreign(|theirs| theirs["body"] = "theirs".into()),
        ]);
        counters(&server, profile()).update(1, edit).await.unwrap();
        assert_eq!(server.value(AT)["title"], "mine");
        assert_eq!(server.value(AT)["body"], "theirs");
        assert_eq!(server.applied(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_the_place_of_a_document_is_never_merged() {
    let server = Server::with(AT, ARTICLE);
    let busy = Event::Answer(200, &[], r#"{"ok":false,"error":"database"}"#);
    server.script([Event::Plain, Event::Answer(200, &[], REFUSED), busy]);
    let articles = values(&server, naming(RefusalKind::StaleVersion));
    let error = articles
        .update(1, |v| v["title"] = "mine".into())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert_eq!(
        server.value(AT),
        serde_json::from_str::<Value>(ARTICLE).unwrap()
    );
}

const HIDING: Dialect = Dialect {
    name: "200 for everything",
    stale: 200,
    refusal: |_, _| (vec![], json!({"errors": [{"message": "stale"}]})),
    ..Dialect::TAGS
};

#[tokio::test(start_paused = true)]
async fn a_probe_sees_refusals_in_a_200_where_it_is_told_of_them() {
    let told = Generic::new().hidden_refusal(HiddenRefusal::present("/errors"));
    for (profile, sees) in [(told, true), (Generic::new(), false)] {
        let speaker = Speaker::of(HIDING, None);
        let probe = speaker.client(profile).probe("articles");
        let report = probe.await.unwrap();
        assert_eq!(report.enforces_preconditions(), sees, "{report}");
        let expected = if sees { Verdict::Holds } else { Verdict::Fails };
        assert_eq!(report.verdict(ProbeCheck::StaleWrite), expected, "{report}");
        assert_eq!((speaker.document(), report.left_behind), (None, None));
    }
}
