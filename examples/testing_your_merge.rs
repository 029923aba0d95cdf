//! How to test an application that merges: laws, concurrent writers, lost responses, and a paused clock.
//!
//! Run it with `cargo run --example testing_your_merge`. In your own project these are tests with
//! `#[tokio::test(start_paused = true)]`. Here they are functions that print their results.

use std::time::Duration;

use ifmatch::testing::{Dialect, Law, Reply, ResourceServer, Step, check_merge_laws};
use ifmatch::{BoxError, Collection, Merge, merge_fn};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
struct Recipe {
    title: String,
    steps: Vec<String>,
    servings: u32,
}

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The merge that the application wants: field by field, including the steps. A field that both changed is
/// an error.
fn merge(base: Option<&Recipe>, mine: &Recipe, theirs: &Recipe) -> Result<Recipe, BoxError> {
    fn pick<V: Clone + PartialEq>(base: Option<&V>, mine: &V, theirs: &V) -> Result<V, BoxError> {
        if mine == theirs || base == Some(mine) {
            Ok(theirs.clone())
        } else if base == Some(theirs) {
            Ok(mine.clone())
        } else {
            Err("both sides changed the same field".into())
        }
    }
    Ok(Recipe {
        title: pick(base.map(|b| &b.title), &mine.title, &theirs.title)?,
        steps: pick(base.map(|b| &b.steps), &mine.steps, &theirs.steps)?,
        servings: pick(base.map(|b| &b.servings), &mine.servings, &theirs.servings)?,
    })
}

/// A first draft of the merge, with two mistakes that look harmless.
fn draft(mine: &Recipe, theirs: &Recipe) -> Recipe {
    Recipe {
        title: mine.title.clone(),
        steps: [theirs.steps.clone(), mine.steps.clone()].concat(),
        servings: mine.servings.max(theirs.servings),
    }
}

/// States that could follow from each other. Each is tried as the base, local and remote side.
fn samples() -> Vec<Recipe> {
    let recipe = |title: &str, steps: &[&str], servings| Recipe {
        title: title.into(),
        steps: steps.iter().map(|step| (*step).to_owned()).collect(),
        servings,
    };
    vec![
        recipe("Soup", &["boil"], 2),
        recipe("Hot soup", &["boil"], 2),
        recipe("Soup", &["boil", "stir"], 2),
        recipe("Soup", &["boil"], 4),
        recipe("Thick soup", &["boil", "stir"], 4),
    ]
}

async fn the_draft_breaks_laws() -> Outcome {
    let draft =
        merge_fn(|_: Option<&Recipe>, mine: &Recipe, theirs: &Recipe| Ok(draft(mine, theirs)));
    let report = check_merge_laws(&draft.state_like(), &samples()).await;
    for broken in report.broken() {
        println!("{broken}\n");
    }
    assert!(
        report
            .broken()
            .iter()
            .any(|broken| broken.law == Law::OneSide)
    );
    assert!(
        report
            .broken()
            .iter()
            .any(|broken| broken.law == Law::NothingLost)
    );
    Ok(())
}

async fn the_merge_keeps_all_laws() -> Outcome {
    let report = check_merge_laws(&merge_fn(merge).state_like(), &samples()).await;
    println!("{report}");
    report.assert_kept();
    Ok(())
}

/// A server with one recipe, and the application's collection.
async fn kitchen() -> Result<(ResourceServer, Collection<Recipe>), Box<dyn std::error::Error>> {
    let server = ResourceServer::start().await;
    server.put(
        "/recipes/1",
        r#"{"title":"Soup","steps":["boil"],"servings":2,"rating":4.50}"#,
    );
    let recipes = server.in_process().build()?.collection::<Recipe>("recipes");
    let recipes = recipes.strategy(merge_fn(merge).state_like());
    recipes.get(1).await?;
    Ok((server, recipes))
}

async fn both_edits_survive_a_race_in_every_wording() -> Outcome {
    for dialect in Dialect::all() {
        let (server, recipes) = kitchen().await?;
        server.dialect(dialect);
        server.before_next_write(|recipe| recipe["title"] = "Hot soup".into());
        recipes.update(1, |recipe| recipe.servings = 4).await?;

        let stored = server.text("/recipes/1").ok_or("nothing is stored")?;
        assert_eq!(
            stored,
            r#"{"title":"Hot soup","steps":["boil"],"servings":4,"rating":4.50}"#
        );
        server.requests().put().of_version(2).assert_one();
        server.requests().writes().unconditional().assert_none();
    }
    Ok(())
}

async fn a_lost_reply_is_no_second_write() -> Outcome {
    let (server, recipes) = kitchen().await?;
    server.next_write(Step::new().lose_reply());
    let saved = recipes.update(1, |recipe| recipe.servings = 4).await?;
    assert!(saved.report().settled);
    println!("{}", server.requests());
    server.requests().put().assert_one();
    Ok(())
}

async fn the_server_is_busy_then_locked_and_nobody_sleeps() -> Outcome {
    let (server, recipes) = kitchen().await?;
    let busy = Reply::new(503).retry_after(Duration::from_secs(20));
    server.next_write(Step::new().answer(busy));
    server.next_write(Step::new().answer(Reply::problem(423, "locked", "Another client edits it")));
    let saved = recipes.update(1, |recipe| recipe.servings = 4).await?;
    println!(
        "waited {} s of the paused clock",
        saved.report().waited.as_secs()
    );
    assert!(saved.report().waited >= Duration::from_secs(20));
    Ok(())
}

#[tokio::main(flavor = "current_thread", start_paused = true)]
async fn main() -> Outcome {
    println!("1. A first draft, and the laws that it breaks:\n");
    the_draft_breaks_laws().await?;
    println!("2. The correct merge:");
    the_merge_keeps_all_laws().await?;
    println!(
        "\n3. A race, with refusals in {} dialects.",
        Dialect::all().len()
    );
    both_edits_survive_a_race_in_every_wording().await?;
    println!("\n4. A lost response.");
    a_lost_reply_is_no_second_write().await?;
    println!("5. A busy server.");
    the_server_is_busy_then_locked_and_nobody_sleeps().await
}
