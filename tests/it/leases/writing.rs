//! Writes under a lease.

use ifmatch::{ErrorKind, Leases};
use serde_json::Value;

use super::{Program, TTL, rename, two_programs};
use crate::support::{ARTICLE, AT, Event, Server};

#[tokio::test(start_paused = true)]
async fn a_write_under_a_lease_keeps_the_token_of_its_holder() {
    let (server, one, other) = two_programs();
    let held = one.acquired().await;
    rename(&one.under(&held), "first").await.unwrap();
    assert_eq!(server.value(AT)["meta"]["fence"], 1);
    held.release().await.unwrap();
    let held = other.acquired().await;
    rename(&other.under(&held), "second").await.unwrap();
    let stored = server.value(AT);
    assert_eq!(
        (&stored["title"], &stored["meta"]["fence"]),
        (&"second".into(), &2.into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_stood_still_does_not_write_over_the_next_one() {
    let (server, one, other) = two_programs();
    let held = one.acquired().await;
    let under = one.under(&held);
    rename(&under, "first").await.unwrap();
    // Its program stands still, and the next one takes over.
    server.script((0..1_000).map(|_| Event::NoConnection));
    let lost = held.lost().await;
    server.end_script();
    let next = other.leases.acquire("nightly").wait(TTL * 2).await.unwrap();
    rename(&other.under(&next), "second").await.unwrap();
    let late = rename(&under, "late").await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::LeaseLost, "{lost}");
    assert_eq!(server.value(AT)["title"], "second");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_does_not_know_of_its_loss_stops_at_the_token_of_the_next_one() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let under = one.under(&held);
    rename(&under, "first").await.unwrap();
    // Another holder has written, although this one believes in its lease.
    server.put(AT, r#"{"title":"second","meta":{"fence":2}}"#);
    let late = rename(&under, "late").await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::LeaseLost);
    assert!(late.to_string().contains("token 2"), "{late}");
    let mut read = one.articles.get(1).await.unwrap();
    read["title"] = "late".into();
    assert_eq!(
        under.save(&read).await.unwrap_err().kind(),
        ErrorKind::LeaseLost
    );
    assert_eq!(server.value(AT)["title"], "second");
}

#[tokio::test(start_paused = true)]
async fn a_write_in_doubt_whose_lease_ends_is_no_plain_failure() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let under = one.under(&held);
    one.articles.get(1).await.unwrap();
    server.script([Event::Hang]);
    server.script((0..1_000).map(|_| Event::NoConnection));
    let error = rename(&under, "mine").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutcomeUnknown, "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_released_lease_protects_no_write() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let under = one.under(&held);
    held.release().await.unwrap();
    let error = rename(&under, "late").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LeaseLost);
    assert_eq!(server.value(AT)["title"], "old");
}

#[tokio::test(start_paused = true)]
async fn writes_under_a_lease_do_not_join_those_without() {
    let (server, one, _) = two_programs();
    let held = one.acquired().await;
    let under = one.under(&held);
    let renamed = rename(&under, "mine");
    let counted = async {
        let update = one
            .articles
            .update(1, |article| article["views"] = 9.into());
        update.await
    };
    let again = rename(&one.articles, "not mine");
    let (renamed, counted, again) = tokio::join!(renamed, counted, again);
    renamed.unwrap();
    counted.unwrap();
    again.unwrap();
    assert_eq!(server.value(AT)["meta"]["fence"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_lease_can_be_a_member_of_the_resource_that_it_protects() {
    let server = Server::with(AT, ARTICLE);
    let (one, other) = (Program::new(&server), Program::new(&server));
    let leases = |program: &Program| Leases::field("/meta/lock").on(&program.articles);
    let held = leases(&one).acquire(1).await.unwrap();
    let under = one.articles.clone().under(&held);
    rename(&under, "mine").await.unwrap();
    let refused = leases(&other).acquire(1).wait(TTL / 3).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Locked);
    held.release().await.unwrap();
    let next = leases(&other).acquire(1).await.unwrap();
    assert_eq!(next.token(), 2);
    let stored = server.value(AT);
    assert_eq!(
        (&stored["title"], &stored["views"]),
        (&"mine".into(), &1.into())
    );
    // The lease protects nothing else.
    server.put("/v1/articles/2", ARTICLE);
    let under = other.articles.clone().under(&next);
    let update = under.update(2, |article: &mut Value| article["n"] = 1.into());
    assert_eq!(update.await.unwrap_err().kind(), ErrorKind::Config);
}

#[tokio::test(start_paused = true)]
async fn a_fence_without_a_lease_is_a_mistake() {
    let (_, one, _) = two_programs();
    let fenced = one.articles.clone().fenced("/meta/fence");
    let error = rename(&fenced, "mine").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test(start_paused = true)]
async fn writes_under_a_lease_are_not_queued() {
    let server = Server::with(AT, ARTICLE);
    let journal = ifmatch::Journal::in_memory();
    let client = server.builder().journal(journal).build().unwrap();
    let leases = Leases::documents(&client, "leases");
    let held = leases.acquire("nightly").await.unwrap();
    let articles = client.collection::<Value>("articles").under(&held);
    let update = articles.update(1, |article| article["n"] = 1.into());
    assert_eq!(update.queue().await.unwrap_err().kind(), ErrorKind::Config);
}
