//! Each law is broken by a plausible merge, and kept by sound ones.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use ifmatch::testing::{Law, LawReport, check_merge_laws};
use ifmatch::{
    BoxError, Conflict, LocalWins, Merge, MergeStrategy, Policy, RemoteWins, Resolution, Rule,
    ThreeWay, async_trait, merge_fn,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Serialize, Deserialize, Merge)]
struct Article {
    title: String,
    #[merge(text)]
    body: String,
    #[merge(set)]
    tags: Vec<String>,
    views: u64,
}

fn samples() -> Vec<Article> {
    let article = |title: &str, body: &str, tags: &[&str], views| Article {
        title: title.into(),
        body: body.into(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        views,
    };
    vec![
        article("old", "a\nb\nc\n", &["x"], 1),
        article("new", "a\nb\nc\n", &["x"], 1),
        article("old", "a!\nb\nc\n", &["x", "y"], 1),
        article("old", "a\nb\nc!\n", &[], 2),
        article("newer", "", &["z"], 3),
    ]
}

/// A merge function as it is written by hand.
type ByHand = fn(Option<&Article>, &Article, &Article) -> Result<Article, BoxError>;

async fn checked(merge: ByHand) -> LawReport {
    check_merge_laws(&merge_fn(merge).state_like(), &samples()).await
}

fn laws(report: &LawReport) -> Vec<Law> {
    report.broken().iter().map(|broken| broken.law).collect()
}

#[tokio::test]
async fn what_is_derived_keeps_every_law() {
    let report = check_merge_laws(&ThreeWay::of::<Article>(), &samples()).await;
    report.assert_kept();
    assert!(report.skipped().is_empty());
    assert!(report.merges() > 2 * 5 * 5 * 6);
    assert!(report.to_string().starts_with("no law is broken in "));
}

#[tokio::test]
async fn operations_are_held_to_the_laws_of_operations() {
    // A counter adds what both sides added, so the laws of states are none of its own.
    let policy = Policy::new().field("/views", Rule::Counter);
    let views = [
        json!({"views": 1}),
        json!({"views": 2}),
        json!({"views": 5, "a": 1}),
    ];
    check_merge_laws::<Value, _>(&ThreeWay::new(policy), &views)
        .await
        .assert_kept();

    let sum = merge_fn(|base: Option<&Value>, mine: &Value, theirs: &Value| {
        let views = |side: &Value| side["views"].as_i64().unwrap_or(0);
        Ok(json!({"views": views(mine) + views(theirs) - base.map_or(0, views)}))
    });
    let report = check_merge_laws(
        &sum,
        &[
            json!({"views": 1}),
            json!({"views": 2}),
            json!({"views": 5}),
        ],
    )
    .await;
    report.assert_kept();
    assert_eq!(
        report.skipped(),
        [Law::SameChange, Law::Idempotent, Law::NothingInvented]
    );
    let words = report.to_string();
    assert!(words.contains(
        "not checked, because the strategy does not say that it is state-like: SameChange"
    ));
}

#[tokio::test]
async fn a_side_that_wins_breaks_the_laws_of_merging() {
    let mine = check_merge_laws::<Article, _>(&LocalWins, &samples()).await;
    assert_eq!(laws(&mine), [Law::OneSide, Law::NothingLost, Law::Mirror]);
    let theirs = check_merge_laws::<Article, _>(&RemoteWins, &samples()).await;
    assert_eq!(laws(&theirs), [Law::OneSide, Law::NothingLost, Law::Mirror]);
}

#[tokio::test]
async fn a_forgotten_field_is_found_and_told_by_its_place() {
    let report = checked(|base, mine, theirs| {
        let title = match base {
            Some(base) if base.title == mine.title => theirs.title.clone(),
            _ => mine.title.clone(),
        };
        Ok(Article {
            title,
            ..theirs.clone()
        })
    })
    .await;
    let lost = report
        .broken()
        .iter()
        .find(|broken| broken.law == Law::NothingLost)
        .unwrap();
    assert!(
        lost.expected.ends_with("as the local side has it"),
        "{}",
        lost.expected
    );
    assert!(lost.to_string().contains(
        "the merge breaks NothingLost: a change at a place that the other side did not touch is in the result\n  base:     {"
    ));
}

#[tokio::test]
async fn lists_put_one_behind_the_other_break_the_same_change_and_idempotence() {
    let report = checked(|_, mine, theirs| {
        let tags = [theirs.tags.clone(), mine.tags.clone()].concat();
        Ok(Article {
            tags,
            ..theirs.clone()
        })
    })
    .await;
    let broken = laws(&report);
    assert!(broken.contains(&Law::SameChange) && broken.contains(&Law::Idempotent));
}

#[tokio::test]
async fn a_mean_invents_a_value() {
    let report = checked(|_, mine, theirs| {
        Ok(Article {
            views: 10 * (mine.views + theirs.views),
            ..theirs.clone()
        })
    })
    .await;
    let invented = report
        .broken()
        .iter()
        .find(|broken| broken.law == Law::NothingInvented);
    assert!(invented.unwrap().found.contains(", in {"));
}

#[tokio::test]
async fn a_merge_that_looks_at_something_else_gives_two_answers() {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let report = checked(|_, _, theirs| {
        Ok(Article {
            views: CALLS.fetch_add(1, Ordering::Relaxed),
            ..theirs.clone()
        })
    })
    .await;
    assert!(laws(&report).contains(&Law::SameAnswer));
}

#[tokio::test]
async fn a_conflict_without_need_is_a_broken_law_and_one_in_need_is_none() {
    let refuses = checked(|_, _, _| Err("I decide nothing".into())).await;
    assert_eq!(laws(&refuses), [Law::OneSide, Law::SameChange]);
    let found = &refuses.broken()[0].found;
    assert_eq!(found, "a conflict, with the error: I decide nothing");

    let careful = checked(|base, mine, theirs| {
        let same =
            |a: &Article, b: &Article| serde_json::to_value(a).ok() == serde_json::to_value(b).ok();
        match base {
            Some(base) if same(base, mine) => Ok(theirs.clone()),
            Some(base) if same(base, theirs) => Ok(mine.clone()),
            _ if same(mine, theirs) => Ok(mine.clone()),
            _ => Err("both changed it".into()),
        }
    })
    .await;
    careful.assert_kept();
}

#[tokio::test]
async fn a_removal_that_nobody_asked_for_is_told() {
    struct Removes;
    #[async_trait]
    impl MergeStrategy<Article> for Removes {
        async fn resolve(&self, _: &Conflict<Article>) -> Result<Resolution<Article>, BoxError> {
            Ok(Resolution::Delete)
        }
    }
    let report = check_merge_laws(&Removes, &samples()).await;
    assert_eq!(laws(&report), [Law::OneSide]);
    assert_eq!(report.broken()[0].found, "a removal");
}

#[tokio::test]
async fn a_law_that_is_broken_on_purpose_can_be_left_out_and_the_rest_still_counts() {
    let report = check_merge_laws::<Article, _>(&LocalWins, &samples()).await;
    let all = [Law::OneSide, Law::NothingLost, Law::Mirror];
    let none = all.into_iter().fold(report.clone(), LawReport::except);
    none.assert_kept();
    let some = report.except(Law::Mirror);
    let panic = catch_unwind(AssertUnwindSafe(|| some.assert_kept())).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.starts_with("the merge breaks OneSide: a side that changed nothing"));
    assert!(!message.contains("Mirror"));
}

#[tokio::test]
#[should_panic(expected = "at least three different samples, and there are 2")]
async fn samples_that_cannot_show_anything_are_refused() {
    let few = [json!(1), json!(2), json!(2.0)];
    let _ = check_merge_laws::<Value, _>(&LocalWins, &few).await;
}

#[test]
fn every_law_has_words_of_its_own() {
    let words: std::collections::BTreeSet<_> = Law::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(words.len(), Law::ALL.len());
}

#[derive(Debug, Serialize, Deserialize, Merge)]
struct Party {
    #[merge(set)]
    guests: Vec<String>,
}

#[tokio::test]
async fn the_order_of_a_set_breaks_no_law() {
    let party = |guests: &[&str]| Party {
        guests: guests.iter().map(|guest| (*guest).to_owned()).collect(),
    };
    let samples = [
        party(&[]),
        party(&["Ann"]),
        party(&["Cid"]),
        party(&["Ann", "Cid"]),
    ];
    check_merge_laws(&ThreeWay::of::<Party>(), &samples)
        .await
        .assert_kept();
}
