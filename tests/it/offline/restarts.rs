//! A program that ends at any point of a queued write, and is started again.

use ifmatch::{ErrorKind, Journal};
use serde_json::{Value, json};

use super::{Program, first_open, queue_view};
use crate::support::{AT, Event, Server, draft, edit};

/// Begins to send, and ends the program while it waits for the response.
async fn killed_while_sending(program: Program) -> Program {
    let articles = program.articles();
    let outbox = program.client.outbox().of(&articles);
    let mut drain = Box::pin(outbox.drain());
    tokio::select! {
        biased;
        _ = &mut drain => panic!("the response never comes"),
        () = tokio::time::sleep(std::time::Duration::from_millis(100)) => {}
    }
    drop(drain);
    drop(articles);
    program.restarted()
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_a_program_that_ended_is_sent_by_the_next_one() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    let id = articles.update(1, edit).queue().await.unwrap().id();
    drop(articles);
    let program = program.restarted();
    // Without its handle, it waits.
    let unnamed = program.client.outbox().drain().await.unwrap();
    assert_eq!((unnamed.sent, unnamed.others), (0, 1));
    assert!(program.client.outbox().state(id).is_some());
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!(program.title(), "mine");
    assert_eq!(program.client.outbox().state(id), None);
}

#[tokio::test(start_paused = true)]
async fn a_count_that_was_sent_before_the_end_is_applied_once() {
    for events in [vec![Event::Hang], vec![Event::Delay, Event::Hang]] {
        let program = Program::stamped();
        let articles = program.articles();
        articles.get(1).await.unwrap();
        queue_view(&articles).await;
        drop(articles);
        program.server.script(events);
        let program = killed_while_sending(program).await;
        assert_eq!(program.drain().await.sent, 1);
        assert_eq!(program.views(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_count_is_applied_once_whatever_others_write_in_the_meantime() {
    let program = Program::stamped();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    drop(articles);
    program.server.script([Event::Hang]);
    let program = killed_while_sending(program).await;
    let mut now = program.server.value(AT);
    now["title"] = "theirs".into();
    now["views"] = 12.into();
    program.server.put(AT, &now.to_string());
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!(
        (program.views(), program.title()),
        (12, "theirs".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_count_that_was_forestalled_is_made_on_the_new_state() {
    let program = Program::stamped();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    drop(articles);
    program.server.script([Event::LoseRequest, Event::Hang]);
    let program = killed_while_sending(program).await;
    program.server.end_script();
    // Another client has stamped its own write there.
    let theirs = program.articles().update(1, |article| {
        article.views += 10;
        article.title = "theirs".to_owned();
    });
    theirs.await.unwrap();
    let program = program.restarted();
    let drained = program.drain().await;
    assert_eq!((drained.sent, drained.open), (1, 0));
    assert_eq!(
        (program.views(), program.title()),
        (12, "theirs".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn a_value_that_was_sent_before_the_end_is_recognised_without_a_stamp() {
    for events in [vec![Event::Hang], vec![Event::Delay, Event::Hang]] {
        let program = Program::new();
        let articles = program.articles();
        articles.get(1).await.unwrap();
        articles.update(1, edit).queue().await.unwrap();
        drop(articles);
        program.server.script(events);
        let program = killed_while_sending(program).await;
        assert_eq!(program.drain().await.sent, 1);
        assert_eq!(
            (program.title(), program.server.applied()),
            ("mine".to_owned(), 1)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_count_without_a_stamp_is_not_made_again_if_it_may_have_been_applied() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    drop(articles);
    program.server.script([Event::Hang]);
    let program = killed_while_sending(program).await;
    program
        .server
        .put(AT, r#"{"title":"theirs","body":"text","views":7}"#);
    let drained = program.drain().await;
    assert_eq!((drained.sent, drained.open, program.views()), (0, 1, 7));
    let found = first_open(&program.articles()).await;
    assert_eq!(found.kind(), ErrorKind::OutcomeUnknown);
    assert!(found.conflict().may_have_been_applied);
}

#[tokio::test(start_paused = true)]
async fn a_creation_or_removal_that_was_sent_before_the_end_is_recognised() {
    let program = Program::of(Server::default());
    program
        .articles()
        .create(1, &draft())
        .queue()
        .await
        .unwrap();
    program.server.script([Event::Hang]);
    let program = killed_while_sending(program).await;
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!(program.server.applied(), 1);

    program.articles().delete(1).queue().await.unwrap();
    program.server.script([Event::Hang]);
    let program = killed_while_sending(program).await;
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!(
        (program.server.applied(), program.server.text(AT)),
        (2, None)
    );
}

#[tokio::test(start_paused = true)]
async fn a_document_for_a_collection_is_sent_again_only_if_its_key_is_honoured() {
    for is_honoured in [false, true] {
        let server = Server::default();
        let journal = Journal::in_memory();
        let client = |server: &Server| server.builder().journal(journal.clone()).build().unwrap();
        let first = client(&server);
        let things = first.collection::<Value>("things");
        let post = things.post(&json!({"n": 1}));
        let post = if is_honoured { post.idempotent() } else { post };
        post.queue().await.unwrap();
        server.script([Event::Hang]);
        let mut drain = Box::pin(first.outbox().drain());
        tokio::select! {
            biased;
            _ = &mut drain => panic!("the response never comes"),
            () = tokio::time::sleep(std::time::Duration::from_millis(100)) => {}
        }
        drop(drain);
        let next = client(&server);
        let things = next.collection::<Value>("things");
        let drained = next.outbox().of(&things).drain().await.unwrap();
        let expected = if is_honoured { (1, 0) } else { (0, 1) };
        assert_eq!((drained.sent, drained.open), expected);
        let keys: Vec<_> = server.seen();
        let keys: Vec<_> = keys
            .iter()
            .filter_map(|it| it.header("idempotency-key"))
            .collect();
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        assert_eq!(keys.len(), if is_honoured { 2 } else { 1 });
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_was_restored_from_a_backup_is_an_ordinary_race() {
    let program = Program::stamped();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    let before = program.server.text(AT).unwrap();
    articles.update(1, edit).await.unwrap();
    queue_view(&articles).await;
    drop(articles);
    // The state before the first write is back, under a version that was never seen.
    program.server.put(AT, &before);
    let program = program.restarted();
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!((program.views(), program.title()), (2, "old".to_owned()));
}
