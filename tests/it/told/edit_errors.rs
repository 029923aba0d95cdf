//! The error of an edit, a strategy or a handler comes back by its type.

use anyhow::{Context as _, bail};
use ifmatch::{
    Answer, BoxError, Refusal, RefusalHandler, Resolution, ask_fn, async_trait, box_error, merge_fn,
};

use crate::support::{ARTICLE, AT, Article, Event, Server, articles, foreign};

#[derive(Debug, PartialEq, thiserror::Error)]
enum Guard {
    #[error("only {0} left")]
    Left(u64),
}

fn guard(article: &Article) -> Result<(), Guard> {
    Err(Guard::Left(article.views))
}

fn report(article: &Article) -> anyhow::Result<()> {
    guard(article).context("the guard refused")
}

#[tokio::test(start_paused = true)]
async fn every_spelling_of_a_failed_edit_compiles_and_brings_its_error_back() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let texts = [
        articles.try_update(1, |a| {
            a.views = a.views.checked_sub(2).ok_or("none left")?;
            Ok(())
        }),
        articles.try_update(1, |_| Err("none left".into())),
        articles.try_update_typed(1, |a| {
            if a.views < 2 {
                bail!("none left");
            }
            Ok(())
        }),
        articles.try_update_typed(1, |_| -> anyhow::Result<()> { bail!("none left") }),
        articles.try_update_typed(1, |_| Err("none left")),
        articles.try_update_typed(1, |_| Err(String::from("none left"))),
        articles.try_update_typed(1, |_| Err(BoxError::from("none left"))),
    ];
    for text in texts {
        let error = text.await.unwrap_err();
        assert!(error.is_edit(), "{error:?}");
        let source = std::error::Error::source(&error).expect("the edit said why");
        assert_eq!(source.to_string(), "none left");
        assert!(source.source().is_none() && error.edit_error::<Guard>().is_none());
    }
    let typed = [
        articles.try_update(1, |a| Ok(guard(a)?)),
        articles.try_update(1, |_| Err(Guard::Left(1).into())),
        articles.try_update(1, |a| report(a).map_err(box_error)),
        articles.try_update_typed(1, |a| guard(a)),
        articles.try_update_typed(1, |_| Err(Guard::Left(1))),
        articles.try_update_typed(1, |a| -> anyhow::Result<()> { Ok(guard(a)?) }),
        articles.try_update_typed(1, |_| bail!(Guard::Left(1))),
        articles.try_update_typed(1, |a| report(a)),
        articles.item(1).try_update_typed(|_| Err(Guard::Left(1))),
    ];
    for typed in typed {
        let error = typed.await.unwrap_err();
        assert_eq!(error.edit_error(), Some(&Guard::Left(1)), "{error:?}");
        assert_eq!(
            error.report().why.matches("only 1 left").count()
                + error.report().why.matches("the guard refused").count(),
            1
        );
    }
}

/// What `?` of an edit without a type of its own makes of an `anyhow::Error`.
#[tokio::test(start_paused = true)]
async fn the_text_of_an_anyhow_error_comes_back_even_if_its_type_is_hidden() {
    let server = Server::with(AT, ARTICLE);
    let hidden = articles(&server).try_update(1, |a| Ok(report(a)?));
    let error = hidden.await.unwrap_err();
    let chain = format!("{:#}", anyhow::Error::from(error));
    assert!(
        chain.ends_with("the edit failed: the guard refused: only 1 left"),
        "{chain}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_error_comes_back_to_each_of_the_callers_whose_edits_were_sent_together() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let calls = (0..8).map(|number| {
        let call = articles.try_update_typed(1, move |_| Err(Guard::Left(number)));
        tokio::spawn(async move { (number, call.await.unwrap_err()) })
    });
    for call in calls.collect::<Vec<_>>() {
        let (number, error) = call.await.unwrap();
        assert_eq!(error.edit_error(), Some(&Guard::Left(number)), "{error:?}");
    }
}

/// A handler that fails.
struct Fails;

#[async_trait]
impl RefusalHandler<Article> for Fails {
    async fn refused(&self, refusal: &Refusal<Article>) -> Result<Answer<Article>, BoxError> {
        report(refusal.local.as_ref().ok_or("no local side")?).map_err(box_error)?;
        Ok(Answer::GiveUp)
    }
}

#[tokio::test(start_paused = true)]
async fn the_errors_of_strategies_and_handlers_come_back_too() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let mut stale = articles.get(1).await.unwrap();
    stale.title = "mine".into();
    let race = || foreign(|theirs| theirs["title"] = format!("{}!", theirs["title"]).into());
    server.script([race()]);
    let merge = merge_fn(|_, local: &Article, _| {
        guard(local)?;
        Ok(local.clone())
    });
    let failed = articles.clone().strategy(merge).save(&stale).await;
    assert_eq!(failed.unwrap_err().edit_error(), Some(&Guard::Left(1)));
    let ask = ask_fn(|conflict: ifmatch::Conflict<Article>| async move {
        report(&conflict.local.ok_or("no local side")?).map_err(box_error)?;
        Ok(Resolution::KeepLocal)
    });
    let failed = articles.clone().strategy(ask).save(&stale).await;
    assert_eq!(failed.unwrap_err().edit_error(), Some(&Guard::Left(1)));
    server.script([Event::Answer(422, &[], "{}")]);
    let handled = articles
        .clone()
        .on_refusal(Fails)
        .update(1, |a| a.title = "x".into());
    let error = handled.await.unwrap_err();
    assert_eq!(error.edit_error(), Some(&Guard::Left(1)), "{error:?}");
}
