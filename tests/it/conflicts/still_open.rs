//! Whether a conflict is still open, as the list of the service shows it.

use ifmatch::testing::{Reply, ResourceServer, Step};
use ifmatch::{ConflictNotice, Error, Resolution, Resolved};
use serde_json::{Value, json};

use super::{articles, clash, found, next};

/// What becomes of a decision that is refused with 410, if the service lists the conflicts so.
async fn refused_while_listed(pages: Vec<Reply>) -> Result<Resolved<Value>, Error> {
    let (server, _) = clash().await;
    let conflict = found(&server).await;
    server.next_write(Step::new().answer(Reply::new(410)));
    // The resource is read to see whether it has the decision.
    server.next_read(Step::new());
    server.next_read(Step::new());
    for page in pages {
        server.next_read(Step::new().answer(page));
    }
    let outcome = conflict.resolve(Resolution::Merged(json!({"title": "both"})));
    let outcome = outcome.await;
    let lists = server.requests().to("/conflict-notifications").count();
    assert!((3..1_100).contains(&lists), "{lists} requests");
    outcome
}

#[tokio::test(start_paused = true)]
async fn a_conflict_on_a_later_page_is_still_open() {
    let next = "/conflict-notifications?page=2";
    for (name, value) in [
        ("link", format!("<{next}>; rel=\"next\"")),
        ("next-page", next.to_owned()),
    ] {
        let first = Reply::new(200).json(&json!([])).header(name, &value);
        let outcome = refused_while_listed(vec![first]).await;
        assert!(outcome.is_err(), "{name}: {outcome:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_does_not_end_proves_nothing() {
    let page = Reply::new(200).json(&json!([]));
    let page = page.header("link", "</conflict-notifications?page=n>; rel=\"next\"");
    let outcome = refused_while_listed(vec![page; 2_000]).await;
    assert!(outcome.is_err(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_conflict_that_is_listed_without_its_resource_is_still_open() {
    let list = Reply::new(200).json(&json!([{"id": "c1"}]));
    let outcome = refused_while_listed(vec![list]).await;
    assert!(outcome.is_err(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn the_list_is_asked_for_as_it_was_subscribed_to_and_not_taken_from_a_cache() {
    let server = ResourceServer::start().await;
    server.put("/articles/42", r#"{"title": "theirs"}"#);
    let list = Reply::new(200).json(&json!([{"id": "c1", "resource": "42"}]));
    server.next_read(Step::new().answer(Reply::new(406)));
    server.next_read(Step::new().answer(list.clone()));
    let (client, articles) = articles(&server);
    let mut notices = client.watch_conflicts(&articles).of([42]).await.unwrap();
    let ConflictNotice::Reported(conflict) = next(&mut notices).await else {
        unreachable!("the conflict is told first");
    };
    server.next_write(Step::new().answer(Reply::new(410)));
    server.next_read(Step::new());
    server.next_read(Step::new());
    server.next_read(Step::new().answer(list));
    let outcome = conflict.resolve(Resolution::Delete).await;
    assert!(outcome.is_err(), "{outcome:?}");
    let asked = server.requests().to("/conflict-notifications");
    assert_eq!(asked.count(), 3);
    for asked in asked.iter() {
        assert_eq!(asked.query.as_deref(), Some("resource=articles%2F42"));
        assert_eq!(asked.header("cache-control"), "no-cache");
        assert!(!asked.header("accept").contains('*'), "a stream would do");
    }
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_shown_again_with_the_refused_write_that_is_told_now() {
    let (server, desk) = clash().await;
    let conflict = found(&server).await;
    let later = json!({"title": "mine, later"});
    desk.tell(json!({"id": "c1", "resource": "articles/42", "local": later}));
    server.put("/articles/42", r#"{"title": "newest"}"#);
    let outcome = conflict.resolve(Resolution::KeepLocal).await.unwrap();
    let Resolved::Changed(again) = outcome else {
        unreachable!("the resource has changed");
    };
    assert_eq!(again.conflict().local, Some(later));
    assert_eq!(again.conflict().remote, Some(json!({"title": "newest"})));
}
