//! What `queue` keeps, and what it sends.

use ifmatch::{ErrorKind, Journal, LocalWins, QueuedKind, QueuedState};

use super::{Program, queue_view};
use crate::support::{AT, Event, draft, edit};

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_before_the_outbox_sends_it() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    let queued = articles.update(1, edit).queue().await.unwrap();
    assert_eq!(program.server.methods(), ["GET"]);
    assert_eq!(
        program.client.outbox().state(queued.id()),
        Some(QueuedState::Waiting)
    );

    let id = queued.id();
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!(program.server.methods(), ["GET", "PUT"]);
    assert_eq!(queued.settled().await.unwrap().title, "mine");
    assert_eq!(program.client.outbox().state(id), None);
    assert_eq!(program.title(), "mine");
}

#[tokio::test(start_paused = true)]
async fn writes_that_were_never_sent_become_one_request() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    let mut queued = Vec::new();
    for _ in 0..100 {
        queued.push(queue_view(&articles).await);
    }
    let drained = program.drain().await;
    assert_eq!((drained.sent, drained.left), (1, 0));
    assert_eq!((program.views(), program.server.writes()), (101, 1));
    for queued in queued {
        assert_eq!(queued.settled().await.unwrap().views, 101);
    }
}

#[tokio::test(start_paused = true)]
async fn a_queued_edit_merges_with_what_others_have_written_since() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    program
        .server
        .put(AT, r#"{"title":"theirs","body":"text","views":5}"#);
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!((program.views(), program.title()), (6, "theirs".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_not_cached_is_read_when_it_is_queued() {
    let program = Program::new();
    queue_view(&program.articles()).await;
    assert_eq!(program.server.methods(), ["GET"]);
    program.server.script([Event::NoConnection]);
    let others = program.articles().update(2, edit).queue().await;
    assert!(
        others.is_err(),
        "nothing is known of it, so no edit can run"
    );
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_changes_nothing_is_not_queued() {
    let program = Program::new();
    let articles = program.articles();
    let queued = articles.update(1, |_| {}).queue().await.unwrap();
    assert!(queued.settled().await.unwrap().report().unchanged);
    assert_eq!(program.drain().await.sent, 0);
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_fails_is_not_queued() {
    let program = Program::new();
    let articles = program.articles();
    let failed = articles.try_update(1, |_| Err("no".into())).queue().await;
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Edit);
    let panicked = articles.update(1, |_| panic!("no")).queue().await;
    assert_eq!(panicked.unwrap_err().kind(), ErrorKind::Edit);
    assert_eq!(program.drain().await, ifmatch::Drained::default());
}

#[tokio::test(start_paused = true)]
async fn settings_that_a_later_process_does_not_have_are_refused() {
    let program = Program::new();
    let articles = program.articles();
    for update in [
        articles.update(1, edit).strategy(LocalWins),
        articles.update(1, edit).max_rounds(2),
        articles.update(1, edit).unconditional(),
    ] {
        assert_eq!(update.queue().await.unwrap_err().kind(), ErrorKind::Config);
    }
    let without = program
        .server
        .client()
        .collection::<serde_json::Value>("articles");
    let error = without.update(1, |_| {}).queue().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("journal"), "{error}");
    assert!(program.server.seen().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_full_journal_takes_nothing_new_and_sends_nothing() {
    let mut program = Program::new();
    program.journal = Journal::in_memory().quota(2_000);
    let program = program.restarted();
    let articles = program.articles();
    let read = articles.get(1).await.unwrap();
    let mut kept = 0;
    let error = loop {
        let mut read = read.clone();
        read.views += 1;
        match articles.save(&read).queue().await {
            Ok(_) => kept += 1,
            Err(error) => break error,
        }
        assert!(kept < 100);
    };
    assert!(
        error.is_journal() && error.to_string().contains("full"),
        "{error}"
    );
    // An awaited write cannot be kept either, so it is not sent.
    let other = program.client.collection::<serde_json::Value>("others");
    let create = other.create(7, &serde_json::json!({"a": 1})).await;
    let full = create.unwrap_err();
    let error = full.edit_error::<ifmatch::JournalError>();
    assert!(full.is_journal() && error.is_some(), "{full}");
    assert_eq!(program.server.writes(), 0);
    // What is kept makes room by being sent.
    assert_eq!(program.drain().await.sent, kept);
    assert!(articles.save(&read).queue().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_local_view_shows_what_is_on_its_way() {
    let program = Program::new();
    let articles = program.articles();
    assert!(articles.local(1).await.unwrap().is_none());
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    articles.update(1, edit).queue().await.unwrap();
    let local = articles.local(1).await.unwrap().unwrap();
    assert_eq!(
        (local.views, &*local.title, local.pending()),
        (2, "mine", 1)
    );
    // `get` shows what the server has.
    assert_eq!(articles.get(1).await.unwrap().views, 1);
    program.drain().await;
    let local = articles.local(1).await.unwrap().unwrap();
    assert_eq!((local.views, local.pending(), local.open()), (2, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_local_view_shows_a_newer_state_below_the_queued_writes() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    program
        .server
        .put(AT, r#"{"title":"theirs","body":"text","views":5}"#);
    articles.get(1).await.unwrap();
    let local = articles.local(1).await.unwrap().unwrap();
    assert_eq!((local.views, &*local.title), (6, "theirs"));
    // The next edit runs on it, and only the edits are sent.
    queue_view(&articles).await;
    program
        .server
        .put(AT, r#"{"title":"theirs again","body":"text","views":8}"#);
    program.drain().await;
    assert_eq!(
        (program.views(), program.title()),
        (10, "theirs again".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn what_has_not_ended_is_listed() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    program.drain_in_vain().await;
    articles.create(2, &draft()).queue().await.unwrap();
    articles.post(&draft()).queue().await.unwrap();
    let program = program.restarted();
    let listed = program.client.outbox().writes().unwrap();
    let mut listed: Vec<_> = listed
        .iter()
        .map(|write| (write.kind(), write.state(), write.resource_id()))
        .collect();
    // All of them were queued at one time of the machine's clock.
    listed.sort_by_key(|(_, _, id)| *id);
    let (waiting, sent) = (QueuedState::Waiting, QueuedState::Sent);
    let expected = [
        (QueuedKind::Post, waiting, None),
        (QueuedKind::Change, sent, Some("1")),
        (QueuedKind::Create, waiting, Some("2")),
    ];
    assert_eq!(listed, expected);
    assert_eq!(program.drain().await.sent, 3);
    assert!(program.client.outbox().writes().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_never_sent_can_be_taken_back_alone() {
    let program = Program::new();
    let articles = program.articles();
    let read = articles.get(1).await.unwrap();
    let mut renamed = read.clone();
    renamed.title = "mine".to_owned();
    let queued = articles.save(&renamed).queue().await.unwrap();
    let mut counted = read.clone();
    counted.views += 1;
    articles.save(&counted).queue().await.unwrap();
    let outbox = program.client.outbox();
    assert!(outbox.withdraw(queued.id()).await.unwrap());
    assert!(!outbox.withdraw(queued.id()).await.unwrap());
    assert_eq!(queued.settled().await.unwrap_err().kind(), ErrorKind::Gone);
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!((program.title().as_str(), program.views()), ("old", 2));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_was_sent_is_not_taken_back() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    let queued = queue_view(&articles).await;
    program.drain_in_vain().await;
    let outbox = program.client.outbox();
    assert!(!outbox.withdraw(queued.id()).await.unwrap());
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!(queued.settled().await.unwrap().views, 2);
}

#[tokio::test(start_paused = true)]
async fn writes_that_were_combined_are_taken_back_together() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    let queued = queue_view(&articles).await;
    queue_view(&articles).await;
    let outbox = program.client.outbox();
    assert!(outbox.withdraw(queued.id()).await.unwrap());
    assert_eq!(articles.local(1).await.unwrap().unwrap().pending(), 0);
    assert_eq!(program.drain().await.sent, 0);
    assert_eq!(program.views(), 1);
}
