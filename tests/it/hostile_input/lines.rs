//! Text from outside stays within its line of a message.

use std::error::Error as _;

use ifmatch::{Generic, ThreeWay};
use serde_json::{Value, json};

use crate::support::{ARTICLE, AT, Event, Server, articles, foreign, values};

#[tokio::test(start_paused = true)]
async fn foreign_text_stays_in_one_line_of_bounded_length() {
    let long = "k".repeat(100_000);
    let long: &str = Box::leak(format!("{{\"{long}\":1,\"{long}\":2}}").into_boxed_str());
    for body in [
        "{\"a\\nERROR forged\\u001b[31m\\u202e\":1,\"a\\nERROR forged\\u001b[31m\\u202e\":2}",
        "{\"title\":1,\"body\":\"\",\"views\":1}",
        long,
    ] {
        let server = Server::with(AT, ARTICLE);
        let articles = articles(&server);
        server.script([Event::Answer(200, &[("etag", "\"1\"")], body)]);
        let error = articles.get(1).await.unwrap_err();
        assert!(error.is_decode(), "{error:?}");
        let mut shown = vec![error.to_string()];
        shown.extend(error.source().map(ToString::to_string));
        for shown in shown {
            assert!(!shown.contains(char::is_control), "{shown:?}");
            assert!(!shown.contains('\u{202e}'), "{shown:?}");
            assert!(shown.len() < 4_096, "{} bytes", shown.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_names_of_fields_in_conflict_stay_in_one_line() {
    let key = "n\nERROR forged\u{1b}[31m";
    let document = json!({key: 1}).to_string();
    let server = Server::with(AT, &document);
    let things = values(&server, Generic::new());
    server.script([Event::Plain, foreign(move |theirs| theirs[key] = 2.into())]);
    let edit = move |thing: &mut Value| thing[key] = 3.into();
    let update = things.update(1, edit).strategy(ThreeWay::default());
    let error = update.await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains(char::is_control), "{shown:?}");
    // The name itself is told as it is.
    let sides = error.sides::<Value>().unwrap();
    assert_eq!(sides.fields[0].pointer, format!("/{key}"));
}
