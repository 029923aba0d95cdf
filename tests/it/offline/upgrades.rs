//! After an upgrade of the application, documents are migrated once.

use std::time::Duration;

use ifmatch::{Client, ThreeWay};
use serde_json::Value;

use super::{Program, first_open};
use crate::support::{AT, Event};

/// The articles of the next version of the application, whose member `title` is named `name`.
fn renamed(client: &Client) -> ifmatch::Collection<Value> {
    let articles = client.collection_with("articles", ThreeWay::default());
    articles.schema(1, |from, document| {
        assert_eq!(from, 0);
        let mut value: Value = document.to_value();
        let title = value["title"].take();
        value.as_object_mut().unwrap().remove("title");
        value["name"] = title;
        Ok(ifmatch::Document::from_value(&value))
    })
}

async fn upgraded() -> Program {
    let program = Program::new();
    let articles = program.client.collection::<Value>("articles");
    articles.get(1).await.unwrap();
    let update = articles.update(1, |article| article["title"] = "mine".into());
    update.queue().await.unwrap();
    program.restarted()
}

#[tokio::test(start_paused = true)]
async fn a_conflict_of_a_migrated_write_shows_the_migrated_sides() {
    let program = upgraded().await;
    program
        .server
        .put(AT, r#"{"name":"theirs","body":"text","views":1}"#);
    let articles = renamed(&program.client);
    let outbox = program.client.outbox().of(&articles);
    assert_eq!(outbox.drain().await.unwrap().open, 1);
    let open = first_open(&articles).await;
    let conflict = open.conflict();
    let name = |side: &Option<Value>| side.as_ref().unwrap()["name"].clone();
    assert_eq!(name(&conflict.remote), "theirs");
    assert_eq!(name(&conflict.local), "mine");
}

#[tokio::test(start_paused = true)]
async fn a_migrated_write_whose_request_was_lost_is_sent_by_the_next_program() {
    let program = upgraded().await;
    program
        .server
        .put(AT, r#"{"name":"old","body":"text","views":1}"#);
    let articles = renamed(&program.client);
    // It meets the new version, reads, sends, and the request is lost. Then the program ends.
    program
        .server
        .script([Event::Plain, Event::Plain, Event::LoseRequest, Event::Hang]);
    let mut drain = Box::pin(program.client.outbox().of(&articles).drain());
    tokio::select! {
        biased;
        _ = &mut drain => panic!("the response never comes"),
        () = tokio::time::sleep(Duration::from_secs(5)) => {}
    }
    drop((drain, articles));
    let program = program.restarted();
    let articles = renamed(&program.client);
    let drained = program.client.outbox().of(&articles).drain().await.unwrap();
    let open = articles.conflicts().next().await.unwrap();
    let stored = program.server.value(AT);
    assert!(
        open.is_some() || stored["name"] == "mine",
        "{drained:?}: {stored}"
    );
}
