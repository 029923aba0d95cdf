//! Promise 2 for creations: one that was applied is not told as one that failed, whatever else the response says.

use ifmatch::ErrorKind;
use ifmatch::testing::{Reply, ResourceServer, Step};
use serde_json::{Value, json};

/// A success that says that something was wrong.
fn success_with_a_problem() -> Step {
    Step::new().answer_after(Reply::problem(200, "mail", "The mail was not sent"))
}

#[tokio::test(start_paused = true)]
async fn a_creation_answered_by_a_problem_in_a_200_is_settled_by_a_read() {
    let server = ResourceServer::start().await;
    let notes = server
        .in_process()
        .build()
        .unwrap()
        .collection::<Value>("notes");
    server.next_write(success_with_a_problem());
    let made = notes.create("a", &json!({"by": "me"})).await.unwrap();
    assert_eq!(*made, json!({"by": "me"}));
    server.requests().writes().assert_one();
}

#[tokio::test(start_paused = true)]
async fn a_creation_refused_by_a_problem_in_a_200_is_refused_once_a_read_has_shown_nothing() {
    let server = ResourceServer::start().await;
    let notes = server
        .in_process()
        .build()
        .unwrap()
        .collection::<Value>("notes");
    server.next_write(Step::new().answer(Reply::problem(200, "quota", "No more notes")));
    let error = notes.create("a", &json!({"by": "me"})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.problem().unwrap().title(), Some("No more notes"));
}

#[tokio::test(start_paused = true)]
async fn an_edit_does_not_run_on_what_its_own_call_has_created() {
    let server = ResourceServer::start().await;
    let notes = server
        .in_process()
        .build()
        .unwrap()
        .collection::<Value>("notes");
    server.next_write(success_with_a_problem());
    let count = |note: &mut Value| note["visits"] = (note["visits"].as_u64().unwrap() + 1).into();
    let counted = notes.update("a", count).if_absent(json!({"visits": 1}));
    assert_eq!(*counted.await.unwrap(), json!({"visits": 1}));
    assert_eq!(server.text("/notes/a").as_deref(), Some(r#"{"visits":1}"#));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_with_such_a_creation_is_done_or_leaves_nothing() {
    for nth in [1, 2] {
        let server = ResourceServer::start().await;
        server.put("/accounts/anna", r#"{"balance":50}"#);
        let client = server.in_process().build().unwrap();
        let notes = client.collection::<Value>("notes");
        let accounts = client
            .collection::<Value>("accounts")
            .write_stamp("/writes");
        server.nth_write(nth, success_with_a_problem());
        let withdraw = |anna: &mut Value| anna["balance"] = 40.into();
        let all = client.transaction();
        let all = if nth == 1 {
            all.create(&notes, "a", &json!({"by": "me"}))
                .update(&accounts, "anna", withdraw)
        } else {
            all.update(&accounts, "anna", withdraw)
                .create(&notes, "a", &json!({"by": "me"}))
        };
        all.commit().await.unwrap();
        assert_eq!(server.text("/notes/a").as_deref(), Some(r#"{"by":"me"}"#));
        assert!(
            server
                .text("/accounts/anna")
                .unwrap()
                .contains(r#""balance":40"#)
        );
    }
}
