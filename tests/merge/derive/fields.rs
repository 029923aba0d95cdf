//! The rules of the fields, and their names.

use std::collections::HashMap;

use super::{Article, clean, merge};
use ifmatch::Merge;
use ifmatch::json::Document;
use ifmatch::merge::{ConflictKind, changes, transplant};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

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
