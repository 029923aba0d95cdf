//! The doubt of awaited calls survives the program.

use std::time::Duration;

use super::Program;
use crate::support::{AT, Article, Event};
use ifmatch::{Collection, Versioned};

/// Saves one more view, and ends the program while it waits for the response.
async fn killed_while_saving(program: Program) -> (Program, Versioned<Article>) {
    let articles = program.articles();
    let read = articles.get(1).await.unwrap();
    let mut one_more = read.clone();
    one_more.views += 1;
    program.server.script([Event::Hang]);
    let mut save = Box::pin(async { articles.save(&one_more).await });
    tokio::select! {
        biased;
        _ = &mut save => panic!("the response never comes"),
        () = tokio::time::sleep(Duration::from_millis(100)) => {}
    }
    drop(save);
    (program.restarted(), read)
}

/// Saves the same again, from what the program has kept of it.
async fn saved_again(articles: &Collection<Article>, read: &Versioned<Article>) {
    let snapshot = read.snapshot();
    let restored = articles.restore(1, snapshot.document(), snapshot.validator().cloned());
    let mut restored = restored.unwrap();
    restored.views += 1;
    articles.save(&restored).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_save_that_is_made_again_after_a_restart_counts_once() {
    let (program, read) = killed_while_saving(Program::stamped()).await;
    saved_again(&program.articles(), &read).await;
    assert_eq!(program.views(), 2);
    // Nothing is left of it, so the next program does not look again.
    let program = program.restarted();
    let before = program.server.seen().len();
    let read = program.articles().get(1).await.unwrap();
    saved_again(&program.articles(), &read).await;
    assert_eq!(
        (program.views(), program.server.seen().len() - before),
        (3, 2)
    );
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_outcome_is_known_leaves_nothing() {
    let program = Program::new();
    let articles = program.articles();
    let read = articles.get(1).await.unwrap();
    articles
        .update(1, |article| article.views += 1)
        .await
        .unwrap();
    program.server.script([Event::Answer(422, &[], "{}")]);
    articles
        .update(1, |article| article.views += 1)
        .await
        .unwrap_err();
    assert!(
        format!("{:?}", program.journal).contains("bytes: 0"),
        "{:?}",
        program.journal
    );
    drop(read);
}

#[tokio::test(start_paused = true)]
async fn a_journal_for_queued_writes_only_keeps_nothing_of_other_calls() {
    let program = Program::new();
    let client = program.server.builder().journal(program.journal.clone());
    let client = client.journal_awaited(false).build().unwrap();
    let articles = client.collection::<serde_json::Value>("articles");
    program.server.script([Event::Plain, Event::Hang]);
    let mut update = Box::pin(async {
        let update = articles.update(1, |article| article["n"] = 1.into());
        update.await
    });
    tokio::select! {
        biased;
        _ = &mut update => panic!("the response never comes"),
        () = tokio::time::sleep(Duration::from_millis(100)) => {}
    }
    assert!(
        format!("{:?}", program.journal).contains("bytes: 0"),
        "{:?}",
        program.journal
    );
    assert!(program.server.text(AT).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_queued_edit_is_not_taken_for_an_awaited_one_that_made_the_same_change() {
    for restarts in [false, true] {
        let mut program = Program::stamped();
        let articles = program.articles();
        articles.get(1).await.unwrap();
        let queued = articles.update(1, |article| article.views += 1);
        queued.queue().await.unwrap();
        // Another task counts as well. Its request is applied, and its future is dropped.
        program.server.script([Event::Hang]);
        let awaited = articles.update(1, |article| article.views += 1);
        let awaited = tokio::time::timeout(Duration::from_secs(1), awaited);
        awaited.await.unwrap_err();
        assert_eq!(program.views(), 2);
        if restarts {
            program = program.restarted();
        }
        let articles = program.articles();
        program.client.outbox().of(&articles).drain().await.unwrap();
        assert!(articles.conflicts().next().await.unwrap().is_none());
        assert_eq!(program.views(), 3, "{restarts}");
    }
}
