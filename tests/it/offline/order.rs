//! Writes to one resource keep their order, and what joins another one has the effect of both.

use ifmatch::ErrorKind;
use serde_json::{Value, json};

use super::{Program, queue_view};
use crate::support::{AT, Event, Server, draft, edit};

#[tokio::test(start_paused = true)]
async fn a_write_that_may_have_been_sent_is_not_changed() {
    let program = Program::stamped();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    program.server.script((0..20).map(|_| Event::NoConnection));
    let drained = program.drain().await;
    assert_eq!((drained.sent, drained.left), (0, 1));
    program.server.end_script();
    // No request has left, so the next edit joins it.
    queue_view(&articles).await;
    program.server.script([Event::LoseReply]);
    let (first, second) = tokio::join!(program.drain(), async {
        tokio::task::yield_now().await;
        queue_view(&articles).await
    });
    let then = program.drain().await;
    assert_eq!(first.sent + then.sent, 2, "{first:?} {then:?}");
    second.settled().await.unwrap();
    assert_eq!(program.views(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_creation_and_its_edits_are_one_creation() {
    let program = Program::of(Server::default());
    let articles = program.articles();
    articles.create(1, &draft()).queue().await.unwrap();
    queue_view(&articles).await;
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!(program.server.methods(), ["PUT"]);
    assert_eq!(program.views(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_creation_that_is_removed_again_is_nothing() {
    let program = Program::of(Server::default());
    let articles = program.articles();
    let created = articles.create(1, &draft()).queue().await.unwrap();
    let removed = articles.delete(1).queue().await.unwrap();
    assert_eq!(program.drain().await.sent, 0);
    assert!(program.server.seen().is_empty());
    assert_eq!(created.settled().await.unwrap_err().kind(), ErrorKind::Gone);
    assert!(removed.settled().await.unwrap().unchanged);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_is_removed_again_removes_what_was_seen() {
    for is_raced in [false, true] {
        let program = Program::new();
        let articles = program.articles();
        articles.get(1).await.unwrap();
        articles.update(1, edit).queue().await.unwrap();
        let removed = articles.delete(1).queue().await.unwrap();
        assert!(articles.local(1).await.unwrap().is_none());
        if is_raced {
            program
                .server
                .put(AT, r#"{"title":"theirs","body":"text","views":5}"#);
            let drained = program.drain().await;
            assert_eq!((drained.open, program.title()), (1, "theirs".to_owned()));
            continue;
        }
        assert_eq!(program.drain().await.sent, 1);
        assert_eq!(program.server.methods(), ["GET", "DELETE"]);
        removed.settled().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_creation_behind_a_removal_is_a_new_resource() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    articles.delete(1).queue().await.unwrap();
    let mut new = draft();
    new.title = "anew".to_owned();
    let created = articles.create(1, &new).queue().await.unwrap();
    assert_eq!(program.drain().await.sent, 2);
    let methods = program.server.methods();
    assert_eq!(methods, ["GET", "DELETE", "PUT"]);
    assert_eq!(created.settled().await.unwrap().title, "anew");
}

#[tokio::test(start_paused = true)]
async fn a_creation_behind_a_removal_is_made_although_the_resource_is_gone_already() {
    for is_read in [true, false] {
        let program = Program::new();
        let articles = program.articles();
        if is_read {
            articles.get(1).await.unwrap();
        }
        let removed = articles.delete(1).queue().await.unwrap();
        articles.create(1, &draft()).queue().await.unwrap();
        program.server.script([Event::ForeignRemoval]);
        let drained = program.drain().await;
        assert_eq!(
            (drained.open, drained.left),
            (0, 0),
            "{is_read} {drained:?}"
        );
        assert!(program.server.text(AT).is_some());
        // What was never seen cannot be said to have been removed by this write.
        let removed = removed.settled().await.map_err(|error| error.kind());
        assert_eq!(removed.is_ok(), is_read, "{removed:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_removal_behind_an_edit_is_made_although_the_network_fails_between_them() {
    let program = Program::stamped();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    // The edit may have been sent, so the removal stays behind it.
    program.drain_in_vain().await;
    articles.delete(1).queue().await.unwrap();
    program.server.script([Event::Plain, Event::Plain]);
    program.server.script((0..20).map(|_| Event::NoConnection));
    let drained = program.drain().await;
    assert_eq!(
        (drained.sent, drained.open, drained.left),
        (1, 0, 1),
        "{drained:?}"
    );
    program.server.end_script();
    // The stamp of the edit is no change of another client.
    let drained = program.drain().await;
    assert_eq!((drained.sent, drained.open), (1, 0), "{drained:?}");
    assert_eq!(program.server.text(AT), None);
}

#[tokio::test(start_paused = true)]
async fn an_edit_behind_a_sent_one_is_made_on_its_result() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    // The request is lost, so the first write may have been sent, and the second one stays behind it.
    program.drain_in_vain().await;
    queue_view(&articles).await;
    let local = articles.local(1).await.unwrap().unwrap();
    assert_eq!((local.views, local.pending()), (3, 2));
    program
        .server
        .put(AT, r#"{"title":"theirs","body":"text","views":10}"#);
    let drained = program.drain().await;
    assert_eq!(
        (drained.sent, drained.open),
        (0, 1),
        "a lost count is not made again without a stamp"
    );
}

#[tokio::test(start_paused = true)]
async fn documents_for_a_collection_do_not_wait_for_each_other() {
    let program = Program::of(Server::default());
    let things = program.client.collection::<Value>("things");
    program.server.script([Event::Answer(422, &[], "{}")]);
    let refused = things.post(&json!({"n": 1})).queue().await.unwrap();
    let made = things.post(&json!({"n": 2})).queue().await.unwrap();
    let drained = program.client.outbox().drain().await.unwrap();
    assert_eq!((drained.sent, drained.open), (1, 1));
    assert_eq!(made.settled().await.unwrap()["n"], 2);
    assert_eq!(
        refused.settled().await.unwrap_err().kind(),
        ErrorKind::Refused
    );
}

#[tokio::test(start_paused = true)]
async fn an_edit_behind_values_that_were_saved_beside_each_other_counts_each_of_them_once() {
    let program = Program::new();
    let articles = program.articles();
    let read = articles.get(1).await.unwrap();
    for _ in 0..2 {
        let mut seen = read.clone();
        seen.views += 1;
        articles.save(&seen).queue().await.unwrap();
    }
    queue_view(&articles).await;
    let local = articles.local(1).await.unwrap().unwrap();
    assert_eq!((local.views, local.pending()), (4, 3));
    assert_eq!(program.drain().await.sent, 3);
    assert_eq!(program.views(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_removal_of_what_is_already_removed_has_ended() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    let removed = articles.delete(1).queue().await.unwrap();
    program.server.script([Event::ForeignRemoval]);
    let drained = program.drain().await;
    assert_eq!((drained.sent, drained.open), (1, 0), "{drained:?}");
    removed.settled().await.unwrap();
}
