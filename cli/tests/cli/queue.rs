//! `ifmatch edit --queue`, `send` and `conflicts`: edits without a server, and their decisions.

use super::kit::{Desk, Ran};

const TEA: &str = r#"{"title":"Tea","price":1}"#;

/// Queues an edit of the title, after which another client has changed the document.
async fn queued(foreign: &str) -> (Desk, String) {
    let desk = Desk::new().await;
    desk.server.put("/goods/tea", TEA);
    let url = desk.url("/goods/tea");
    desk.editor(&[&Desk::change("s/Tea/Green tea/")]);
    let ran = desk.run(&["edit", &url, "--queue", "--json"]).await;
    assert_eq!(
        (ran.code, &ran.json()["outcome"]),
        (0, &"queued".into()),
        "{ran:?}"
    );
    desk.server.requests().writes().assert_none();
    desk.server.put("/goods/tea", foreign);
    (desk, ran.json()["id"].as_str().unwrap().to_owned())
}

/// Queues an edit that conflicts, and sends it in vain.
async fn open() -> (Desk, String) {
    let (desk, id) = queued(r#"{"title":"Black tea","price":2}"#).await;
    let ran = desk.run(&["send", "--json"]).await;
    assert_eq!((ran.code, &ran.json()["open"]), (1, &1.into()), "{ran:?}");
    (desk, id)
}

fn stored(desk: &Desk) -> String {
    desk.server.text("/goods/tea").unwrap()
}

#[tokio::test]
async fn a_queued_edit_is_sent_later_and_merged() {
    let (desk, id) = queued(r#"{"title":"Tea","price":2}"#).await;
    let ran = desk.run(&["conflicts", "--all", "--json"]).await;
    assert_eq!(ran.json()[0]["id"], id, "{ran:?}");
    assert_eq!(ran.json()[0]["state"], "waiting");

    let ran = desk.run(&["send", "--dry-run"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    desk.server.requests().writes().assert_none();

    let ran = desk.run(&["send"]).await;
    assert_eq!(
        (ran.code, &*ran.stdout),
        (0, "Sent: 1, open: 0, left: 0\n"),
        "{ran:?}"
    );
    assert_eq!(stored(&desk), r#"{"title":"Green tea","price":2}"#);
}

#[tokio::test]
async fn an_edit_can_be_queued_on_an_earlier_one_while_the_server_is_away() {
    let desk = Desk::new().await;
    desk.server.put("/goods/tea", TEA);
    let socket = desk.server.listen().await.unwrap();
    let url = socket.uri() + "/goods/tea";
    desk.editor(&[&Desk::change("s/Tea/Green tea/")]);
    let ran = desk.run(&["edit", &url, "--queue"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    drop(socket);
    desk.editor(&[&Desk::change("s/Green tea/Black tea/")]);
    let ran = desk
        .run(&["edit", &url, "--queue", "--timeout", "0.5"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(desk.shown(0).contains("Green tea"), "{}", desk.shown(0));
    let ran = desk.run(&["send", "--timeout", "0.5", "--json"]).await;
    assert_eq!((ran.code, &ran.json()["left"]), (15, &1.into()), "{ran:?}");
}

#[tokio::test]
async fn an_edit_that_conflicts_waits_and_is_shown_with_its_sides() {
    let (desk, id) = open().await;
    let ran = desk.run(&["conflicts", "--json"]).await;
    assert_eq!(ran.json()[0]["kind"], "conflict", "{ran:?}");
    let ran = desk.run(&["conflicts", "show", &id, "--json"]).await;
    let told = ran.json();
    assert_eq!(told["conflicts"][0]["pointer"], "/title", "{ran:?}");
    assert_eq!(told["local"]["title"], "Green tea");
    assert_eq!(told["remote"]["title"], "Black tea");
    let ran = desk.run(&["conflicts", "show", &id]).await;
    assert!(
        ran.stdout.contains("/title: both sides changed it"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_decision_is_sent_with_the_next_send() {
    let file = r#"{"title":"Tea of all colours","price":3}"#;
    for (by, expected) in [
        ("--local", r#"{"title":"Green tea","price":2}"#),
        ("--remote", r#"{"title":"Black tea","price":2}"#),
        ("--file", file),
    ] {
        let (desk, id) = open().await;
        let path = desk.write("decided.json", file).display().to_string();
        let mut arguments = vec!["conflicts", "resolve", &id, by];
        if by == "--file" {
            arguments.push(&path);
        }
        let mut dry = arguments.clone();
        dry.push("--dry-run");
        assert_eq!(desk.run(&dry).await.code, 0);
        let ran = desk.run(&arguments).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let ran = desk.run(&["send"]).await;
        assert_eq!(ran.code, 0, "{by}: {ran:?}");
        assert_eq!(stored(&desk), expected, "{by}");
    }
}

#[tokio::test]
async fn an_edit_that_is_discarded_or_unknown_is_not_sent() {
    let (desk, id) = open().await;
    let ran = desk.run(&["conflicts", "discard", &id]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = desk.run(&["conflicts", "retry", &id]).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert_eq!(desk.run(&["send"]).await.code, 0);
    assert_eq!(stored(&desk), r#"{"title":"Black tea","price":2}"#);
}

#[tokio::test]
async fn an_edit_that_was_refused_can_be_tried_again() {
    let (desk, id) = queued(TEA).await;
    let problem = serde_json::json!({"title": "Not today"});
    desk.server.refuse_next_write(422, &problem);
    assert_eq!(desk.run(&["send"]).await.code, 1);
    assert_eq!(desk.run(&["conflicts", "retry", &id]).await.code, 0);
    assert_eq!(desk.run(&["send"]).await.code, 0);
    assert_eq!(stored(&desk), TEA.replace("Tea", "Green tea"));
}

#[tokio::test]
async fn edits_of_another_user_are_not_sent() {
    let desk = Desk::new().await;
    desk.server.put("/goods/tea", TEA);
    desk.editor(&[&Desk::change("s/Tea/Green tea/")]);
    let mut queueing = desk.command(&["edit", &desk.url("/goods/tea"), "--queue"]);
    let ran = Ran::of(queueing.env("IFMATCH_TOKEN", "of-anna")).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    for (token, sent) in [("of-bert", 0), ("of-anna", 1)] {
        let mut sending = desk.command(&["send", "--json"]);
        let ran = Ran::of(sending.env("IFMATCH_TOKEN", token)).await;
        assert_eq!(
            (ran.code, &ran.json()["sent"]),
            (0, &sent.into()),
            "{ran:?}"
        );
    }
}

#[tokio::test]
async fn credentials_of_one_server_are_not_sent_to_another() {
    let desk = Desk::new().await;
    let other = ifmatch::testing::ResourceServer::start().await;
    desk.server.put("/goods/tea", TEA);
    other.put("/goods/tea", TEA);
    let other = other.uri() + "/goods/tea";
    let named = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        command
            .env("IFMATCH_TOKEN", "t")
            .env("IFMATCH_USER", "anna");
        command
    };
    for url in [&desk.url("/goods/tea"), &other] {
        desk.editor(&[&Desk::change("s/Tea/Green tea/")]);
        let ran = Ran::of(&mut named(&["edit", url, "--queue"])).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let ran = Ran::of(&mut named(&["send"])).await;
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = Ran::of(&mut named(&["send", &desk.server.uri(), "--json"])).await;
    assert_eq!((ran.code, &ran.json()["sent"]), (0, &1.into()), "{ran:?}");
}

#[tokio::test]
async fn a_queue_that_cannot_be_opened_has_an_exit_code_of_its_own() {
    let desk = Desk::new().await;
    let file = desk.write("no-folder", "").display().to_string();
    let ran = desk.run(&["send", "--journal", &file, "--json"]).await;
    assert_eq!(
        (ran.code, &ran.error()["kind"]),
        (14, &"journal".into()),
        "{ran:?}"
    );
}

#[tokio::test]
async fn the_journal_of_another_program_can_be_decided_here() {
    let desk = Desk::new().await;
    desk.server.put("/goods/tea", TEA);
    let folder = desk.path("journal");
    let client = ifmatch::Client::builder(desk.server.uri())
        .journal(ifmatch::Journal::open(&folder).build().unwrap())
        .build()
        .unwrap();
    let goods = client.collection::<serde_json::Value>("goods");
    let update = goods.update("tea", |tea| tea["title"] = "Green tea".into());
    let id = update.queue().await.unwrap().id().to_string();
    desk.server
        .put("/goods/tea", r#"{"title":"Black tea","price":2}"#);
    let drained = client.outbox().drain().await.unwrap();
    assert_eq!(drained.open, 1);
    drop((client, goods));

    let journal = folder.to_str().unwrap();
    let ran = desk
        .run(&["conflicts", "--journal", journal, "--json"])
        .await;
    assert_eq!(
        (ran.code, &ran.json()[0]["id"]),
        (0, &id.clone().into()),
        "{ran:?}"
    );
    let resolve = ["conflicts", "resolve", &id, "--local", "--journal", journal];
    assert_eq!(desk.run(&resolve).await.code, 0);
    let ran = desk.run(&["send", "--journal", journal]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(stored(&desk), r#"{"title":"Green tea","price":2}"#);
}
