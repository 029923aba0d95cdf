//! The output of the derive, checked by the merges that it produces.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]
#![expect(clippy::needless_pass_by_value, reason = "`json!` is written in place")]
#![expect(
    clippy::unnecessary_wraps,
    clippy::trivially_copy_pass_by_ref,
    reason = "the form of merge functions"
)]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, LinkedList, VecDeque};
use std::marker::PhantomData;
use std::net::Ipv6Addr;
use std::sync::Arc;

use ifmatch::Merge;
use ifmatch::json::Document;
use ifmatch::merge::{ConflictKind, Merged, ThreeWay, changes, transplant};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn merge<T: Merge>(base: Value, local: Value, remote: Value) -> Merged {
    T::policy().check().unwrap();
    ThreeWay::of::<T>().merge_json(Some(&base), &local, &remote)
}

#[track_caller]
fn clean<T: Merge>(base: Value, local: Value, remote: Value, expected: Value) {
    let merged = merge::<T>(base, local, remote);
    assert!(merged.conflicts.is_empty(), "{:?}", merged.conflicts);
    assert_eq!(merged.value, expected);
}

#[derive(Clone, Serialize, Deserialize, Merge)]
struct Article {
    title: String,
    #[merge(text)]
    body: String,
    #[merge(set)]
    tags: Vec<String>,
    #[merge(counter)]
    views: u64,
    #[merge(key = "id")]
    comments: Vec<Comment>,
    #[merge(remote)]
    updated_at: String,
    #[merge(max)]
    rank: i32,
    #[merge(with = longer)]
    slug: String,
}

#[derive(Clone, Serialize, Deserialize, Merge)]
struct Comment {
    id: u32,
    text: String,
    #[merge(counter)]
    likes: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[merge(key = "id")]
    replies: Vec<Comment>,
}

fn longer(
    _base: Option<&String>,
    local: &String,
    remote: &String,
) -> Result<String, std::fmt::Error> {
    Ok(if local.len() > remote.len() {
        local
    } else {
        remote
    }
    .clone())
}

#[test]
fn each_field_follows_its_rule() {
    clean::<Article>(
        json!({"title": "a", "body": "1\n2\n3\n", "tags": ["x", "y"], "views": 10, "rank": 1, "slug": "", "updated_at": "1",
            "comments": [{"id": 1, "text": "t", "likes": 1, "replies": [{"id": 7, "text": "r", "likes": 0}]}]}),
        json!({"title": "b", "body": "1!\n2\n3\n", "tags": ["y", "mine"], "views": 11, "rank": 5, "slug": "long", "updated_at": "2",
            "comments": [{"id": 1, "text": "t", "likes": 2, "replies": [{"id": 7, "text": "r", "likes": 1}]}, {"id": 2, "text": "n", "likes": 0}]}),
        json!({"title": "a", "body": "1\n2\n3!\n", "tags": ["x", "y", "z"], "views": 12, "rank": 3, "slug": "s", "updated_at": "3",
            "comments": [{"id": 1, "text": "T", "likes": 4, "replies": [{"id": 7, "text": "r", "likes": 1}]}]}),
        json!({"title": "b", "body": "1!\n2\n3!\n", "tags": ["y", "mine", "z"], "views": 13, "rank": 5, "slug": "long", "updated_at": "3",
            "comments": [{"id": 1, "text": "T", "likes": 5, "replies": [{"id": 7, "text": "r", "likes": 2}]}, {"id": 2, "text": "n", "likes": 0}]}),
    );
}

#[test]
fn a_counter_stays_within_its_type() {
    #[derive(Merge)]
    #[expect(dead_code, reason = "only its policy counts")]
    struct Stock {
        #[merge(counter)]
        left: Option<u8>,
    }
    let merged = merge::<Stock>(json!({"left": 5}), json!({"left": 1}), json!({"left": 3}));
    assert_eq!(merged.conflicts[0].kind, ConflictKind::Overflow);
    clean::<Stock>(
        json!({"left": 5}),
        json!({"left": 4}),
        json!({"left": 4}),
        json!({"left": 3}),
    );
}

#[test]
fn names_follow_serde() {
    #[derive(Serialize, Deserialize, Merge)]
    #[serde(rename_all = "camelCase")]
    struct Order {
        #[merge(counter)]
        item_count: u64,
        #[serde(rename = "a/b~c", alias = "old")]
        #[merge(counter)]
        odd: u64,
        #[merge(counter)]
        r#type: u64,
        #[serde(skip)]
        #[expect(dead_code, reason = "serde skips it")]
        cache: Option<std::time::Instant>,
        #[serde(flatten)]
        more: More,
        #[serde(flatten)]
        rest: HashMap<String, Value>,
    }
    #[derive(Serialize, Deserialize, Merge)]
    struct More {
        #[merge(counter)]
        extra: u64,
    }
    clean::<Order>(
        json!({"itemCount": 1, "a/b~c": 1, "type": 1, "extra": 1, "x": 1}),
        json!({"itemCount": 2, "a/b~c": 2, "type": 2, "extra": 2, "x": 1}),
        json!({"itemCount": 3, "a/b~c": 3, "type": 3, "extra": 3, "x": 2}),
        json!({"itemCount": 4, "a/b~c": 4, "type": 4, "extra": 4, "x": 2}),
    );
    let parse = |text: &str| Document::parse(text.as_bytes()).unwrap();
    let (before, after) = (parse(r#"{"a/b~c":1}"#), parse(r#"{"a/b~c":2}"#));
    assert_eq!(
        transplant(&parse(r#"{"old":1}"#), &before, &after, &Order::policy()).as_str(),
        r#"{"old":2}"#
    );
}

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
fn newtypes_generics_and_types_that_are_no_merge_work() {
    struct Foreign;
    #[derive(Merge)]
    #[expect(dead_code, reason = "only its policy counts")]
    struct Wrapper(#[merge(set)] Vec<u32>);
    #[derive(Merge)]
    #[expect(dead_code, reason = "only its policy counts")]
    struct Page<T> {
        items: Vec<T>,
        #[merge(foreign)]
        foreign: Foreign,
        inner: Option<Box<Wrapper>>,
    }
    clean::<Page<Wrapper>>(
        json!({"items": [[1], [2]], "inner": [1]}),
        json!({"items": [[1, 3], [2]], "inner": [1, 2]}),
        json!({"items": [[1, 4], [2]], "inner": [1, 3]}),
        json!({"items": [[1, 3, 4], [2]], "inner": [1, 2, 3]}),
    );
}

#[test]
fn a_function_that_fails_or_panics_is_a_conflict() {
    #[derive(Merge)]
    #[expect(dead_code, reason = "only its policy counts")]
    struct Odd {
        #[merge(with = fails)]
        a: u8,
        #[merge(with_json = panics, state_like)]
        b: u8,
    }
    fn fails(_: Option<&u8>, _: &u8, _: &u8) -> Result<u8, ifmatch::merge::BoxError> {
        Err("no".into())
    }
    fn panics(_: Option<&Value>, _: &Value, _: &Value) -> Result<Value, ifmatch::merge::BoxError> {
        let empty: Vec<Value> = Vec::new();
        Ok(empty[0].clone())
    }
    let merged = merge::<Odd>(
        json!({"a": 1, "b": 1}),
        json!({"a": 2, "b": 2}),
        json!({"a": 3, "b": 3}),
    );
    assert_eq!(merged.value, json!({"a": 3, "b": 3}));
    assert!(
        merged
            .conflicts
            .iter()
            .all(|c| c.kind == ConflictKind::FunctionFailed)
    );
    assert_eq!(merged.conflicts.len(), 2);
    let doc = |text: &str| Document::parse(text.as_bytes()).unwrap();
    let changed = changes(
        &doc(r#"{"a":1,"b":1}"#),
        &doc(r#"{"a":2,"b":2}"#),
        &Odd::policy(),
    );
    assert_eq!(
        changed.iter().map(|c| c.operation_like).collect::<Vec<_>>(),
        [true, false]
    );
}

#[test]
fn stand_ins_and_transparent_types_take_the_rules_of_what_is_written() {
    #[derive(Clone, Serialize, Deserialize, Merge)]
    #[serde(from = "Written", into = "Written")]
    struct Kept {
        count: u64,
    }
    #[derive(Clone, Serialize, Deserialize, Merge)]
    struct Written {
        #[merge(counter)]
        n: u64,
    }
    impl From<Written> for Kept {
        fn from(written: Written) -> Self {
            Self { count: written.n }
        }
    }
    impl From<Kept> for Written {
        fn from(kept: Kept) -> Self {
            Self { n: kept.count }
        }
    }
    #[derive(Serialize, Deserialize, Merge)]
    #[serde(transparent)]
    struct Only {
        #[merge(counter)]
        n: u64,
        #[serde(skip)]
        #[expect(dead_code, reason = "serde skips it")]
        cache: u64,
    }
    #[derive(Serialize, Deserialize, Merge)]
    struct Both {
        kept: Kept,
        only: Only,
    }
    clean::<Both>(
        json!({"kept": {"n": 1}, "only": 1}),
        json!({"kept": {"n": 2}, "only": 2}),
        json!({"kept": {"n": 3}, "only": 3}),
        json!({"kept": {"n": 4}, "only": 4}),
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
fn what_serde_leaves_out_or_fills_in_is_absent_and_not_null() {
    #[derive(Clone, Serialize, Deserialize, Merge)]
    struct Note {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        #[serde(default = "one")]
        #[merge(counter)]
        count: u64,
    }
    fn one() -> u64 {
        1
    }
    // Both sides give it a first value.
    clean::<Note>(
        json!({"count": 1}),
        json!({"text": "a", "count": 2}),
        json!({"text": "a", "count": 3}),
        json!({"text": "a", "count": 4}),
    );
    let gone = merge::<Note>(
        json!({"text": "a", "count": 1}),
        json!({"count": 1}),
        json!({"text": "b", "count": 1}),
    );
    assert_eq!(gone.conflicts[0].kind, ConflictKind::DeletedHere);
    // The default that the type filled in is no change of the document.
    let raw = Document::parse(b"{}").unwrap();
    let before: Note = raw.decode().unwrap();
    let mut after = before.clone();
    after.text = Some("new".into());
    let encoded = |note: &Note| Document::encode(note).unwrap();
    let changed = transplant(&raw, &encoded(&before), &encoded(&after), &Note::policy());
    assert_eq!(changed.as_str(), r#"{"text":"new"}"#);
}

#[test]
fn a_derived_policy_knows_the_places_of_its_type() {
    use ifmatch::merge::{Policy, Rule};
    let said = |policy: Policy| policy.check().map_err(|e| e.to_string());
    assert_eq!(said(Article::policy().field("/title", Rule::Text)), Ok(()));
    assert_eq!(
        said(Article::policy().field("/comments/*/text", Rule::Text)),
        Ok(())
    );
    let nowhere = |pointer: &str, token: &str| {
        Err(format!("{pointer} leads nowhere: the type has no {token}"))
    };
    for (pointer, token) in [
        ("/titel", "titel"),
        ("/title/first", "first"),
        ("/comments/0/text", "0"),
        ("/comments/*/replies/*/txt", "txt"),
    ] {
        let policy = Article::policy().field(pointer, Rule::Text);
        assert_eq!(said(policy), nowhere(pointer, token));
        let policy = Policy::new()
            .nested_type::<Article>("/page")
            .field(format!("/page{pointer}"), Rule::Text);
        assert_eq!(said(policy), nowhere(&format!("/page{pointer}"), token));
    }
    assert_eq!(
        said(Article::policy().field("/body", Rule::Atomic)),
        Err("/body has two rules, text and atomic".into())
    );
}

#[derive(Clone, Serialize, Deserialize, Merge)]
struct Stats {
    #[merge(counter)]
    views: u64,
}

#[derive(Serialize, Deserialize, Merge)]
struct Height {
    /// Of a building, and no count.
    views: u64,
}

#[track_caller]
fn conflicts<T: Merge>(base: Value, local: Value, remote: Value) {
    let merged = merge::<T>(base, local, remote);
    assert!(!merged.conflicts.is_empty(), "merged to {}", merged.value);
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

#[test]
fn rules_of_a_flattened_map_hold_for_no_named_field() {
    #[derive(Serialize, Deserialize, Merge)]
    struct Mixed {
        tower: Height,
        #[serde(flatten)]
        pages: BTreeMap<String, Stats>,
    }
    let of = |name: &str, n: u64| json!({"tower": {"views": 0}, name: {"views": n}});
    conflicts::<Mixed>(of("tower", 1), of("tower", 2), of("tower", 3));
    clean::<Mixed>(of("home", 1), of("home", 2), of("home", 3), of("home", 4));
}

#[test]
#[expect(clippy::linkedlist, reason = "it is a list that types have")]
fn rules_hold_inside_of_every_container() {
    #[derive(Serialize, Deserialize, Merge)]
    #[serde(transparent)]
    struct Wrapped<U: Merge> {
        of: PhantomData<U>,
        stats: Stats,
    }
    #[derive(Serialize, Deserialize, Merge)]
    struct Pages<K: Ord, V> {
        by: BTreeMap<K, V>,
    }
    #[derive(Merge)]
    #[expect(dead_code, reason = "only its policy counts")]
    struct All {
        days: BTreeMap<u32, Stats>,
        hosts: HashMap<Ipv6Addr, Stats>,
        generic: Pages<u8, Vec<Stats>>,
        wrapped: Wrapped<u8>,
        halves: [Stats; 2],
        both: (Stats, Box<Stats>),
        linked: LinkedList<Stats>,
        queue: VecDeque<Stats>,
        shared: Arc<Stats>,
        copied: Cow<'static, [Stats]>,
    }
    let of = |n: u64| {
        let one = json!({"views": n, "name": "a", "more": 1});
        json!({"days": {"1": one}, "hosts": {"::1": one}, "generic": {"by": {"1": [one]}}, "wrapped": one,
            "halves": [one, one], "both": [one, one], "linked": [one], "queue": [one], "shared": one, "copied": [one]})
    };
    clean::<All>(of(10), of(11), of(12), of(13));
}

#[test]
fn an_array_of_bare_values_is_one_value() {
    #[derive(Serialize, Deserialize, Merge)]
    struct Located {
        at: [f64; 2],
        pair: (String, Stats),
    }
    let of = |x: u64, y: u64| json!({"at": [x, y], "pair": ["a", {"views": 1}]});
    conflicts::<Located>(of(1, 1), of(2, 1), of(1, 2));
}

#[test]
fn a_member_and_a_key_are_the_same_under_an_older_name() {
    #[derive(Serialize, Deserialize, Merge)]
    struct Item {
        #[serde(rename = "sku", alias = "article")]
        id: String,
        #[merge(counter)]
        #[serde(alias = "amount")]
        qty: u64,
    }
    #[derive(Serialize, Deserialize, Merge)]
    struct Basket {
        #[merge(key = "sku")]
        lines: Vec<Item>,
        #[serde(alias = "label")]
        title: String,
    }
    clean::<Basket>(
        json!({"label": "t", "lines": [{"article": "a", "qty": 1}, {"article": "b", "qty": 1}]}),
        json!({"label": "u", "lines": [{"article": "a", "qty": 2}, {"article": "b", "qty": 1}]}),
        json!({"title": "t", "lines": [{"article": "b", "qty": 1}, {"sku": "a", "amount": 5}]}),
        json!({"title": "u", "lines": [{"article": "b", "qty": 1}, {"sku": "a", "amount": 6}]}),
    );
}

/// A type may have the name of one of ours.
#[test]
fn names_of_types_do_not_get_in_the_way() {
    #[derive(Serialize, Deserialize, Merge)]
    struct Probe {
        #[merge(counter)]
        n: u64,
    }
    #[derive(Serialize, Deserialize, Merge)]
    struct Place {
        member: Probe,
        variant: Option<Probe>,
    }
    let of = |n: u64| json!({"member": {"n": n}, "variant": {"n": n}});
    clean::<Place>(of(1), of(2), of(2), of(3));
}

/// A type that was made `Merge` by hand keeps its rules inside of others.
#[test]
fn a_policy_written_by_hand_holds_inside_of_a_derived_type() {
    #[derive(Serialize, Deserialize)]
    struct ByHand;
    impl Merge for ByHand {
        fn policy() -> ifmatch::Policy {
            ifmatch::Policy::new()
                .field("/n", ifmatch::Rule::Counter)
                .nested_type::<Stats>("/stats")
        }
    }
    #[derive(Serialize, Deserialize, Merge)]
    struct Outer {
        by_hand: Option<ByHand>,
        #[serde(flatten)]
        flat: ByHand,
    }
    let of =
        |n: u64| json!({"by_hand": {"n": n, "stats": {"views": n}}, "n": n, "stats": {"views": n}});
    clean::<Outer>(of(1), of(2), of(2), of(3));
    let policy = Outer::policy().field("/by_hand/n", ifmatch::Rule::Max);
    let merged = ThreeWay::new(policy).merge_json(Some(&of(1)), &of(2), &of(2));
    assert_eq!(merged.value["by_hand"]["n"], 2);
}
