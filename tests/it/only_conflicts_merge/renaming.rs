//! A creation whose name is taken goes to the name that a handler chooses.

use ifmatch::{Answer, Collection, LocalWins, RefusalKind};
use serde_json::json;

use crate::support::{ARTICLE, Article, Event, Server};
use crate::support::{AT, Always, articles, draft};

fn renaming(server: &Server) -> Collection<Article> {
    articles(server).on_refusal(Always(|refusal| match refusal.kind {
        RefusalKind::AlreadyExists => Answer::Rename(format!("1-{}", refusal.attempt)),
        _ => Answer::GiveUp,
    }))
}

#[tokio::test]
async fn a_creation_goes_to_another_name_under_the_same_condition() {
    let server = Server::with(AT, r#"{"title":"theirs","body":"","views":0}"#);
    server.put("/v1/articles/1-1", ARTICLE);
    let made = renaming(&server).create(1, &draft()).await.unwrap();
    assert_eq!(made.snapshot().id(), Some("1-2"));
    assert_eq!(server.text("/v1/articles/1-2").as_deref(), Some(ARTICLE));
    assert_eq!(server.value(AT)["title"], "theirs");
    let writes: Vec<_> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.method == "PUT")
        .collect();
    assert_eq!(writes.len(), 3);
    for write in writes {
        assert_eq!(write.header("if-none-match"), Some("*"));
    }
    let report = made.report();
    let seen = u32::try_from(server.seen().len()).unwrap();
    assert_eq!((report.rounds, report.requests), (3, seen));
    // The handle is the new resource's: what is saved next goes there.
    let mut next = made.into_versioned();
    next.title = "next".into();
    renaming(&server).save(next).await.unwrap();
    assert_eq!(server.value("/v1/articles/1-2")["title"], "next");
}

#[tokio::test]
async fn a_changed_document_goes_along_to_the_new_name() {
    let server = Server::with(AT, ARTICLE);
    let handler = Always::<Article>(|refusal| {
        let mut local = refusal.local.clone().unwrap();
        if local.title == "old" {
            local.title = "renamed".into();
            return Answer::Change(local);
        }
        Answer::Rename("2".into())
    });
    let articles = articles(&server).on_refusal(handler);
    articles.create(1, &draft()).await.unwrap();
    assert_eq!(
        server.value("/v1/articles/2"),
        json!({"title": "renamed", "body": "text", "views": 1})
    );
}

#[tokio::test]
async fn the_rounds_of_a_creation_bound_its_names() {
    let server = Server::with(AT, ARTICLE);
    for n in 1..20 {
        server.put(&format!("/v1/articles/1-{n}"), ARTICLE);
    }
    let error = renaming(&server)
        .create(1, &draft())
        .max_rounds(3)
        .await
        .unwrap_err();
    assert!(error.is_already_exists(), "{error:?}");
    assert_eq!(error.report().rounds, 3);
    assert!(error.report().why.contains("the round limit"), "{error:?}");
    let writes = server.methods().iter().filter(|m| *m == "PUT").count();
    assert_eq!(writes, 3);
    let sides = error.into_sides::<Article>().unwrap();
    assert_eq!(sides.local.unwrap().title, "old");
}

#[tokio::test]
async fn a_name_that_names_nothing_is_told_and_nothing_is_sent() {
    let server = Server::with(AT, ARTICLE);
    let handler = Always::<Article>(|_| Answer::Rename("..".into()));
    let articles = articles(&server).on_refusal(handler);
    let error = articles.create(1, &draft()).await.unwrap_err();
    assert!(error.is_config(), "{error:?}");
    assert!(error.sides::<Article>().unwrap().local.is_some());
    assert!(server.seen().iter().all(|seen| seen.path == AT));
}

#[tokio::test]
async fn only_a_creation_under_a_name_can_be_renamed() {
    let server = Server::with(AT, ARTICLE);
    let rename = || Always::<Article>(|_| Answer::Rename("2".into()));
    let refusal = || Event::Answer(409, &[], r#"{"code":"already_exists"}"#);
    server.script([refusal()]);
    let posted = articles(&server).on_refusal(rename()).post(&draft()).await;
    let error = posted.unwrap_err();
    assert!(
        error
            .report()
            .why
            .contains("a POST cannot go to another id"),
        "{error:?}"
    );

    server.script([Event::Plain, refusal()]);
    let updating = articles(&server).on_refusal(rename());
    let error = updating.update(1, |a| a.views = 9).await.unwrap_err();
    assert!(error.report().why.contains("only a creation"), "{error:?}");

    server.put("/v1/settings", ARTICLE);
    let single = server
        .client()
        .resource_with::<Article>("settings", LocalWins)
        .on_refusal(rename());
    let error = single.create(&draft()).await.unwrap_err();
    assert!(error.is_config(), "{error:?}");
    assert!(server.text("/v1/articles/2").is_none());
}
