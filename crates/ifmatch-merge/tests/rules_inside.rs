//! The rules of a type apply wherever the type is used, and to no other type.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, LinkedList, VecDeque};
use std::sync::Arc;

use ifmatch_merge::Merge;
use ifmatch_merge::merge::{Merged, ThreeWay};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Stats {
    #[merge(counter)]
    views: u64,
    #[serde(default)]
    name: String,
}

/// A type with the same member, but without a counter.
#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Height {
    views: u64,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
enum Day {
    #[serde(alias = "mo")]
    Monday,
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Holder<T> {
    it: T,
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
#[serde(transparent)]
struct Through {
    it: Stats,
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Tree {
    stats: Stats,
    #[serde(default)]
    kids: Vec<Tree>,
    #[serde(default)]
    next: Option<Box<Tree>>,
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
#[serde(tag = "t")]
enum Inside {
    #[serde(alias = "Former")]
    Counted {
        #[merge(counter)]
        views: u64,
    },
    Measured {
        views: u64,
    },
    Whole(Stats),
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
#[serde(tag = "t", content = "c")]
enum Beside {
    Both(Stats, Height),
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Flat {
    towers: BTreeMap<String, Height>,
    #[serde(flatten)]
    pages: BTreeMap<String, Stats>,
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Spelled {
    #[merge(counter)]
    #[serde(rename = "a/b~*")]
    odd: u64,
    #[merge(counter)]
    #[serde(rename = "*")]
    star: u64,
    #[merge(counter)]
    r#type: u64,
    other: u64,
}

fn merged<T: Merge>(document: impl Fn(u64) -> Value) -> (Merged, Value) {
    let [base, local, remote, sum] = [10, 11, 13, 14].map(document);
    (
        ThreeWay::of::<T>().merge_json(Some(&base), &local, &remote),
        sum,
    )
}

#[track_caller]
fn counts<T: Merge>(document: impl Fn(u64) -> Value) {
    let (merged, sum) = merged::<T>(document);
    assert!(merged.conflicts.is_empty(), "{:?}", merged.conflicts);
    assert_eq!(merged.value, sum);
}

#[track_caller]
fn is_open<T: Merge>(document: impl Fn(u64) -> Value) {
    let (merged, _) = merged::<T>(document);
    assert!(!merged.conflicts.is_empty(), "{}", merged.value);
}

fn stats(views: u64) -> Value {
    json!({"views": views})
}

#[test]
fn a_counter_counts_in_every_container() {
    let one = |views| json!([stats(views)]);
    let two = |views| json!([stats(views), {"views": 3, "name": "x"}]);
    counts::<Vec<Stats>>(one);
    counts::<Vec<Stats>>(two);
    counts::<VecDeque<Stats>>(two);
    counts::<LinkedList<Stats>>(one);
    counts::<Box<[Stats]>>(two);
    counts::<Arc<[Stats]>>(one);
    counts::<Cow<'static, [Stats]>>(two);
    counts::<[Stats; 2]>(two);
    counts::<(Stats, Stats)>(two);
    counts::<Option<Vec<Stats>>>(one);
    counts::<(Stats, Stats, Stats, Stats, Stats, Stats, Stats)>(|views| {
        json!([
            stats(views),
            stats(1),
            stats(2),
            stats(3),
            stats(4),
            stats(5),
            stats(6)
        ])
    });
    counts::<BTreeMap<u32, Vec<Stats>>>(|views| json!({"7": one(views)}));
    counts::<BTreeMap<Day, Stats>>(|views| json!({"mo": stats(views)}));
    counts::<HashMap<bool, Stats>>(|views| json!({"true": stats(views)}));
    counts::<Result<Stats, Height>>(|views| json!({"Ok": stats(views)}));
    is_open::<Result<Stats, Height>>(|views| json!({"Err": stats(views)}));
    counts::<Holder<Vec<Option<Stats>>>>(|views| json!({"it": one(views)}));
    counts::<Holder<Through>>(|views| json!({"it": stats(views)}));
    let tree = |views| json!({"stats": stats(views), "kids": []});
    counts::<Tree>(|views| json!({"stats": stats(1), "kids": [tree(views)]}));
    counts::<Tree>(
        |views| json!({"stats": stats(1), "next": {"stats": stats(1), "next": tree(views)}}),
    );
}

#[test]
fn a_counter_counts_nothing_that_is_not_its_own() {
    let of = |variant: &'static str| move |views: u64| json!({"t": variant, "views": views});
    counts::<Inside>(of("Counted"));
    counts::<Inside>(of("Former"));
    counts::<Inside>(of("Whole"));
    for other in ["Measured", "Unheard"] {
        is_open::<Inside>(of(other));
        is_open::<Vec<Inside>>(|views| json!([of(other)(views)]));
        is_open::<BTreeMap<String, Inside>>(|views| json!({"x": of(other)(views)}));
    }
    is_open::<Inside>(stats);
    counts::<Beside>(|views| json!({"t": "Both", "c": [stats(views), stats(1)]}));
    is_open::<Beside>(|views| json!({"t": "Both", "c": [stats(1), stats(views)]}));
    counts::<Flat>(|views| json!({"towers": {}, "x": stats(views)}));
    is_open::<Flat>(|views| json!({"towers": {"x": stats(views)}}));
    for (name, is_counter) in [
        ("a/b~*", true),
        ("*", true),
        ("type", true),
        ("other", false),
    ] {
        let odd = |views: u64| {
            let mut odd = json!({"a/b~*": 1, "*": 1, "type": 1, "other": 1});
            odd[name] = views.into();
            odd
        };
        if is_counter {
            counts::<Spelled>(odd);
        } else {
            is_open::<Spelled>(odd);
        }
    }
}
