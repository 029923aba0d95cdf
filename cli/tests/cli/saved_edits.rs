//! An edit that cannot be sent is kept, and can be gone on with.

use std::fs;

use ifmatch::testing::{Reply, Step};

use super::kit::{Desk, Ran, WAITS, mode};

const TEA: &str = r#"{"title":"Tea","price":1}"#;

async fn tea() -> Desk {
    let desk = Desk::new().await;
    desk.server.put("/goods/tea", TEA);
    desk
}

#[tokio::test]
async fn an_edit_that_cannot_be_sent_is_kept_for_its_owner_with_what_to_do_next() {
    let desk = tea().await;
    let socket = desk.server.listen().await.unwrap();
    let url = socket.uri() + "/goods/tea?a=1&b=2";
    desk.editor(&[&format!("{WAITS}; {}", Desk::change("s/Tea/Green tea/"))]);
    let mut command = desk.command(&["edit", &url, "--timeout", "1"]);
    let child = command.spawn().unwrap();
    desk.until("is-open").await;
    drop(socket);
    desk.write("go-on", "");
    let ran = Ran::from(child.wait_with_output().await.unwrap());
    assert_eq!(ran.code, 11, "{ran:?}");
    let kept = desk.kept_edit();
    assert_eq!(mode(&kept), 0o600);
    let next = format!("ifmatch edit '{url}' --from {}", kept.display());
    assert!(ran.stderr.contains(&next), "{ran:?}");
}

#[tokio::test]
async fn an_edit_from_a_file_is_merged_with_what_happened_since() {
    let desk = tea().await;
    let url = desk.url("/goods/tea");
    desk.server
        .refuse_next_write(422, &serde_json::json!({"title": "Not today"}));
    desk.editor(&[&Desk::change("s/Tea/Green tea/")]);
    let ran = desk.run(&["edit", &url, "--json"]).await;
    assert_eq!(
        (ran.code, &ran.error()["kind"]),
        (5, &"refused".into()),
        "{ran:?}"
    );
    let kept = desk.kept_edit();
    assert_eq!(ran.error()["saved_to"], kept.to_str().unwrap());

    desk.server
        .put("/goods/tea", r#"{"title":"Tea","price":2}"#);
    desk.editor(&["true"]);
    let ran = desk
        .run(&["edit", &url, "--from", kept.to_str().unwrap()])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(desk.shown(0).contains("Green tea"));
    let stored = desk.server.text("/goods/tea").unwrap();
    assert_eq!(stored, r#"{"title":"Green tea","price":2}"#);
}

#[tokio::test]
async fn an_edit_whose_outcome_is_not_known_is_kept() {
    let desk = tea().await;
    desk.server.next_write(Step::new().lose_reply());
    desk.editor(&[&Desk::change("s/Tea/Green tea/")]);
    let url = desk.url("/goods/tea");
    // The read before the edit succeeds. Those that would settle the write get no answer that shows anything.
    desk.server.next_read(Step::new());
    for _ in 0..40 {
        desk.server.next_read(Step::new().answer(Reply::new(503)));
    }
    let ran = desk.run(&["edit", &url, "--timeout", "1", "--json"]).await;
    assert_eq!(
        (ran.code, &ran.error()["kind"]),
        (7, &"outcome_unknown".into()),
        "{ran:?}"
    );
    desk.kept_edit();
    desk.server.requests().put().assert_count(1);
}

#[tokio::test]
async fn an_open_conflict_that_is_given_up_ends_with_1_and_is_kept_with_its_base() {
    let desk = tea().await;
    let foreign = desk.foreign("/goods/tea", "s/Tea/Black tea/");
    let mine = Desk::change("s/Tea/Green tea/");
    desk.editor(&[&format!("{foreign}; {mine}"), "true"]);
    let url = desk.url("/goods/tea");
    let ran = desk.run(&["edit", &url, "--json"]).await;
    assert_eq!(
        (ran.code, &ran.error()["kind"]),
        (1, &"given_up".into()),
        "{ran:?}"
    );
    let kept = desk.kept_edit();

    let solve = Desk::change("/^[<|=>]\\{7\\}/d; /Black tea/d; /\"Tea\"/d");
    desk.editor(&[&solve]);
    let ran = desk
        .run(&["edit", &url, "--from", kept.to_str().unwrap()])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let stored = desk.server.text("/goods/tea").unwrap();
    assert_eq!(stored, TEA.replace("Tea", "Green tea"));
    desk.server.requests().put().if_match("\"v2\"").assert_one();
}

#[tokio::test]
async fn an_editor_that_fails_after_a_syntax_error_loses_nothing() {
    let desk = tea().await;
    let broken = Desk::change("s/\"Tea\",/\"Green tea\"/");
    desk.editor(&[&broken, "exit 3"]);
    let ran = desk.run(&["edit", &desk.url("/goods/tea"), "--json"]).await;
    assert_eq!(
        (ran.code, &ran.error()["kind"]),
        (16, &"editor".into()),
        "{ran:?}"
    );
    let kept = fs::read_to_string(desk.kept_edit()).unwrap();
    assert!(kept.contains("Green tea"), "{kept}");
    desk.server.requests().writes().assert_none();
}

#[tokio::test]
async fn an_edit_of_a_document_that_was_removed_meanwhile_is_kept() {
    let desk = tea().await;
    desk.server.next_write(Step::new().remove());
    desk.editor(&[&Desk::change("s/Tea/Green tea/")]);
    let ran = desk.run(&["edit", &desk.url("/goods/tea")]).await;
    assert_eq!(ran.code, 3, "{ran:?}");
    desk.kept_edit();
}

#[tokio::test]
async fn a_file_of_another_edit_or_of_no_edit_is_refused() {
    let desk = tea().await;
    desk.editor(&[]);
    let other = desk.write("other.json", "{\"title\": 1}");
    let url = desk.url("/goods/tea");
    let ran = desk
        .run(&["edit", &url, "--from", other.to_str().unwrap()])
        .await;
    assert_eq!(ran.code, 2, "{ran:?}");
    assert_eq!(desk.times_opened(), 0);
}

#[tokio::test]
async fn an_edit_that_cannot_even_be_kept_stays_where_it_was_edited() {
    let desk = tea().await;
    desk.server.next_write(Step::new().remove());
    desk.editor(&[&Desk::change("s/Tea/Green tea/")]);
    let no_folder = desk.write("no-folder", "");
    let mut command = desk.command(&["edit", &desk.url("/goods/tea"), "--json"]);
    let ran = Ran::of(command.env("XDG_STATE_HOME", no_folder)).await;
    assert_eq!(ran.code, 3, "{ran:?}");
    let error = ran.error();
    let left = fs::read_to_string(error["saved_to"].as_str().unwrap()).unwrap();
    assert!(left.contains("Green tea"), "{left}");
}
