//! Each kind of failure has its own exit code, and is told as JSON.

use ifmatch::testing::{Reply, Step};

use super::kit::Desk;

#[tokio::test]
async fn reads_that_fail_end_with_the_code_of_their_kind() {
    let desk = Desk::new().await;
    let labelled = |status, body: &str| Reply::new(status).body("application/json", body);
    let unsupported = Reply::new(406);
    for (path, reply, code, kind) in [
        ("/goods/none", None, 3, "not_found"),
        ("/goods/gone", Some(Reply::new(410)), 3, "gone"),
        ("/goods/mine", Some(Reply::new(403)), 5, "status"),
        ("/goods/broken", Some(labelled(200, "{")), 12, "decode"),
        ("/goods/other", Some(unsupported), 5, "status"),
    ] {
        if let Some(reply) = reply {
            desk.server.next_read(Step::new().answer(reply));
        }
        let ran = desk.run(&["get", &desk.url(path), "--json"]).await;
        let error = ran.error();
        assert_eq!((ran.code, &error["kind"]), (code, &kind.into()), "{ran:?}");
        assert_eq!(error["exit_code"], code);
        assert_eq!(ran.stdout, "");
    }
}

#[tokio::test]
async fn a_server_that_stays_busy_is_told_from_one_that_cannot_be_reached() {
    let desk = Desk::new().await;
    for _ in 0..40 {
        desk.server.next_read(Step::new().answer(Reply::new(503)));
    }
    let ran = desk
        .run(&["get", &desk.url("/goods/tea"), "--timeout", "0.5", "--json"])
        .await;
    assert_eq!(
        (ran.code, &ran.error()["kind"]),
        (10, &"exhausted".into()),
        "{ran:?}"
    );
    assert_eq!(ran.error()["status"], 503);

    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/goods/tea", free.local_addr().unwrap());
    drop(free);
    let ran = desk.run(&["get", &url, "--timeout", "0.5", "--json"]).await;
    assert_eq!(
        (ran.code, &ran.error()["kind"]),
        (11, &"transport".into()),
        "{ran:?}"
    );
}

#[tokio::test]
async fn writes_that_fail_end_with_the_code_of_their_kind() {
    let refused = Reply::problem(422, "https://example.com/unpaid", "Not paid");
    for (reply, code, kind) in [
        (refused, 5, "refused"),
        (Reply::new(423), 6, "locked"),
        (Reply::new(202), 8, "accepted"),
    ] {
        let desk = Desk::new().await;
        desk.server.put("/goods/tea", "{\"a\": 1}");
        desk.editor(&[&Desk::change("s/1/2/")]);
        for _ in 0..40 {
            let reply = reply.clone();
            desk.server.next_write(Step::new().answer(reply));
        }
        let url = desk.url("/goods/tea");
        let ran = desk.run(&["edit", &url, "--timeout", "1", "--json"]).await;
        assert_eq!(
            (ran.code, &ran.error()["kind"]),
            (code, &kind.into()),
            "{ran:?}"
        );
    }
}

#[tokio::test]
async fn a_document_without_a_version_is_not_written() {
    let desk = Desk::new().await;
    let reply = Reply::new(200).body("application/json", "{\"a\": 1}");
    desk.server.next_read(Step::new().answer(reply.clone()));
    desk.server.next_read(Step::new().answer(reply));
    desk.editor(&[&Desk::change("s/1/2/")]);
    let ran = desk.run(&["edit", &desk.url("/goods/tea"), "--json"]).await;
    assert_eq!(
        (ran.code, &ran.error()["kind"]),
        (9, &"unusable_validator".into()),
        "{ran:?}"
    );
    desk.server.requests().writes().assert_none();
    desk.kept_edit();
}

#[tokio::test]
async fn wrong_arguments_end_with_2_and_those_of_merge_stop_git() {
    let desk = Desk::new().await;
    for (arguments, code) in [
        (vec!["frobnicate"], 2),
        (vec!["get"], 2),
        (vec!["get", "articles/42"], 2),
        (vec!["get", "http://anna:pw@127.0.0.1/a"], 2),
        (vec!["get", "http://127.0.0.1/a", "--profile", "nothing"], 2),
        (vec!["edit", "http://127.0.0.1/a", "--rule", "/a=best"], 2),
        (vec!["merge", "one"], 129),
        (vec!["--help"], 0),
        (vec!["merge", "--help"], 0),
    ] {
        let ran = desk.run(&arguments).await;
        assert_eq!(ran.code, code, "{arguments:?}: {ran:?}");
        assert!(!ran.stderr.contains("pw"), "{ran:?}");
    }
    let ran = desk.run(&["get", "--json"]).await;
    assert_eq!(
        (ran.code, &ran.error()["kind"]),
        (2, &"usage".into()),
        "{ran:?}"
    );
}
