//! Types that use every serde attribute that affects their documents.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::Ipv6Addr;

use ifmatch_merge::Merge;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
#[serde(rename_all(serialize = "camelCase", deserialize = "snake_case"))]
pub(crate) struct Everything {
    #[serde(alias = "label")]
    pub title: String,
    pub first_name: String,
    #[serde(rename(serialize = "costWritten", deserialize = "costRead"))]
    pub cost: f64,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    #[serde(default, skip_serializing)]
    pub locked: bool,
    pub nick: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", alias = "old_note")]
    pub note: Option<Sub>,
    #[serde(default = "seven")]
    pub level: u64,
    pub sorted: BTreeSet<String>,
    pub hashed: HashSet<u64>,
    #[serde(deserialize_with = "by_sku")]
    #[merge(key = "sku")]
    pub in_order: Vec<Line>,
    #[serde(deserialize_with = "those_known")]
    #[merge(key = "sku")]
    pub filtered: Vec<Line>,
    #[serde(deserialize_with = "once")]
    pub once: Vec<String>,
    pub plain: Vec<Line>,
    pub grid: Vec<Vec<Sub>>,
    pub pair: [Sub; 2],
    pub numbered: BTreeMap<u32, Sub>,
    pub hosts: HashMap<Ipv6Addr, Sub>,
    pub colours: BTreeMap<Colour, u64>,
    pub outside: Outside,
    pub inside: Inside,
    pub beside: Beside,
    pub either: Either,
    pub many: Vec<Inside>,
    #[serde(flatten)]
    pub flat: Flat,
}

fn seven() -> u64 {
    7
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
pub(crate) struct Line {
    #[serde(alias = "article")]
    pub sku: u64,
    pub qty: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    #[serde(default)]
    pub subs: Vec<Sub>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
pub(crate) struct Sub {
    #[serde(alias = "z")]
    pub a: u64,
    #[serde(default)]
    pub b: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
pub(crate) struct Flat {
    #[serde(alias = "g")]
    pub f: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub h: Vec<Sub>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
pub(crate) enum Colour {
    #[serde(alias = "rouge")]
    Red,
    Green,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
pub(crate) enum Outside {
    #[serde(alias = "Void")]
    Empty,
    #[serde(alias = "Single")]
    One(Sub),
    #[serde(alias = "Double")]
    Two {
        #[serde(alias = "old")]
        x: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sub: Option<Sub>,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
#[serde(tag = "type")]
pub(crate) enum Inside {
    #[serde(alias = "Former")]
    First {
        #[serde(alias = "old")]
        x: u64,
    },
    Second {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        x: Option<u64>,
        old: u64,
    },
    Third(Sub),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
#[serde(tag = "t", content = "c")]
pub(crate) enum Beside {
    #[serde(alias = "Formerly")]
    First(Sub),
    Second {
        x: u64,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
#[serde(untagged)]
pub(crate) enum Either {
    Named {
        #[serde(alias = "designation")]
        name: String,
    },
    Counted {
        count: u64,
    },
    Text(String),
}

/// A type that knows every member. The map holds those that no field has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
#[merge(crate = "ifmatch_merge")]
pub(crate) struct Open {
    #[serde(alias = "label")]
    pub title: String,
    #[serde(flatten)]
    pub shape: Outside,
    #[serde(flatten)]
    pub rest: BTreeMap<String, Value>,
}

/// A type of which nothing is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Foreign {
    #[serde(alias = "label")]
    pub title: String,
    pub first_name: String,
    pub sorted: BTreeSet<String>,
    pub hashed: HashSet<u64>,
    #[serde(deserialize_with = "by_sku")]
    pub in_order: Vec<Line>,
    #[serde(deserialize_with = "once")]
    pub once: Vec<String>,
    pub hosts: HashMap<Ipv6Addr, Sub>,
    pub sub: Option<Sub>,
}

fn by_sku<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<Line>, D::Error> {
    let mut lines = Vec::<Line>::deserialize(reader)?;
    lines.sort_by_key(|line| line.sku);
    Ok(lines)
}

fn those_known<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<Line>, D::Error> {
    let lines = Vec::<Value>::deserialize(reader)?;
    Ok(lines
        .into_iter()
        .filter_map(|line| serde_json::from_value(line).ok())
        .collect())
}

fn once<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<String>, D::Error> {
    let mut seen = HashSet::new();
    let mut words = Vec::<String>::deserialize(reader)?;
    words.retain(|word| seen.insert(word.clone()));
    Ok(words)
}
