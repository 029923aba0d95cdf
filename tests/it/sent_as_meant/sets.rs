//! Sets and maps of the type are edited at the element that is meant.

use std::collections::{BTreeSet, HashSet};

use super::edited;
use ifmatch::testing::ResourceServer;
use ifmatch::{LocalWins, Merge};
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize, Deserialize, Merge)]
struct Tagged {
    tags: BTreeSet<String>,
    #[serde(default)]
    marks: HashSet<u64>,
}

#[tokio::test(start_paused = true)]
async fn sets_are_edited_at_the_element_that_is_meant() {
    let remove: fn(&mut Tagged) = |it| {
        it.tags.remove("z");
        it.marks.remove(&3);
    };
    for _ in 0..10 {
        let edited = edited(
            r#"{"tags": ["z", "m", "a"], "marks": [5, 3, 1], "more": 1.10}"#,
            remove,
        );
        edited
            .await
            .is(r#"{"tags": ["m", "a"], "marks": [5, 1], "more": 1.10}"#);
    }
    let add: fn(&mut Tagged) = |it| {
        it.tags.insert("b".into());
        it.marks.insert(0);
    };
    edited(r#"{"tags": ["z", "a"], "marks": []}"#, add)
        .await
        .is(r#"{"tags": ["z", "a", "b"], "marks": [0]}"#);
}

#[derive(Serialize, Deserialize, Merge)]
struct Ruled {
    #[merge(set)]
    tags: BTreeSet<String>,
    #[merge(set)]
    marks: HashSet<String>,
}

#[tokio::test(start_paused = true)]
async fn sets_under_the_rule_for_sets_are_edited_at_the_element_that_is_meant() {
    const LETTERS: &str =
        r#"{"tags": ["z", "m", "a"], "marks": ["f", "b", "d", "a", "e", "c"], "more": 1.10}"#;
    let remove: fn(&mut Ruled) = |it| {
        it.tags.remove("z");
        it.marks.remove("d");
    };
    let exchange: fn(&mut Ruled) = |it| {
        it.tags.remove("m");
        it.tags.insert("b".to_owned());
        it.marks.remove("f");
        it.marks.insert("g".to_owned());
    };
    // A hashed set has another order each time, and so have its new elements.
    for _ in 0..20 {
        edited(LETTERS, remove)
            .await
            .is(r#"{"tags": ["m", "a"], "marks": ["f", "b", "a", "e", "c"], "more": 1.10}"#);
        let edited = edited(LETTERS, exchange).await;
        assert!(edited.told.is_ok(), "{}", edited.told.unwrap_err());
        let now: Value = serde_json::from_str(&edited.now).unwrap();
        let of = |list: &Value, new: &str| {
            let elements = list.as_array().unwrap().iter();
            let (new, old): (Vec<_>, Vec<_>) = elements.cloned().partition(|it| it == new);
            assert_eq!(new.len(), 1, "{}", edited.now);
            old
        };
        assert_eq!(of(&now["tags"], "b"), ["z", "a"]);
        assert_eq!(of(&now["marks"], "g"), ["b", "d", "a", "e", "c"]);
    }
}

/// Two sides, each of which removes and adds.
#[tokio::test(start_paused = true)]
async fn sets_under_the_rule_for_sets_lose_what_either_side_removed_and_nothing_else() {
    for _ in 0..20 {
        let server = ResourceServer::start().await;
        server.put(
            "/a/1",
            r#"{"tags": ["z", "m", "a"], "marks": ["f", "b", "d", "a"]}"#,
        );
        let all = server.in_process().build().unwrap().collection("a");
        let mut mine: ifmatch::Versioned<Ruled> = all.get(1).await.unwrap();
        mine.tags.remove("z");
        mine.marks.remove("d");
        mine.marks.insert("mine".to_owned());
        server.put(
            "/a/1",
            r#"{"tags": ["theirs", "z", "a"], "marks": ["a", "theirs", "d", "f"]}"#,
        );
        all.save(&mine).await.unwrap();
        let now: Ruled = serde_json::from_str(&server.text("/a/1").unwrap()).unwrap();
        assert_eq!(now.tags, ["a", "theirs"].map(str::to_owned).into());
        assert_eq!(
            now.marks,
            ["a", "f", "mine", "theirs"].map(str::to_owned).into()
        );
    }
}

/// A set comes out in another order each time that it is written.
#[tokio::test(start_paused = true)]
async fn a_set_that_nothing_changed_is_not_written() {
    #[derive(Serialize, Deserialize)]
    struct Unknown {
        title: String,
        marks: HashSet<u64>,
    }
    for _ in 0..10 {
        let server = ResourceServer::start().await;
        let document = r#"{"title": "t", "marks": [6, 5, 4, 3, 2, 1], "tags": []}"#;
        server.put("/a/1", document);
        let client = server.in_process().build().unwrap();
        let known = client.collection::<Tagged>("a");
        let page = known.get(1).await.unwrap();
        assert!(known.save(&page).await.unwrap().report().unchanged);
        let unknown = client.collection_with::<Unknown>("a", LocalWins);
        let mut page = unknown.get(1).await.unwrap();
        assert!(unknown.save(&page).await.unwrap().report().unchanged);
        page.title = "u".into();
        unknown.save(&page).await.unwrap();
        let now = server.text("/a/1").unwrap();
        assert_eq!(now, document.replace("\"t\"", "\"u\""));
    }
}
