//! A scripted event happens as scripted, over a socket and within the process.

use std::time::Duration;

use ifmatch::testing::{Lost, Reply, ResourceServer, Step};
use ifmatch::{Client, Collection, Limits};
use serde_json::{Value, json};

async fn notes() -> (ResourceServer, Collection<Value>) {
    let server = ResourceServer::start().await;
    server.put("/notes/1", r#"{"title": "old", "n": 0}"#);
    let notes = server.in_process().build().unwrap().collection("notes");
    (server, notes)
}

fn set(n: u64) -> impl Fn(&mut Value) + Send + 'static {
    move |note| note["n"] = n.into()
}

#[tokio::test(start_paused = true)]
async fn somebody_changes_the_title_before_the_second_write() {
    let (server, notes) = notes().await;
    server.nth_write(2, Step::new().edit(|note| note["title"] = "theirs".into()));
    let first = notes.update(1, set(1)).await.unwrap();
    assert_eq!(first.report().rounds, 1);
    let second = notes.update(1, set(2)).await.unwrap();
    assert_eq!(
        (second.report().rounds, second["title"].as_str()),
        (2, Some("theirs"))
    );
    server
        .requests()
        .put()
        .of_version(2)
        .answered(412)
        .assert_one();
    server
        .requests()
        .put()
        .of_version(3)
        .answered(204)
        .assert_one();
}

#[tokio::test(start_paused = true)]
async fn somebody_removes_the_resource_first() {
    let (server, notes) = notes().await;
    notes.get(1).await.unwrap();
    server.next_write(Step::new().remove());
    let error = notes.update(1, set(1)).await.unwrap_err();
    assert!(error.is_gone() || error.is_conflict(), "{error}");
    assert_eq!(server.text("/notes/1"), None);
}

#[tokio::test]
async fn lost_requests_and_replies_look_alike_over_a_socket_and_within_the_process() {
    for socket in [false, true] {
        let (server, mut notes) = notes().await;
        if socket {
            notes = Client::new(server.uri()).unwrap().collection("notes");
        }
        notes.get(1).await.unwrap();
        server.next_write(Step::new().lose_reply());
        let settled = notes.update(1, set(1)).await.unwrap();
        assert!(settled.report().settled);
        server.next_write(Step::new().lose_request());
        let sent_again = notes.update(1, set(2)).await.unwrap();
        assert!(!sent_again.report().settled);

        let lost: Vec<_> = server
            .requests()
            .lost()
            .iter()
            .map(|one| (one.lost, one.status))
            .collect();
        assert_eq!(lost, [(Some(Lost::Reply), 204), (Some(Lost::Request), 0)]);
        server.requests().put().assert_count(3);
        assert_eq!(server.version("/notes/1"), Some(3));
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_is_waited_for_without_any_time_passing() {
    for status in [429, 503] {
        let (server, notes) = notes().await;
        let busy = Reply::new(status).retry_after(Duration::from_millis(19_500));
        server.next_write(Step::new().answer(busy));
        let saved = notes.update(1, set(1)).await.unwrap();
        assert!(saved.report().waited >= Duration::from_secs(20));
        server.requests().put().answered(status).assert_one();
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_server_can_be_met_by_a_read_too() {
    let (server, notes) = notes().await;
    server.next_read(Step::new().answer(Reply::new(503)));
    assert_eq!(notes.get(1).await.unwrap()["n"], 0);
    server.requests().get().assert_count(2);
}

#[tokio::test(start_paused = true)]
async fn a_reply_that_comes_too_late_counts_as_lost() {
    let server = ResourceServer::start().await;
    server.put("/notes/1", r#"{"n": 0}"#);
    let limits = Limits::default().request(Duration::from_secs(3));
    let client = server.in_process().limits(limits).build().unwrap();
    let notes = client.collection::<Value>("notes");
    server.next_write(Step::new().delay(Duration::from_secs(5)));
    let saved = notes.update(1, set(1)).await.unwrap();
    assert!(saved.report().settled);
    server.requests().put().assert_one();
}

#[tokio::test(start_paused = true)]
async fn a_gateway_can_lose_patience_after_the_write_was_carried_out() {
    let (server, notes) = notes().await;
    server.next_write(Step::new().answer_after(Reply::new(504)));
    let saved = notes.update(1, set(1)).await.unwrap();
    assert!(saved.report().settled);
    assert_eq!(server.requests().put().assert_one().status, 504);
    assert_eq!(server.version("/notes/1"), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_lock_holds_until_it_is_taken_away() {
    let (server, notes) = notes().await;
    server.lock("/notes/1");
    let error = notes.update(1, set(1)).await.unwrap_err();
    assert!(error.is_locked(), "{error}");
    assert_eq!(notes.get(1).await.unwrap()["n"], 0);
    server.unlock("/notes/1");
    assert_eq!(notes.update(1, set(1)).await.unwrap()["n"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_scripted_refusal_reaches_the_caller_and_is_not_carried_out() {
    let (server, notes) = notes().await;
    let problem = json!({"type": "https://api.test/unpaid", "title": "Not paid"});
    server.refuse_next_write(409, &problem);
    let error = notes.update(1, set(1)).await.unwrap_err();
    assert!(error.is_refused());
    assert_eq!(error.problem().unwrap().title(), Some("Not paid"));
    assert_eq!(server.version("/notes/1"), Some(1));
}

#[tokio::test(start_paused = true)]
async fn bodies_are_bounded_within_the_process_as_over_a_socket() {
    let server = ResourceServer::start().await;
    server.put("/notes/1", &format!("\"{}\"", "x".repeat(100)));
    let limits = Limits::default().body(50).refusal_body(9);
    let client = server.in_process().limits(limits).build().unwrap();
    let notes = client.collection::<Value>("notes");
    assert!(notes.get(1).await.unwrap_err().is_too_large());
    server.next_write(Step::new().answer(Reply::new(400).body("text/plain", "aäaäaäaä")));
    let error = notes.create(2, &json!(1)).await.unwrap_err();
    assert_eq!(error.problem().unwrap().raw(), "aäaäaä".as_bytes());
}

#[test]
fn a_step_shows_what_it_does() {
    let step = Step::new()
        .edit(|_| ())
        .answer(Reply::new(503))
        .lose_reply();
    let shown = format!("{step:?}");
    assert!(shown.contains("Reply") && shown.contains("edit") && shown.contains("503"));
}
