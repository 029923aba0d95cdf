//! Lists that the type sorts, filters or reorders: each element keeps what the type does not know.

use super::edited;
use ifmatch::Merge;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Line {
    sku: String,
    qty: u64,
}

fn sorted<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<Line>, D::Error> {
    let mut lines = Vec::<Line>::deserialize(reader)?;
    lines.sort_by(|a, b| a.sku.cmp(&b.sku));
    Ok(lines)
}

fn known<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<Line>, D::Error> {
    let lines = Vec::<Value>::deserialize(reader)?;
    let lines = lines.into_iter();
    Ok(lines
        .filter_map(|line| serde_json::from_value(line).ok())
        .collect())
}

#[derive(Serialize, Deserialize, Merge)]
struct Baskets {
    #[serde(deserialize_with = "sorted")]
    #[merge(key = "sku")]
    sorted: Vec<Line>,
    #[serde(deserialize_with = "known")]
    #[merge(key = "sku")]
    known: Vec<Line>,
}

#[tokio::test(start_paused = true)]
async fn lists_that_are_sorted_or_filtered_on_reading_are_edited_at_the_right_element() {
    let edit: fn(&mut Baskets) = |it| {
        it.sorted[0].qty = 9;
        it.known.remove(0);
        it.known[0].qty = 8;
    };
    let document = r#"{"sorted":[{"sku":"b","qty":1,"note":"B"},{"sku":"a","qty":2,"note":"A"}],"known":[{"kind":"gift"},{"sku":"x","qty":1},{"sku":"y","qty":1,"note":"Y"}]}"#;
    edited(document, edit).await.is(
        r#"{"sorted":[{"sku":"b","qty":1,"note":"B"},{"sku":"a","qty":9,"note":"A"}],"known":[{"kind":"gift"},{"sku":"y","qty":8,"note":"Y"}]}"#,
    );
}

#[derive(Serialize, Deserialize, Merge)]
struct Basket {
    #[merge(key = "sku")]
    lines: Vec<Line>,
    #[serde(default)]
    #[merge(key = "sku")]
    done: Vec<Line>,
}

#[tokio::test(start_paused = true)]
async fn an_element_keeps_its_unknown_members_wherever_it_goes() {
    let document = r#"{"lines":[{"sku":"0","qty":1,"note":"of 1"},{"sku":"0","qty":2,"note":"of 2"}],"done":[]}"#;
    edited::<Basket>(document, |it| drop(it.lines.remove(0)))
        .await
        .is(r#"{"lines":[{"sku":"0","qty":2,"note":"of 2"}],"done":[]}"#);
    let document = r#"{"lines":[{"sku":"a","qty":1,"note":1.10},{"sku":"b","qty":2}],"done":[]}"#;
    edited::<Basket>(document, |it| {
        let line = it.lines.remove(0);
        it.done.push(line);
    })
    .await
    .is(r#"{"lines":[{"sku":"b","qty":2}],"done":[{"sku":"a","qty":1,"note":1.10}]}"#);
}
