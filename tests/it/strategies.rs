//! Who decides: derived rules, built-in strategies, functions, people.

use std::time::Duration;

use crate::support::{ARTICLE, AT, Article, Event, Server, foreign};
use ifmatch::{
    Conflict, LastWriteWins, LocalWins, MergeStrategy, RemoteWins, Resolution, ThreeWay, ask_fn,
};

fn clash(server: &Server) {
    server.put(AT, ARTICLE);
    server.script([
        Event::Plain,
        foreign(|theirs| (theirs["title"], theirs["views"]) = ("theirs".into(), 5.into())),
    ]);
}

async fn outcome(strategy: impl MergeStrategy<Article>) -> Result<Article, ifmatch::Error> {
    let server = Server::default();
    clash(&server);
    let articles = server.client().collection_with("articles", strategy);
    let saved = articles.update(1, |article: &mut Article| {
        (article.title, article.body) = ("mine".into(), "mine".into());
    });
    Ok(saved.await?.into_inner())
}

fn article(title: &str, body: &str, views: u64) -> Article {
    Article {
        title: title.into(),
        body: body.into(),
        views,
    }
}

#[tokio::test]
async fn the_built_in_strategies_do_what_they_are_called() {
    assert_eq!(
        outcome(LocalWins).await.unwrap(),
        article("mine", "mine", 1)
    );
    assert_eq!(
        outcome(RemoteWins).await.unwrap(),
        article("theirs", "text", 5)
    );
    assert!(
        outcome(ThreeWay::default())
            .await
            .unwrap_err()
            .is_conflict()
    );
    assert_eq!(
        outcome(ThreeWay::default().or_else(LocalWins))
            .await
            .unwrap(),
        article("mine", "mine", 5)
    );
    assert_eq!(
        outcome(ThreeWay::default().or_else(RemoteWins))
            .await
            .unwrap(),
        article("theirs", "mine", 5)
    );
    assert_eq!(
        outcome(LastWriteWins::by("/views")).await.unwrap(),
        article("theirs", "text", 5)
    );
    assert!(
        outcome(LastWriteWins::by("/none"))
            .await
            .unwrap_err()
            .is_conflict()
    );
    let boxed: Box<dyn MergeStrategy<Article>> = Box::new(LocalWins);
    assert_eq!(outcome(boxed).await.unwrap(), article("mine", "mine", 1));
}

#[tokio::test(start_paused = true)]
async fn a_person_is_asked_what_is_open_and_may_take_longer_than_the_write() {
    let ask = ask_fn(|conflict: Conflict<Article>| async move {
        let open: Vec<_> = conflict
            .fields()
            .iter()
            .map(|field| field.pointer.clone())
            .collect();
        assert_eq!(open, ["/title"]);
        assert_eq!(
            conflict.merged.as_ref().unwrap(),
            &article("theirs", "mine", 5)
        );
        assert!(conflict.diff().contains("-  \"title\": \"old\""));
        assert_eq!((conflict.round, conflict.may_have_landed), (1, false));
        tokio::time::sleep(Duration::from_secs(600)).await;
        let merged = conflict.merged.ok_or("nothing merged")?;
        Ok(Resolution::Merged(Article {
            title: "both".into(),
            ..merged
        }))
    });
    assert_eq!(
        outcome(ThreeWay::default().or_else(ask)).await.unwrap(),
        article("both", "mine", 5)
    );
}

#[tokio::test(start_paused = true)]
async fn a_person_who_never_answers_is_not_waited_for_for_ever() {
    let ask = ask_fn(|_: Conflict<Article>| std::future::pending()).time(Duration::from_secs(5));
    let error = outcome(ThreeWay::default().or_else(ask)).await.unwrap_err();
    assert!(error.is_exhausted(), "{error:?}");
}

#[tokio::test]
async fn an_overwrite_by_a_person_is_pinned_to_the_version_that_was_shown() {
    let server = Server::default();
    clash(&server);
    let racing = server.clone();
    let articles = server
        .client()
        .collection_with::<Article>("articles", ThreeWay::default())
        .ask_with(move |conflict| {
            if conflict.round == 1 {
                // While the person looks at it, a third writer comes.
                racing.put(AT, &ARTICLE.replace("text", "third"));
            }
            async { Ok(Resolution::KeepLocal) }
        });
    let saved = articles
        .update(1, |article| article.title = "mine".into())
        .await
        .unwrap();
    assert_eq!(saved.report().rounds, 3);
    assert_eq!(server.value(AT)["title"], "mine");
}

#[tokio::test]
async fn a_resolution_can_remove_what_it_saw() {
    let server = Server::default();
    clash(&server);
    let articles = server
        .client()
        .collection_with::<Article>("articles", ask_fn(|_| async { Ok(Resolution::Delete) }));
    let error = articles
        .update(1, |article| article.title = "mine".into())
        .await
        .unwrap_err();
    assert!(error.is_gone(), "{error:?}");
    assert!(server.text(AT).is_none());
    assert_eq!(
        server.seen().last().unwrap().header("if-match"),
        Some("\"2\"")
    );
}

#[tokio::test]
async fn calls_can_be_spawned_joined_and_raced() {
    let server = Server::with(AT, ARTICLE);
    let articles = server
        .client()
        .collection_with::<Article>("articles", ThreeWay::default());
    let spawned = tokio::spawn(articles.update(1, |article| article.views += 1));
    spawned.await.unwrap().unwrap();
    tokio::select! {
        read = articles.get(1) => assert_eq!(read.unwrap().views, 2),
        () = tokio::time::sleep(Duration::from_secs(10)) => panic!("too late"),
    }
    let unused = articles.update(1, |article| article.views += 1);
    drop(unused);
    assert_eq!(server.value(AT)["views"], 2);
}
