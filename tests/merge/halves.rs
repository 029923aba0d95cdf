//! Half of a surrogate pair, which JSON allows and no Rust string can hold, and numbers that no type holds. What no
//! edit touches stays byte for byte.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::collections::BTreeMap;

use ifmatch::json::Document;
use ifmatch::merge::{Policy, Rule, Side, ThreeWay, pick_side, transplant};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

fn doc(text: &str) -> Document {
    Document::parse(text.as_bytes()).unwrap()
}

#[test]
fn halves_are_equal_to_themselves_only() {
    let halves = [
        r#""\ud83d""#,
        r#""\ud83e""#,
        r#""\ude00""#,
        r#""\ude00\ud83d""#,
        r#""\\ud83d""#,
        r#""\ufffd""#,
        r#""\uffffd83d""#,
        r#""\ud83d\ude00""#,
        r#""\ud83d\\ude00""#,
        r#""\ud83dude00""#,
        r#""a\ud83d""#,
    ];
    for (at, a) in halves.iter().enumerate() {
        assert_eq!(doc(a).as_str(), *a);
        for (other, b) in halves.iter().enumerate() {
            assert_eq!(doc(a) == doc(b), at == other, "{a} {b}");
        }
    }
    assert_eq!(doc(r#""\ud83D\n""#), doc(r#""\uD83d\u000a""#));
    assert_eq!(doc(r#""\ud83d\ude00""#), doc("\"\u{1f600}\""));
    assert!(
        Document::parse(br#"{"\ud83d":1,"\uD83D":2}"#)
            .unwrap_err()
            .is_duplicate_key()
    );
    assert!(Document::parse(br#""\ud8""#).unwrap_err().is_syntax());
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    n: f64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Shown {
    inner: Vec<Inner>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Inner {
    name: String,
}

#[test]
fn a_type_that_does_not_read_a_half_is_not_affected_and_one_that_does_gets_an_error() {
    let document = doc(
        r#"{"n":1e400,"inner":[{"name":"a"},{"name":"x\ud83d"}],"\ude00":{"a":1},"big":123456789012345678901234567890}"#,
    );
    assert_eq!(document.decode::<Known>().unwrap(), Known { n: f64::MAX });
    let error = document.decode::<Shown>().unwrap_err();
    assert!(error.is_type_mismatch());
    assert!(error.to_string().contains("/inner/1/name"), "{error}");
    assert!(
        error.to_string().contains("half of a surrogate pair"),
        "{error}"
    );
    assert!(document.decode::<Value>().is_err());
    // A name that no type can hold is left out of a map, and stays in the document.
    let map = doc(r#"{"\ude00":1,"a":2}"#);
    assert_eq!(
        map.decode::<BTreeMap<String, u8>>().unwrap(),
        BTreeMap::from([("a".into(), 2)])
    );
    let (before, after) = (doc(r#"{"a":2}"#), doc(r#"{"a":3}"#));
    let written = transplant(&map, &before, &after, &Policy::new());
    assert_eq!(written.as_str(), r#"{"\ude00":1,"a":3}"#);
}

#[test]
fn halves_survive_a_merge_that_does_not_touch_them() {
    let base = doc(r#"{"t":"\ud83d","\ude00k":[1,"\udfff"],"n":1,"m":1}"#);
    let local = doc(r#"{"t":"\ud83d","\ude00k":[1,"\udfff"],"n":2,"m":1}"#);
    let remote = doc(r#"{"m":3,"t":"\uD83D","\ude00k":[1,"\udfff"],"n":1}"#);
    let merged = ThreeWay::default().merge_documents(Some(&base), &local, &remote);
    assert!(merged.conflicts.is_empty());
    assert_eq!(
        merged.document.as_str(),
        r#"{"m":3,"t":"\uD83D","\ude00k":[1,"\udfff"],"n":2}"#
    );
}

#[test]
fn halves_are_merged_as_a_whole_and_settled_as_they_were() {
    let side =
        |first: &str, last: &str| doc(&format!(r#"{{"\ud83dk":"{first}\nb\nc\n\ud83d{last}\n"}}"#));
    let (base, local, remote) = (side("a", "e"), side("A", "e"), side("a", "E"));
    for rule in [
        Rule::Auto,
        Rule::Text,
        Rule::Prose,
        Rule::Max,
        Rule::Counter,
    ] {
        let merge = ThreeWay::new(Policy::new().field("/*", rule));
        let merged = merge.merge_documents(Some(&base), &local, &remote);
        assert_eq!(merged.conflicts.len(), 1);
        assert_eq!(merged.document.as_str(), remote.as_str());
        let settled = pick_side(&merged.document, &merged.conflicts, Side::Local);
        assert_eq!(settled.as_str(), local.as_str());
    }
}

#[test]
fn a_removed_member_with_half_a_name_comes_back_under_its_name() {
    let (base, gone) = (doc(r#"{"\ud83d":1}"#), doc("{}"));
    let changed = doc(r#"{"\ud83d":12345678901234567890123}"#);
    let merged = ThreeWay::default().merge_documents(Some(&base), &gone, &changed);
    let removed = pick_side(&merged.document, &merged.conflicts, Side::Local);
    assert_eq!(removed.as_str(), "{}");
    let restored = pick_side(&removed, &merged.conflicts, Side::Remote);
    assert_eq!(restored.as_str(), changed.as_str());
}

#[test]
fn what_a_function_passes_on_keeps_its_text() {
    let sum = Rule::custom(|_base: Option<&Value>, local: &Value, remote: &Value| {
        let mut sum = remote.clone();
        sum["n"] = json!(local["n"].as_u64().unwrap_or(0) + remote["n"].as_u64().unwrap_or(0));
        sum["new"] = json!([true]);
        sum["list"].as_array_mut().ok_or("no list")?.reverse();
        Ok(sum)
    });
    let merge = ThreeWay::new(Policy::new().field("", sum));
    let base = doc(r#"{"n":0}"#);
    let local = doc(r#"{"n":1}"#);
    let remote = doc(
        r#"{"z":1.10,"\ud83d":"\ude00","n":2,"list":[12345678901234567890123,1e400,{"b":1.50,"a":1}],"a":{"x":1e400,"y":0}}"#,
    );
    let merged = merge.merge_documents(Some(&base), &local, &remote);
    assert!(merged.conflicts.is_empty());
    assert_eq!(
        merged.document.as_str(),
        r#"{"z":1.10,"\ud83d":"\ude00","n":3,"list":[{"b":1.50,"a":1},1e400,12345678901234567890123],"a":{"x":1e400,"y":0},"new":[true]}"#
    );
}

#[derive(Serialize)]
struct Holder<'a> {
    #[serde(flatten)]
    kind: Kind<'a>,
}

#[derive(Serialize)]
#[serde(tag = "kind")]
enum Kind<'a> {
    One { document: &'a Document },
}

#[test]
fn a_document_that_is_encoded_keeps_its_text() {
    let text = r#"{"z":12345678901234567890123,"b":1e400, "a":"\ud83d","c":1.10}"#;
    let document = doc(text);
    assert_eq!(Document::encode(&document).unwrap().as_str(), text);
    let list = Document::encode(&vec![Some(&document), None]).unwrap();
    assert_eq!(list.as_str(), format!("[{text},null]"));
    let held = Document::encode(&Holder {
        kind: Kind::One {
            document: &document,
        },
    })
    .unwrap();
    assert_eq!(
        held.as_str(),
        format!(r#"{{"kind":"One","document":{text}}}"#)
    );
    // Others get it value by value, in its order.
    let other = serde_json::to_string(&document).unwrap();
    assert_eq!(
        other,
        r#"{"z":1.2345678901234568e+22,"b":1.7976931348623157e+308,"a":"�","c":1.1}"#
    );
    assert_eq!(
        serde_json::to_value(doc("[1, 18446744073709551615]")).unwrap(),
        json!([1, u64::MAX])
    );
}
