//! Assertions pass when they should, and their failures name the recorded requests.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ifmatch::testing::{Reply, ResourceServer};
use serde_json::Value;

/// One read, a refused write, a read, a write.
async fn after_a_race() -> ResourceServer {
    let server = ResourceServer::start().await;
    server.put("/notes/1", r#"{"n": 0}"#);
    let notes = server
        .in_process()
        .build()
        .unwrap()
        .collection::<Value>("notes")
        .query("a", "b");
    notes.get(1).await.unwrap();
    server.before_next_write(|note| note["by"] = "somebody".into());
    notes.update(1, |note| note["n"] = 1.into()).await.unwrap();
    server
}

/// The message of a failing assertion.
fn message(assertion: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(assertion)).unwrap_err();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[tokio::test]
async fn requests_are_picked_out_by_what_they_carry() {
    let server = after_a_race().await;
    let requests = || server.requests().to("/notes/1");
    requests().assert_count(4);
    requests().reads().assert_count(2);
    requests().writes().assert_count(2);
    requests()
        .put()
        .if_match("\"v2\"")
        .answered(204)
        .assert_one();
    requests().of_version(3).assert_none();
    requests().unconditional().writes().assert_none();
    requests().patch().assert_none();
    requests().post().assert_none();
    requests().delete().assert_none();
    requests().lost().assert_none();
    server.requests().to("/notes/2").assert_none();
    let one = requests().of_version(1).assert_one();
    assert_eq!(
        (one.status, one.header("if-match"), one.header("x-none")),
        (412, "\"v1\"", "")
    );
    assert!(one.is_conditional() && one.reply.contains("stale"));
    assert_eq!(
        one.reply_headers["content-type"],
        "application/problem+json"
    );
}

#[tokio::test]
async fn a_failed_count_prints_what_came_instead() {
    let server = after_a_race().await;
    let message = message(|| server.requests().put().of_version(3).assert_count(1));
    let expected = "expected 1 request (PUT, with If-Match: \"v3\"), but there were 0\n\
                    the server saw:\n  \
                    1. GET /notes/1?a=b -> 200\n  \
                    2. PUT /notes/1?a=b If-Match: \"v1\" -> 412\n  \
                    3. GET /notes/1?a=b -> 200\n  \
                    4. PUT /notes/1?a=b If-Match: \"v2\" -> 204\n";
    assert_eq!(message, expected);
}

#[tokio::test]
async fn what_was_counted_is_marked_in_the_list() {
    let server = after_a_race().await;
    let message = message(|| server.requests().answered(412).assert_none());
    assert!(message.contains("expected 0 requests (answered 412), but there were 1"));
    assert!(message.contains("\n* 2. PUT") && message.contains("\n  1. GET"));
}

#[tokio::test]
async fn lines_are_compared_in_order() {
    let server = after_a_race().await;
    let right = [
        r#"PUT /notes/1?a=b If-Match: "v1" -> 412"#,
        r#"PUT /notes/1?a=b If-Match: "v2" -> 204"#,
    ];
    server.requests().writes().assert_lines(right);
    let message = message(|| {
        server
            .requests()
            .writes()
            .assert_lines([right[1], right[0]]);
    });
    assert!(
        message.starts_with(
            "expected these requests (writes):\n* 1. PUT /notes/1?a=b If-Match: \"v2\""
        )
    );
    assert!(message.contains("the server saw:"));
}

#[tokio::test]
async fn a_server_that_saw_nothing_says_so() {
    let server = ResourceServer::start().await;
    let message = message(|| drop(server.requests().assert_one()));
    assert_eq!(
        message,
        "expected 1 request, but there were 0\nthe server saw no request\n"
    );
}

#[test]
fn replies_that_nobody_could_send_are_told_at_once() {
    assert!(message(|| drop(Reply::new(42))).contains("42 is not a status"));
    let header = message(|| drop(Reply::new(200).header("x", "a\nb")));
    assert!(header.contains("no header can carry \"x\""));
}
