//! A value that its document would not mean is an error, and nothing is sent.

use super::{edited, edited_unknown};
use crate::support::{Event, Server};
use ifmatch::Merge;
use ifmatch::lens::Unfaithful;
use ifmatch::testing::ResourceServer;
use serde::{Deserialize, Deserializer, Serialize};

/// Every number that ends in 7 is read as the next one.
#[derive(Debug, Serialize, Deserialize)]
struct Odd {
    #[serde(deserialize_with = "not_seven")]
    n: u64,
}

fn not_seven<'de, D: Deserializer<'de>>(reader: D) -> Result<u64, D::Error> {
    let n = u64::deserialize(reader)?;
    Ok(if n % 10 == 7 { n + 1 } else { n })
}

#[tokio::test(start_paused = true)]
async fn what_a_type_makes_of_its_own_words_is_no_breach() {
    edited_unknown::<Odd>(r#"{"n": 1}"#, |it| it.n = 7)
        .await
        .is(r#"{"n": 7}"#);
}

/// It needs a member that it leaves out.
#[derive(Debug, Serialize, Deserialize, Merge)]
struct Hidden {
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    needed: String,
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_put_back_is_an_error_with_all_sides_and_nothing_is_sent() {
    for document in [
        r#"{"name":"a","needed":"x"}"#,
        r#"{"needed": "x", "name": "a", "more": 1.10}"#,
    ] {
        let server = ResourceServer::start().await;
        server.put("/a/1", document);
        let client = server.in_process().build().unwrap();
        let all = client.collection::<Hidden>("a");
        let error = all.update(1, |it| it.needed.clear()).await.unwrap_err();
        assert!(error.is_unfaithful(), "{error}");
        assert!(error.to_string().contains("needed"), "{error}");
        let source = std::error::Error::source(&error).unwrap();
        assert!(source.downcast_ref::<Unfaithful>().is_some());
        let sides = error.into_sides::<Hidden>().unwrap();
        assert_eq!(sides.base.unwrap().needed, "x");
        let mut it = all.get(1).await.unwrap();
        it.needed.clear();
        let error = all.save(&it).await.unwrap_err();
        assert!(error.is_unfaithful(), "{error}");
        assert_eq!(server.text("/a/1").unwrap(), document);
        assert_eq!(server.version("/a/1"), Some(1));
    }
}

fn yes() -> bool {
    true
}

/// What it leaves out it reads as the opposite.
#[derive(Debug, Serialize, Deserialize, Merge)]
struct Switch {
    #[serde(default = "yes", skip_serializing_if = "std::ops::Not::not")]
    on: bool,
    n: u64,
}

#[tokio::test(start_paused = true)]
async fn a_value_that_its_type_reads_as_another_one_is_not_sent() {
    let document = r#"{"on":true,"n":1}"#;
    let off = |it: &mut Switch| it.on = false;
    let known = edited(document, off as fn(&mut Switch)).await;
    let unknown = edited_unknown(document, off as fn(&mut Switch)).await;
    for edited in [known, unknown] {
        assert!(edited.told.unwrap_err().is_unfaithful());
        assert_eq!(edited.now, document);
    }
    let server = ResourceServer::start().await;
    let switches = server
        .in_process()
        .build()
        .unwrap()
        .collection::<Switch>("a");
    let value = || Switch { on: false, n: 1 };
    let created = switches.create(2, &value()).await;
    let made = switches.update(2, |it| it.n += 1).if_absent(value()).await;
    for outcome in [created, made] {
        let error = outcome.unwrap_err();
        assert!(
            error.is_unfaithful() && error.to_string().contains("/on"),
            "{error}"
        );
    }
    assert_eq!(server.text("/a/2"), None);
    switches
        .create(2, &Switch { on: true, n: 1 })
        .await
        .unwrap();
    edited::<Switch>(document, |it| it.n = 2)
        .await
        .is(r#"{"on":true,"n":2}"#);
}

/// The server gives the id, and the type requires it.
#[derive(Debug, Serialize, Deserialize, Merge)]
struct Numbered {
    #[serde(skip_serializing)]
    id: u64,
    title: String,
}

#[tokio::test(start_paused = true)]
async fn a_new_value_that_its_type_can_read_only_with_what_the_server_adds_is_created() {
    let body = r#"{"id":9,"title":"t"}"#;
    let server = Server::with("/v1/n/9", body);
    let numbered = server.client().collection::<Numbered>("n");
    let value = || Numbered {
        id: 0,
        title: "t".into(),
    };
    server.script([Event::Answer(201, &[("etag", "\"1\"")], body)]);
    let created = numbered.create(9, &value()).await.unwrap();
    assert_eq!(created.id, 9);
    server.script([
        Event::Answer(404, &[], ""),
        Event::Answer(201, &[("etag", "\"2\"")], body),
    ]);
    let made = numbered.update(8, |it| it.title.clear()).if_absent(value());
    assert_eq!(made.await.unwrap().id, 9);
    let puts = server.seen();
    let puts = puts.iter().filter(|seen| seen.method == "PUT");
    for put in puts {
        assert_eq!(put.body, br#"{"title":"t"}"#);
    }
}
