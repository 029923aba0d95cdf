//! Keys and members keep the spelling that the document or the type has for them.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv6Addr;

use super::{edited, edited_unknown};
use ifmatch::Merge;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Serialize, Deserialize, Merge)]
struct Hosts {
    hosts: BTreeMap<Ipv6Addr, String>,
}

#[derive(Serialize, Deserialize)]
struct UnknownHosts {
    hosts: HashMap<Ipv6Addr, String>,
}

const HOSTS: &str = r#"{"hosts":{"2001:DB8::1":"one","2001:db8::2":"two"},"more":1}"#;

fn first() -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)
}

#[tokio::test(start_paused = true)]
async fn an_entry_whose_key_is_spelled_otherwise_is_the_same_entry() {
    let gone = r#"{"hosts":{"2001:db8::2":"two"},"more":1}"#;
    let changed = HOSTS.replace("one", "uno");
    edited::<Hosts>(HOSTS, |it| drop(it.hosts.remove(&first())))
        .await
        .is(gone);
    edited::<Hosts>(HOSTS, |it| drop(it.hosts.insert(first(), "uno".into())))
        .await
        .is(&changed);
    edited_unknown::<UnknownHosts>(HOSTS, |it| drop(it.hosts.remove(&first())))
        .await
        .is(gone);
    edited_unknown::<UnknownHosts>(HOSTS, |it| drop(it.hosts.insert(first(), "uno".into())))
        .await
        .is(&changed);
}

#[derive(Serialize, Deserialize, Merge)]
enum Form {
    #[serde(alias = "Round")]
    Circle {
        #[serde(alias = "r")]
        radius: u64,
    },
    Square {
        side: u64,
    },
}

#[derive(Serialize, Deserialize, Merge)]
#[serde(tag = "type")]
enum Beside {
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
}

#[derive(Serialize, Deserialize, Merge)]
#[serde(rename_all(serialize = "camelCase", deserialize = "snake_case"))]
struct Names {
    first_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_name: Option<String>,
}

#[tokio::test(start_paused = true)]
async fn members_keep_the_names_that_the_type_reads() {
    fn grow(it: &mut Form) {
        if let Form::Circle { radius } = it {
            *radius = 2;
        }
    }
    edited(r#"{"Round":{"r":1,"unit":"m"}}"#, grow)
        .await
        .is(r#"{"Round":{"r":2,"unit":"m"}}"#);
    edited::<Form>(r#"{"Round":{"r":1,"unit":"m"}}"#, |it| {
        *it = Form::Square { side: 1 }
    })
    .await
    .is(r#"{"Square":{"side":1}}"#);
    // Another variant has a field of the name that was an older one.
    for x in [None, Some(1)] {
        let edit: fn(&mut Beside) = match x {
            None => |it| *it = Beside::Second { x: None, old: 5 },
            Some(_) => |it| *it = Beside::Second { x: Some(1), old: 5 },
        };
        let now = edited(r#"{"type":"Former","old":1,"more":0}"#, edit).await;
        assert!(now.told.is_ok());
        let now: Value = serde_json::from_str(&now.now).unwrap();
        assert_eq!((&now["type"], &now["old"]), (&"Second".into(), &5.into()));
        assert_eq!(now.get("x").and_then(Value::as_u64), x);
    }
    // What is added stands under the name that is read.
    let edit: fn(&mut Names) = |it| (it.first_name, it.last_name) = ("b".into(), Some("c".into()));
    edited(r#"{"first_name":"a"}"#, edit)
        .await
        .is(r#"{"first_name":"b","last_name":"c"}"#);
}

#[derive(Serialize, Deserialize)]
struct Labelled {
    #[serde(alias = "label")]
    title: String,
    n: u64,
}

#[tokio::test(start_paused = true)]
async fn a_type_of_which_nothing_is_said_finds_its_older_names() {
    edited_unknown::<Labelled>(r#"{"label":"t","n":1,"more":"t"}"#, |it| {
        it.title = "u".into();
    })
    .await
    .is(r#"{"label":"u","n":1,"more":"t"}"#);
}
