//! Enums: which variant a value is, and what merges inside of one.

use super::{Article, Height, Stats, clean, conflicts, merge};
use ifmatch::Merge;
use ifmatch::merge::ConflictKind;
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Serialize, Deserialize, Merge)]
#[serde(rename_all = "snake_case", rename_all_fields = "camelCase")]
enum Shape {
    Nothing,
    Circle {
        #[merge(counter)]
        outer_radius: i64,
        name: String,
    },
    Label(Article),
    Pair(u8, u8),
}

#[test]
fn the_same_variant_is_merged_inside_and_others_conflict() {
    clean::<Shape>(
        json!({"circle": {"outerRadius": 1, "name": "a"}}),
        json!({"circle": {"outerRadius": 2, "name": "a"}}),
        json!({"circle": {"outerRadius": 5, "name": "b"}}),
        json!({"circle": {"outerRadius": 6, "name": "b"}}),
    );
    let circle = json!({"circle": {"outerRadius": 1, "name": "a"}});
    let merged = merge::<Shape>(
        circle.clone(),
        json!({"pair": [1, 2]}),
        json!({"label": {"title": "x"}}),
    );
    assert_eq!(merged.conflicts[0].kind, ConflictKind::VariantChanged);
    assert_eq!(merged.value, json!({"label": {"title": "x"}}));
    let merged = merge::<Shape>(
        circle.clone(),
        json!("nothing"),
        json!({"label": {"title": "x"}}),
    );
    assert_eq!(merged.conflicts.len(), 1);
    clean::<Shape>(
        circle.clone(),
        json!({"pair": [1, 2]}),
        circle,
        json!({"pair": [1, 2]}),
    );
    let merged = merge::<Shape>(
        json!({"pair": [1, 1]}),
        json!({"pair": [2, 1]}),
        json!({"pair": [1, 2]}),
    );
    assert_eq!(merged.conflicts.len(), 1, "a tuple is one value");
}

#[test]
fn tagged_enums_know_their_variant_by_the_tag() {
    #[derive(Serialize, Deserialize, Merge)]
    #[serde(tag = "kind", rename_all = "lowercase")]
    enum Inside {
        Counter {
            #[merge(counter)]
            n: u64,
        },
        Other {
            m: u64,
        },
    }
    #[derive(Serialize, Deserialize, Merge)]
    #[serde(tag = "t", content = "c")]
    enum Beside {
        A {
            #[merge(counter)]
            n: u64,
        },
        B(String),
    }
    #[derive(Serialize, Deserialize, Merge)]
    #[serde(untagged)]
    enum Either {
        A { a: u64, b: u64 },
        B(String),
    }
    clean::<Inside>(
        json!({"kind": "counter", "n": 1}),
        json!({"kind": "counter", "n": 2}),
        json!({"kind": "counter", "n": 2}),
        json!({"kind": "counter", "n": 3}),
    );
    let both = merge::<Inside>(
        json!({"kind": "counter", "n": 1}),
        json!({"kind": "other", "m": 2}),
        json!({"kind": "counter", "n": 2}),
    );
    assert_eq!(both.conflicts[0].kind, ConflictKind::VariantChanged);
    clean::<Beside>(
        json!({"t": "A", "c": {"n": 1}}),
        json!({"t": "A", "c": {"n": 2}}),
        json!({"t": "A", "c": {"n": 2}}),
        json!({"t": "A", "c": {"n": 3}}),
    );
    assert_eq!(
        merge::<Either>(
            json!({"a": 1, "b": 1}),
            json!({"a": 2, "b": 1}),
            json!({"a": 1, "b": 2})
        )
        .conflicts
        .len(),
        1
    );
}

#[test]
fn a_flattened_enum_is_merged_beside_the_other_fields() {
    #[derive(Serialize, Deserialize, Merge)]
    struct Figure {
        name: String,
        #[serde(flatten)]
        shape: Form,
        #[serde(flatten)]
        state: State,
    }
    #[derive(Serialize, Deserialize, Merge)]
    #[serde(rename_all = "snake_case")]
    enum Form {
        Circle {
            #[merge(counter)]
            r: u64,
        },
        Square {
            a: u64,
        },
    }
    #[derive(Serialize, Deserialize, Merge)]
    #[serde(tag = "state")]
    enum State {
        Draft { by: String },
        Final { by: String },
    }
    let draft =
        |name: &str, r: u64| json!({"name": name, "circle": {"r": r}, "state": "Draft", "by": "x"});
    clean::<Figure>(draft("a", 1), draft("b", 2), draft("a", 5), draft("b", 6));
    for local in [
        json!({"name": "a", "square": {"a": 1}, "state": "Draft", "by": "x"}),
        json!({"name": "a", "circle": {"r": 1}, "state": "Final", "by": "x"}),
    ] {
        let merged = merge::<Figure>(draft("a", 1), local, draft("a", 2));
        let kinds: Vec<_> = merged.conflicts.iter().map(|c| c.kind).collect();
        assert_eq!(kinds, [ConflictKind::VariantChanged]);
    }
}

#[test]
fn rules_of_one_variant_hold_for_no_other() {
    #[derive(Serialize, Deserialize, Merge)]
    #[serde(tag = "type", content = "data")]
    enum Adjacent {
        Page(Stats),
        Tower(Height),
    }
    #[derive(Serialize, Deserialize, Merge)]
    #[serde(tag = "type")]
    enum Internal {
        Page(Stats),
        Tower(Height),
    }
    #[derive(Serialize, Deserialize, Merge)]
    #[serde(tag = "type")]
    enum Inside {
        Page {
            data: Stats,
        },
        #[serde(alias = "Spire")]
        Tower {
            data: Height,
        },
        Rank {
            #[merge(max)]
            data: u64,
        },
    }
    let beneath = |kind: &str, n: u64| json!({"type": kind, "data": {"views": n}});
    let beside = |kind: &str, n: u64| json!({"type": kind, "views": n});
    let tower = |n| beneath("Tower", n);
    conflicts::<Adjacent>(tower(10), tower(20), tower(30));
    conflicts::<Inside>(tower(10), tower(20), tower(30));
    conflicts::<Internal>(
        beside("Tower", 10),
        beside("Tower", 20),
        beside("Tower", 30),
    );
    let page = |n| beneath("Page", n);
    clean::<Adjacent>(page(10), page(20), page(30), page(40));
    clean::<Inside>(page(10), page(20), page(30), page(40));
    clean::<Internal>(
        beside("Page", 10),
        beside("Page", 20),
        beside("Page", 30),
        beside("Page", 40),
    );
    let rank = |n: u64| json!({"type": "Rank", "data": n});
    clean::<Inside>(rank(1), rank(3), rank(2), rank(3));
    // One variant under two names is one variant.
    clean::<Inside>(
        json!({"type": "Spire", "data": {"views": 1}, "a": 1}),
        json!({"type": "Spire", "data": {"views": 1}, "a": 2}),
        json!({"type": "Tower", "data": {"views": 5}, "a": 1}),
        json!({"type": "Tower", "data": {"views": 5}, "a": 2}),
    );
}
