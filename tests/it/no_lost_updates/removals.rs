//! Deletes: pinned to the state that was seen, and overruled without loss.

use crate::support::{ARTICLE, AT, Article, Event, Removes, Server, articles, draft, foreign};
use ifmatch::{BoxError, Conflict, MergeStrategy, Resolution, async_trait};

#[tokio::test(start_paused = true)]
async fn a_removal_by_id_that_meets_an_edit_tells_what_it_had_read() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, foreign(|t| t["title"] = "theirs".into())]);
    let error = articles(&server).delete(1).await.unwrap_err();
    let sides = error.into_sides::<Article>().unwrap();
    assert_eq!(sides.base.map(|base| base.title).as_deref(), Some("old"));
}

#[tokio::test(start_paused = true)]
async fn a_removal_by_id_of_what_only_got_another_version_is_carried_out() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Plain, Event::ForeignText(ARTICLE.into())]);
    let outcome = articles(&server).delete(1).await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

struct Mine;

#[async_trait]
impl MergeStrategy<Article> for Mine {
    async fn resolve(&self, c: &Conflict<Article>) -> Result<Resolution<Article>, BoxError> {
        Ok(Resolution::Merged(c.local.clone().unwrap()))
    }
}

#[tokio::test(start_paused = true)]
async fn fields_the_type_does_not_know_survive_a_removal_that_is_overruled() {
    let server = Server::with(
        AT,
        r#"{"title":"old","body":"text","views":1,"price":1.10}"#,
    );
    server.script([Event::Plain, Event::ForeignRemoval]);
    articles(&server)
        .update(1, |a| a.title = "mine".into())
        .strategy(Mine)
        .await
        .unwrap();
    let text = server.text(AT).unwrap();
    assert!(text.contains("\"price\":1.10"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_update_that_may_create_after_a_removal_sends_no_removal() {
    let server = Server::with(AT, ARTICLE);
    server.script([
        Event::Plain,
        foreign(|t| t["title"] = "theirs".into()), // PUT: 412
        Event::Plain,                              // GET; the strategy removes
        Event::ForeignRemoval,                     // DELETE: gone already
    ]);
    let outcome = articles(&server)
        .update(1, |a| a.title = "mine".into())
        .strategy(Removes)
        .if_absent(draft())
        .await;
    let odd = server
        .seen()
        .into_iter()
        .any(|s| s.method == "DELETE" && s.header("if-none-match").is_some());
    assert!(!odd, "DELETE with If-None-Match: {outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_removal_of_a_seen_version_removes_no_other() {
    let server = Server::with(AT, ARTICLE);
    let all = articles(&server);
    let one = all.item(1);
    let seen = one.get().await.unwrap();
    // An edit that the caller has not seen: nothing is removed, although the current version could be.
    server.put(AT, r#"{"title":"theirs","body":"text","views":1}"#);
    let error = one.delete().pinned(&seen).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    assert_eq!(server.value(AT)["title"], "theirs");
    // What a save returned pins as well as what was read.
    let seen = one.update(|a| a.views = 7).await.unwrap();
    let requests = server.seen().len();
    one.delete().pinned(&seen).await.unwrap();
    assert_eq!(server.text(AT), None);
    let removal = &server.seen()[requests..];
    assert_eq!(removal.len(), 1, "it was not read again");
    assert!(removal[0].header("if-match").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_version_of_another_resource_pins_no_removal() {
    let server = Server::with(AT, ARTICLE);
    server.put("/v1/articles/2", ARTICLE);
    let all = articles(&server);
    let seen = all.get(1).await.unwrap();
    let error = all.item(2).delete().pinned(&seen).await.unwrap_err();
    assert!(error.is_config(), "{error:?}");
    let error = all.item(2).delete().pinned("2").await.unwrap_err();
    assert!(error.is_config(), "{error:?}");
    let other = all.query("tenant", "b").item(1);
    let error = other.delete().pinned(&seen).await.unwrap_err();
    assert!(error.to_string().contains("\"tenant\""), "{error}");
    assert_eq!(server.methods(), ["GET"]);
}
