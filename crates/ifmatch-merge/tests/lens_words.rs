//! A value that a type cannot represent causes an error for any document. Any other value reaches its place.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::sync::Arc;

use ifmatch_merge::lens::Lens;
use ifmatch_merge::{BoxError, Document, Merge};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer, Serialize};

fn parsed(raw: &str) -> Document {
    Document::parse(raw.as_bytes()).unwrap()
}

fn put<T>(lens: &Lens<T>, raw: &str, edit: fn(&mut T)) -> Result<String, BoxError>
where
    T: Serialize + DeserializeOwned + 'static,
{
    let raw = parsed(raw);
    let mut value: T = raw.decode().unwrap();
    edit(&mut value);
    lens.put(&raw, &value).map(|put| put.to_string())
}

/// Runs with the derived policy of the type, and without a policy.
fn both<T>(raw: &str, edit: fn(&mut T)) -> [Result<String, BoxError>; 2]
where
    T: Serialize + DeserializeOwned + Merge + 'static,
{
    let lenses = [Lens::<T>::of(), Lens::new(Arc::default())];
    lenses.map(|lens| put(&lens, raw, edit))
}

#[track_caller]
fn refused<T: Serialize + DeserializeOwned + Merge + 'static>(raw: &str, edit: fn(&mut T)) {
    // The type's own output, and a document with an unknown member.
    let more = raw.replacen('{', r#"{"more":1.10,"#, 1);
    for raw in [raw, &more] {
        for put in both(raw, edit) {
            assert!(put.is_err(), "{raw} became {}", put.unwrap());
        }
    }
}

#[track_caller]
fn becomes<T: Serialize + DeserializeOwned + Merge + 'static>(
    raw: &str,
    edit: fn(&mut T),
    expected: &str,
) {
    for put in both(raw, edit) {
        assert_eq!(put.unwrap(), expected);
    }
}

fn yes() -> bool {
    true
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Switch {
    #[serde(default = "yes", skip_serializing_if = "std::ops::Not::not")]
    on: bool,
    n: u64,
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Switches {
    all: Vec<Switch>,
}

#[test]
fn a_value_that_is_left_out_and_read_as_another_one_is_refused() {
    refused::<Switch>(r#"{"on":true,"n":1}"#, |it| it.on = false);
    refused::<Switch>(r#"{"n":1}"#, |it| it.on = false);
    refused::<Switches>(r#"{"all":[{"on":true,"n":1}]}"#, |it| it.all[0].on = false);
    becomes::<Switch>(
        r#"{"on":true,"n":1}"#,
        |it| it.n = 2,
        r#"{"on":true,"n":2}"#,
    );
    becomes::<Switch>(
        r#"{"on":false,"n":1}"#,
        |it| it.n = 2,
        r#"{"on":false,"n":2}"#,
    );
    becomes::<Switch>(
        r#"{"on":false,"n":1}"#,
        |it| it.on = true,
        r#"{"on":true,"n":1}"#,
    );
}

fn pairs<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<(String, u64)>, D::Error> {
    BTreeMap::deserialize(reader).map(|map: BTreeMap<_, _>| map.into_iter().collect())
}

/// A type that reads a map and writes a list.
#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Pairs {
    #[serde(deserialize_with = "pairs")]
    of: Vec<(String, u64)>,
    n: u64,
}

#[derive(Clone, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
#[serde(try_from = "String", into = "String")]
struct Address(String);

impl TryFrom<String> for Address {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text.contains('@') {
            Ok(Self(text))
        } else {
            Err("no address".to_owned())
        }
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.0
    }
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Mail {
    to: Address,
    weight: f64,
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
enum Form {
    Old(u64),
    #[serde(skip_deserializing)]
    New(u64),
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
#[serde(untagged)]
enum Either {
    Short { n: u64 },
    Long { n: u64, text: Option<String> },
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Parcel {
    note: Option<String>,
    weight: f64,
}

#[test]
fn a_number_that_cannot_be_written_is_refused_also_where_a_null_goes_elsewhere() {
    for note in ["null", r#""null""#] {
        let raw = format!(r#"{{"note":{note},"weight":1.0}}"#);
        refused::<Parcel>(&raw, |it| {
            (it.note, it.weight) = (Some("heavy".into()), f64::NAN);
        });
    }
}

#[test]
fn what_a_type_writes_and_cannot_read_is_refused() {
    refused::<Pairs>(r#"{"of":{"a":1},"n":1}"#, |it| it.of[0].1 = 2);
    becomes::<Pairs>(
        r#"{"of":{"a":1},"n":1}"#,
        |it| it.n = 2,
        r#"{"of":{"a":1},"n":2}"#,
    );
    refused::<Mail>(r#"{"to":"a@b","weight":1.0}"#, |it| {
        it.to.0 = "no address".into();
    });
    refused::<Mail>(r#"{"to":"a@b","weight":1.0}"#, |it| it.weight = f64::NAN);
    refused::<Mail>(r#"{"to":"a@b","weight":1.0}"#, |it| {
        it.weight = f64::INFINITY;
    });
    becomes::<Mail>(
        r#"{"to":"a@b","weight":1}"#,
        |it| it.to.0 = "c@d".into(),
        r#"{"to":"c@d","weight":1}"#,
    );
    for put in both::<Form>(r#"{"Old":1}"#, |it| *it = Form::New(1)) {
        assert!(put.is_err(), "{}", put.unwrap());
    }
    // The document holds the intended value, although the type reads it as another variant.
    becomes::<Either>(
        r#"{"n":1}"#,
        |it| {
            *it = Either::Long {
                n: 2,
                text: Some("t".into()),
            }
        },
        r#"{"n":2,"text":"t"}"#,
    );
}

fn in_lower_case<'de, D: Deserializer<'de>>(reader: D) -> Result<BTreeMap<String, u64>, D::Error> {
    let map = BTreeMap::<String, u64>::deserialize(reader)?;
    if map.keys().any(String::is_empty) {
        return Err(D::Error::custom("a header has a name"));
    }
    Ok(map
        .into_iter()
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect())
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Headers {
    #[serde(deserialize_with = "in_lower_case")]
    headers: BTreeMap<String, u64>,
}

#[test]
fn an_entry_whose_name_a_function_reads_is_one_entry() {
    let raw = r#"{"headers":{"Accept":1,"ETag":2}}"#;
    becomes::<Headers>(
        raw,
        |it| {
            it.headers.insert("accept".into(), 5);
        },
        r#"{"headers":{"Accept":5,"ETag":2}}"#,
    );
    becomes::<Headers>(
        raw,
        |it| {
            it.headers.remove("etag");
        },
        r#"{"headers":{"Accept":1}}"#,
    );
}

#[derive(Clone, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Line {
    sku: String,
    #[serde(alias = "amount")]
    qty: u64,
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Lines {
    lines: Vec<Line>,
}

/// A type that does not declare the keys of its lines.
#[test]
fn an_element_that_moved_and_was_changed_keeps_what_the_type_does_not_know() {
    let raw = r#"{"lines":[{"sku":"a","qty":1,"note":1.10},{"sku":"b","qty":2,"note":2.10},{"sku":"c","qty":2}]}"#;
    becomes::<Lines>(
        raw,
        |it| {
            it.lines.swap(0, 1);
            it.lines[0].qty = 9;
        },
        r#"{"lines":[{"sku":"b","qty":9,"note":2.10},{"sku":"a","qty":1,"note":1.10},{"sku":"c","qty":2}]}"#,
    );
    becomes::<Lines>(
        raw,
        |it| {
            it.lines.reverse();
            it.lines[0].qty = 7;
            it.lines[2].qty = 8;
        },
        r#"{"lines":[{"sku":"c","qty":7},{"sku":"b","qty":2,"note":2.10},{"sku":"a","qty":8,"note":1.10}]}"#,
    );
    becomes::<Lines>(
        raw,
        |it| {
            it.lines.remove(0);
            it.lines.push(Line {
                sku: "d".into(),
                qty: 1,
            });
        },
        r#"{"lines":[{"sku":"b","qty":2,"note":2.10},{"sku":"c","qty":2},{"sku":"d","qty":1}]}"#,
    );
}

/// A type that reads nothing until both members are in place.
#[test]
fn several_older_names_are_found_by_trials() {
    becomes::<Lines>(
        r#"{"lines":[{"sku":"a","amount":1,"note":1.10},{"sku":"b","amount":2}]}"#,
        |it| it.lines.iter_mut().for_each(|line| line.qty += 1),
        r#"{"lines":[{"sku":"a","amount":2,"note":1.10},{"sku":"b","amount":3}]}"#,
    );
}

/// What is found for one element holds for all elements with the same members.
#[test]
fn older_names_are_found_in_lists_of_any_length() {
    let line = |at: usize| {
        let old = if at.is_multiple_of(3) {
            "qty"
        } else {
            "amount"
        };
        format!(r#"{{"sku":"s{at}","{old}":{at},"note":{at}.50}}"#)
    };
    let lines: Vec<String> = (0..500).map(line).collect();
    let raw = parsed(&format!(r#"{{"lines":[{}]}}"#, lines.join(",")));
    for lens in [Lens::<Lines>::of(), Lens::new(Arc::default())] {
        let mut value: Lines = raw.decode().unwrap();
        value.lines.iter_mut().for_each(|line| line.qty += 1000);
        let put = lens.put(&raw, &value).unwrap();
        let expected =
            (0..500).map(|at| line(at).replace(&format!(":{at},"), &format!(":{},", at + 1000)));
        let expected = expected.collect::<Vec<_>>().join(",");
        assert_eq!(put.to_string(), format!(r#"{{"lines":[{expected}]}}"#));
    }
}

fn normal<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<String>, D::Error> {
    let words = Vec::<String>::deserialize(reader)?;
    let mut words: Vec<_> = words.iter().map(|word| word.to_lowercase()).collect();
    words.sort();
    words.dedup();
    Ok(words)
}

#[derive(Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
struct Normal {
    #[serde(default, deserialize_with = "normal")]
    tags: Vec<String>,
    #[serde(default)]
    hosts: BTreeSet<Ipv6Addr>,
}

#[test]
fn elements_that_the_type_sorts_and_spells_otherwise_are_told_apart() {
    for (gone, left) in [
        ("a", r#"["C","b"]"#),
        ("b", r#"["C","A","a"]"#),
        ("c", r#"["A","b","a"]"#),
    ] {
        let lenses = [Lens::<Normal>::of(), Lens::new(Arc::default())];
        for lens in lenses {
            let raw = parsed(r#"{"tags":["C","A","b","a"],"hosts":[]}"#);
            let mut value: Normal = raw.decode().unwrap();
            value.tags.retain(|tag| tag != gone);
            let put = lens.put(&raw, &value).unwrap();
            assert_eq!(put.to_string(), format!(r#"{{"tags":{left},"hosts":[]}}"#));
        }
    }
    becomes::<Normal>(
        r#"{"tags":[],"hosts":["2001:DB8::2","2001:DB8::1","2001:DB8:0::3"]}"#,
        |it| {
            it.hosts.pop_first();
        },
        r#"{"tags":[],"hosts":["2001:DB8::2","2001:DB8:0::3"]}"#,
    );
}
