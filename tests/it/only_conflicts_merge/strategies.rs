//! Conflict resolution by derived rules, built-in strategies, functions and people.

use std::sync::Arc;
use std::time::Duration;

use crate::support::{ARTICLE, AT, Article, Event, Server, articles, edit, foreign};
use ifmatch::{
    Conflict, LastWriteWins, LocalWins, MergeStrategy, RemoteWins, Resolution, ThreeWay, Versioned,
    ask_fn, merge_fn,
};
use serde::{Deserialize, Serialize};

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
    let articles = server.client().collection_with("articles", LocalWins);
    let update = articles.update(1, |article: &mut Article| {
        (article.title, article.body) = ("mine".into(), "mine".into());
    });
    Ok(update.strategy(strategy).await?.into_inner())
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
        assert_eq!((conflict.round, conflict.may_have_been_applied), (1, false));
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
    let ask = ask_fn(move |conflict: Conflict<Article>| {
        if conflict.round == 1 {
            // While the person looks at it, a third writer comes.
            racing.put(AT, &ARTICLE.replace("text", "third"));
        }
        async { Ok(Resolution::KeepLocal) }
    });
    let articles = articles(&server);
    let saved = articles
        .update(1, edit)
        .strategy(ThreeWay::default().or_else(ask))
        .await
        .unwrap();
    assert_eq!(saved.report().rounds, 3);
    assert_eq!(server.value(AT)["title"], "mine");
}

#[tokio::test]
async fn a_resolution_can_remove_what_it_saw() {
    let server = Server::default();
    clash(&server);
    let articles = articles(&server);
    let error = articles
        .update(1, edit)
        .strategy(ask_fn(|_| async { Ok(Resolution::Delete) }))
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
    let articles = articles(&server);
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

/// A range whose ends have an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "(i32, i32)", into = "(i32, i32)")]
struct Range(i32, i32);

impl TryFrom<(i32, i32)> for Range {
    type Error = &'static str;

    fn try_from((low, high): (i32, i32)) -> Result<Self, Self::Error> {
        if low <= high {
            Ok(Self(low, high))
        } else {
            Err("the ends are swapped")
        }
    }
}

impl From<Range> for (i32, i32) {
    fn from(Range(low, high): Range) -> Self {
        (low, high)
    }
}

#[tokio::test]
async fn two_edits_that_the_type_does_not_allow_together_are_a_conflict_of_the_whole() {
    let at = "/v1/ranges/1";
    let server = Server::with(at, "[1,9]");
    // Each is fine alone.
    server.script([Event::Plain, Event::ForeignText("[1,3]".into())]);
    let ranges = server
        .client()
        .collection_with::<Range>("ranges", ThreeWay::default());
    let update = ranges.update(1, |range| range.0 = 5);
    let error = update.strategy(ThreeWay::default()).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    let sides = error.into_sides::<Range>().unwrap();
    assert_eq!(sides.base, Some(Range(1, 9)));
    assert_eq!(sides.local, Some(Range(5, 9)));
    assert_eq!(sides.remote.map(Versioned::into_inner), Some(Range(1, 3)));
    assert_eq!(sides.fields.len(), 1);
    assert_eq!(sides.fields[0].pointer, "");
    assert_eq!(server.value(at), serde_json::json!([1, 3]));
}

/// The title is lost and another client has written it since: a strategy that looks at states can be asked.
#[tokio::test(start_paused = true)]
async fn a_strategy_in_a_box_or_in_parts_is_asked_in_doubt_as_it_would_be_alone() {
    let mine = || merge_fn(|_, local: &Article, _: &Article| Ok(local.clone())).state_like();
    let person = || ask_fn(|_: Conflict<Article>| async { Ok(Resolution::KeepLocal) });
    let strategies: [Box<dyn MergeStrategy<Article>>; 6] = [
        Box::new(mine()),
        Box::new(person()),
        Box::new(Arc::new(mine()) as Arc<dyn MergeStrategy<Article>>),
        Box::new(mine().or_else(person())),
        Box::new(ThreeWay::default().or_else(LocalWins).clone()),
        Box::new(Box::new(person()) as Box<dyn MergeStrategy<Article>>),
    ];
    for (number, strategy) in strategies.into_iter().enumerate() {
        let server = Server::with(AT, ARTICLE);
        server.script([
            Event::Plain,
            Event::LoseReply,
            foreign(|theirs| theirs["title"] = "theirs".into()),
        ]);
        let articles = server.client().collection_with("articles", strategy);
        let saved = articles.update(1, edit);
        let saved = saved.await;
        assert_eq!(saved.unwrap().title, "mine", "{number}");
    }
}

#[test]
fn strategies_show_what_they_are_made_of() {
    let strategy = merge_fn(|_, local: &Article, _: &Article| Ok(local.clone())).or_else(ask_fn(
        |_: Conflict<Article>| async { Ok(Resolution::KeepLocal) },
    ));
    let shown = format!("{strategy:?}");
    assert!(
        shown.contains("MergeFn") && shown.contains("AskFn"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_function_after_another_strategy_decides_what_is_open_and_keeps_the_rest() {
    // The title is open. The views of the other client, and the body of this one, are merged already.
    let longest = merge_fn(|_: Option<&Article>, mine: &Article, theirs: &Article| {
        let title = [&mine.title, &theirs.title];
        let title = title.into_iter().max_by_key(|title| title.len());
        Ok(Article {
            title: title.unwrap().clone(),
            ..theirs.clone()
        })
    });
    let merged = outcome(ThreeWay::default().or_else(longest)).await.unwrap();
    assert_eq!(merged, article("theirs", "mine", 5));
    let mine = merge_fn(|_: Option<&Article>, mine: &Article, _: &Article| Ok(mine.clone()));
    let merged = outcome(ThreeWay::default().or_else(mine)).await.unwrap();
    assert_eq!(merged, article("mine", "mine", 5));
}
