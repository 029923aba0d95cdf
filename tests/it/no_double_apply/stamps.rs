//! Promise 2 with write stamps, which determine the outcome exactly.

use std::time::Duration;

use crate::support::{ARTICLE, AT, Event, Server, articles, counters};
use tokio::time::timeout;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_stamp_is_believed_after_a_read_from_an_older_replica() {
    let server = Server::with(AT, r#"{"title":"old","body":"text","views":0}"#);
    server.put(AT, ARTICLE);
    let stamped = counters(&server).write_stamp("/meta/writes");
    server.script([
        Event::Plain,     // GET: version 2
        Event::LoseReply, // PUT, applied
        Event::Answer(
            200,
            &[("etag", "\"1\"")],
            r#"{"title":"old","body":"text","views":0}"#,
        ), // a replica that lags
    ]);
    let outcome = stamped.update(1, |a| a.views += 1).await;
    assert_eq!(server.value(AT)["views"], 2, "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stamped_save_repeated_after_a_drop_is_settled_though_another_wrote_since() {
    let server = Server::with(AT, ARTICLE);
    let stamped = articles(&server).write_stamp("/w");
    let mut read = stamped.get(1).await.unwrap();
    read.title = "mine".into();
    server.script([Event::Hang]);
    assert!(timeout(SECOND, stamped.save(&read)).await.is_err());
    // another client of ours writes, with its stamp
    let other = articles(&server).write_stamp("/w");
    other.update(1, |a| a.body = "theirs".into()).await.unwrap();
    let outcome = stamped.save(&read).await;
    assert!(outcome.is_ok(), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stamped_counter_repeated_after_a_drop_is_settled() {
    let server = Server::with(AT, ARTICLE);
    let stamped = counters(&server).write_stamp("/w");
    let mut read = stamped.get(1).await.unwrap();
    read.views += 1;
    server.script([Event::Hang]);
    assert!(timeout(SECOND, stamped.save(&read)).await.is_err());
    let outcome = stamped.save(&read).await;
    assert_eq!(server.value(AT)["views"], 2);
    assert!(outcome.is_ok(), "{outcome:?}");
}
