//! `ifmatch edit`: what is merged, what is asked, and what is not sent.

use std::time::Duration;

use ifmatch::testing::{Reply, Step};

use super::kit::Desk;

const TEA: &str = r#"{"title":"Tea","price":1.50,"tags":["hot"]}"#;

async fn tea() -> Desk {
    let desk = Desk::new().await;
    desk.server.put("/goods/tea", TEA);
    desk
}

#[tokio::test]
async fn an_edit_is_sent_for_the_version_that_was_shown_and_keeps_the_text_of_numbers() {
    let desk = tea().await;
    desk.editor(&[&Desk::change("s/Tea/Green tea/")]);
    let ran = desk.run(&["edit", &desk.url("/goods/tea")]).await;
    assert_eq!(
        (ran.code, &*ran.stdout),
        (0, "Saved as version \"v2\".\n"),
        "{ran:?}"
    );
    let shown =
        "{\n  \"title\": \"Tea\",\n  \"price\": 1.50,\n  \"tags\": [\n    \"hot\"\n  ]\n}\n";
    assert_eq!(desk.shown(0), shown);
    let stored = desk.server.text("/goods/tea").unwrap();
    assert_eq!(stored, TEA.replace("Tea", "Green tea"));
    desk.server.requests().put().if_match("\"v1\"").assert_one();
}

#[tokio::test]
async fn what_another_client_changed_elsewhere_is_merged_without_a_question() {
    let desk = tea().await;
    let foreign = desk.foreign("/goods/tea", "s/1.50/1.75/");
    let mine = Desk::change("s/Tea/Green tea/");
    desk.editor(&[&format!("{foreign}; {mine}")]);
    let ran = desk.run(&["edit", &desk.url("/goods/tea"), "--json"]).await;
    let told = ran.json();
    assert_eq!(told["outcome"], "saved", "{ran:?}");
    assert_eq!(
        (&told["merged"], &told["version"]),
        (&1.into(), &"\"v3\"".into())
    );
    let expected = TEA.replace("Tea", "Green tea").replace("1.50", "1.75");
    assert_eq!(desk.server.text("/goods/tea").unwrap(), expected);
    assert_eq!(desk.times_opened(), 1);
}

#[tokio::test]
async fn a_place_that_both_changed_is_shown_between_markers_and_written_as_it_was_solved() {
    let desk = tea().await;
    let foreign = desk.foreign("/goods/tea", "s/Tea/Black tea/; s/1.50/1.75/");
    let mine = Desk::change("s/Tea/Green tea/");
    let solve = Desk::change("/^[<|=>]\\{7\\}/d; /Black tea/d; /\"Tea\"/d");
    desk.editor(&[&format!("{foreign}; {mine}"), &solve]);
    let ran = desk.run(&["edit", &desk.url("/goods/tea")]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = desk.shown(1);
    let conflict = "<<<<<<< yours\n  \"title\": \"Green tea\",\n||||||| base\n  \"title\": \"Tea\",\n=======\n  \
                    \"title\": \"Black tea\",\n>>>>>>> theirs\n  \"price\": 1.75,\n";
    assert!(shown.contains(conflict), "{shown}");
    let stored = TEA.replace("Tea", "Green tea").replace("1.50", "1.75");
    assert_eq!(desk.server.text("/goods/tea").unwrap(), stored);
    // The decision was made on the state of the other client.
    desk.server.requests().put().if_match("\"v2\"").assert_one();
}

#[tokio::test]
async fn a_third_client_that_writes_while_a_conflict_is_solved_is_not_overwritten() {
    let desk = tea().await;
    let mine = Desk::change("s/Tea/Green tea/");
    let first = desk.foreign("/goods/tea", "s/Tea/Black tea/");
    let second = desk.foreign("/goods/tea", "s/Black tea/White tea/");
    let solve = Desk::change("/^[<|=>]\\{7\\}/d; /Black tea/d; /\"Tea\"/d");
    let again = Desk::change("/^[<|=>]\\{7\\}/d; /White tea/d; /Black tea/d");
    desk.editor(&[
        &format!("{first}; {mine}"),
        &format!("{second}; {solve}"),
        &again,
    ]);
    let ran = desk.run(&["edit", &desk.url("/goods/tea")]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(desk.shown(2).contains("White tea"), "{}", desk.shown(2));
    let stored = TEA.replace("Tea", "Green tea");
    assert_eq!(desk.server.text("/goods/tea").unwrap(), stored);
    desk.server.requests().put().if_match("\"v3\"").assert_one();
}

#[tokio::test]
async fn rules_merge_what_would_be_a_conflict() {
    let desk = tea().await;
    let policy = desk.write("policy.json", r#"{"/tags": "set"}"#);
    let foreign = desk.foreign("/goods/tea", "s/\"hot\"/\"hot\", \"new\"/");
    let mine = Desk::change("s/\"hot\"/\"hot\", \"organic\"/; s/1.50/1.75/");
    desk.editor(&[&format!("{foreign}; {mine}")]);
    let policy = policy.to_str().unwrap();
    let url = desk.url("/goods/tea");
    let ran = desk
        .run(&["edit", &url, "--policy", policy, "--rule", "/price=max"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let stored = desk.server.text("/goods/tea").unwrap();
    assert!(
        stored.contains("new") && stored.contains("organic"),
        "{stored}"
    );
}

#[tokio::test]
async fn a_response_that_is_lost_is_settled_before_the_edit_is_called_saved() {
    let desk = tea().await;
    desk.server.next_write(Step::new().lose_reply());
    desk.editor(&[&Desk::change("s/Tea/Green tea/")]);
    let ran = desk.run(&["edit", &desk.url("/goods/tea"), "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json()["settled"], true);
    desk.server.requests().put().assert_count(1);
}

#[tokio::test]
async fn a_syntax_error_opens_the_editor_again_with_the_text_and_the_error() {
    let desk = tea().await;
    let broken = Desk::change("s/\"Tea\",/\"Green tea\"/");
    let mended = Desk::change("s/\"Green tea\"/\"Green tea\",/");
    desk.editor(&[&broken, &mended]);
    let ran = desk.run(&["edit", &desk.url("/goods/tea")]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let shown = desk.shown(1);
    assert!(
        shown.starts_with("// ifmatch: line 5: not valid JSON"),
        "{shown}"
    );

    assert!(shown.contains("\"Green tea\"\n"), "{shown}");
    let stored = TEA.replace("Tea", "Green tea");
    assert_eq!(desk.server.text("/goods/tea").unwrap(), stored);
}

#[tokio::test]
async fn an_unchanged_or_emptied_file_sends_nothing() {
    let desk = tea().await;
    for (command, outcome) in [
        ("true", "unchanged"),
        ("./change 's/: /:  /' \"$1\"", "unchanged"),
        (": > \"$1\"", "cancelled"),
    ] {
        desk.editor(&[command]);
        let ran = desk.run(&["edit", &desk.url("/goods/tea"), "--json"]).await;
        assert_eq!(
            (ran.code, &ran.json()["outcome"]),
            (0, &outcome.into()),
            "{ran:?}"
        );
    }
    desk.server.requests().writes().assert_none();
    assert_eq!(desk.files_in(".local/state/ifmatch/edits").len(), 0);
}

#[tokio::test]
async fn a_dry_run_shows_the_request_and_the_diff_and_sends_nothing() {
    let desk = tea().await;
    desk.editor(&[&Desk::change("s/Tea/Green tea/")]);
    let url = desk.url("/goods/tea");
    let ran = desk.run(&["edit", &url, "--dry-run"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let start = format!("PUT {url}\nIf-Match: \"v1\"\n--- on the server\n+++ yours\n");
    assert!(ran.stdout.starts_with(&start), "{ran:?}");
    let lines = "-  \"title\": \"Tea\",\n+  \"title\": \"Green tea\",\n";
    assert!(ran.stdout.contains(lines), "{ran:?}");
    desk.server.requests().writes().assert_none();
}

#[tokio::test]
async fn a_text_is_merged_by_lines_and_goes_back_with_its_media_type() {
    let desk = Desk::new().await;
    let reply = |text: &str, tag: &str| {
        let reply = Reply::new(200).body("text/markdown; charset=utf-8", text);
        Step::new().answer(reply.header("etag", tag))
    };
    desk.server.put("/pages/home", "{}");
    desk.server.next_read(reply("a\nb\nc\nd\n", "\"t1\""));
    desk.server.next_read(reply("a\nb\nc\nD\n", "\"t2\""));
    let refused = Step::new().answer(Reply::new(412));
    desk.server.next_write(refused);
    let stored = Reply::new(204).header("etag", "\"t3\"");
    desk.server.next_write(Step::new().answer(stored));
    desk.editor(&[&Desk::change("s/^a/A/")]);
    let ran = desk.run(&["edit", &desk.url("/pages/home")]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(desk.shown(0), "a\nb\nc\nd\n");
    let sent = desk.server.requests().put().if_match("\"t2\"").assert_one();
    assert_eq!(sent.header("content-type"), "text/markdown; charset=utf-8");
    assert_eq!(sent.body, "A\nb\nc\nD\n");
}

#[tokio::test]
async fn a_text_that_has_lines_like_markers_of_its_own_is_sent() {
    let desk = Desk::new().await;
    let page = Reply::new(200).body("text/markdown", "Tea\n=======\n>>>>>>> theirs\n");
    let page = page.header("etag", "\"t1\"");
    desk.server.next_read(Step::new().answer(page));
    desk.server.put("/pages/home", "{}");
    let stored = Reply::new(204).header("etag", "\"t2\"");
    desk.server.next_write(Step::new().answer(stored));
    desk.editor(&[&Desk::change("s/Tea/Tee/")]);
    let ran = desk.run(&["edit", &desk.url("/pages/home")]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(desk.times_opened(), 1);
}

#[tokio::test]
async fn a_slow_server_ends_the_call_at_the_time_limit() {
    let desk = tea().await;
    desk.server
        .next_read(Step::new().delay(Duration::from_secs(60)));
    let ran = desk
        .run(&["get", &desk.url("/goods/tea"), "--timeout", "0.2"])
        .await;
    assert_eq!(ran.code, 11, "{ran:?}");
}
