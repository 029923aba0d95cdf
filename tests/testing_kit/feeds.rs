//! Feeds of the test server, within the process and over a socket.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ifmatch::event_stream::EventStream;
use ifmatch::testing::{Feed, FeedStep, GoneForm, Listener, Reply, ResourceServer, Step};
use ifmatch::transport::{Request, Reqwest, Streaming};
use ifmatch::{Client, HeaderValue, Method, Transport};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(3600);

/// A way to the server.
struct Way {
    transport: Arc<dyn Transport>,
    base: String,
    _listener: Option<Listener>,
}

fn in_process(server: &ResourceServer) -> Way {
    let taken = Arc::new(Mutex::new(None));
    let slot = taken.clone();
    let client = server.in_process().layer(move |next| {
        *slot.lock().unwrap() = Some(next.clone());
        next
    });
    client.build().unwrap();
    let transport = taken.lock().unwrap().take().unwrap();
    Way {
        transport,
        base: server.uri(),
        _listener: None,
    }
}

async fn over_a_socket(server: &ResourceServer) -> Way {
    let listener = server.listen().await.unwrap();
    Way {
        transport: Arc::new(Reqwest::new().unwrap()),
        base: listener.uri(),
        _listener: Some(listener),
    }
}

/// A server with a feed, by both ways.
async fn servers() -> Vec<(ResourceServer, Feed, Way)> {
    let mut servers = Vec::new();
    for over_socket in [false, true] {
        let server = ResourceServer::start().await;
        let feed = server.feed("/changes");
        let way = if over_socket {
            over_a_socket(&server).await
        } else {
            in_process(&server)
        };
        servers.push((server, feed, way));
    }
    servers
}

impl Way {
    async fn open(&self, last_event_id: Option<&str>) -> Streaming {
        let url = format!("{}/changes", self.base).parse().unwrap();
        let mut request = Request::new(Method::GET, url);
        if let Some(id) = last_event_id {
            let id = HeaderValue::from_str(id).unwrap();
            request.headers.insert("last-event-id", id);
        }
        self.transport.open(request).await.unwrap()
    }

    /// The ids of the next events after an id.
    async fn ids(&self, last_event_id: Option<&str>, count: usize) -> Vec<String> {
        let mut stream = self.open(last_event_id).await;
        let events = events(&mut stream, count).await;
        events.into_iter().map(|(id, ..)| id).collect()
    }
}

/// Id, type and data of the next events. There are fewer if the stream ends or breaks off.
async fn events(stream: &mut Streaming, count: usize) -> Vec<(String, String, Value)> {
    let (mut decoder, mut events) = (EventStream::new(), Vec::new());
    while events.len() < count
        && let Ok(Some(chunk)) = timeout(LONG, stream.next()).await.unwrap()
    {
        let mut rest = &chunk[..];
        while let Some(event) = decoder.decode(&mut rest).unwrap() {
            let data = serde_json::from_str(event.data()).unwrap();
            let (id, kind) = (event.last_event_id(), event.event_type());
            events.push((id.to_owned(), kind.to_owned(), data));
        }
    }
    events
}

/// Stores this number of versions of a note.
fn write(server: &ResourceServer, count: usize) {
    for n in 0..count {
        server.put("/notes/1", &json!({ "n": n }).to_string());
    }
}

#[tokio::test]
async fn every_change_is_told_in_order_whoever_made_it() {
    for (server, feed, way) in servers().await {
        server.put("/notes/0", "{}");
        let mut stream = way.open(None).await;
        assert_eq!(stream.headers["content-type"], "text/event-stream");
        let notes = server
            .in_process()
            .build()
            .unwrap()
            .collection::<Value>("notes");
        notes.create("a b", &json!({"n": 1})).await.unwrap();
        server.put("/notes/a%20b", "{\n  \"n\": 1.50\n}");
        notes.delete("a b").await.unwrap();
        let path = "/notes/a%20b";
        let put = |version: &str, n: Value| json!({"path": path, "id": "a b", "version": version, "document": {"n": n}});
        let expected = [
            ("2", "put", put("\"v1\"", json!(1))),
            ("3", "put", put("\"v2\"", json!(1.5))),
            ("4", "gone", json!({"path": path, "id": "a b"})),
        ];
        let expected = expected.map(|(id, kind, data)| (id.to_owned(), kind.to_owned(), data));
        assert_eq!(events(&mut stream, 3).await, expected);
        assert_eq!(feed.last_id(), 4);
        server
            .requests()
            .to("/changes")
            .answered(200)
            .assert_count(1);
    }
}

#[tokio::test]
async fn a_stream_goes_on_after_its_id_and_at_the_oldest_change_if_the_id_is_lost() {
    for (server, feed, way) in servers().await {
        let feed = feed.history(3);
        write(&server, 6);
        assert_eq!(way.ids(Some("4"), 2).await, ["5", "6"]);
        // Two changes are missing, without a sign.
        assert_eq!(way.ids(Some("1"), 3).await, ["4", "5", "6"]);
        assert_eq!(way.ids(Some("of another server"), 3).await, ["4", "5", "6"]);
        feed.next_stream(FeedStep::new().forget_id());
        assert_eq!(way.ids(Some("6"), 3).await, ["4", "5", "6"]);
        feed.restart();
        write(&server, 1);
        assert_eq!(way.ids(Some("6"), 1).await, ["1"]);
    }
}

#[tokio::test]
async fn a_stream_is_cut_or_ends_after_so_many_bytes() {
    for (server, feed, way) in servers().await {
        write(&server, 3);
        for (step, breaks) in [
            (FeedStep::new().cut_after(100), true),
            (FeedStep::new().end_after(100), false),
        ] {
            feed.next_stream(step);
            let mut stream = way.open(Some("0")).await;
            let (mut read, mut ended) = (0, None);
            while ended.is_none() {
                match stream.next().await {
                    Ok(Some(chunk)) => read += chunk.len(),
                    Ok(None) => ended = Some(false),
                    Err(_) => ended = Some(true),
                }
            }
            assert_eq!((read, ended), (100, Some(breaks)));
        }
        assert_eq!(way.ids(Some("0"), 3).await, ["1", "2", "3"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_stream_sends_its_head_and_nothing_more_and_can_be_cut() {
    let server = ResourceServer::start().await;
    let feed = server.feed("/changes").heartbeat(Duration::from_secs(15));
    let way = in_process(&server);
    feed.next_stream(FeedStep::new().stall_after(0));
    let mut stream = way.open(None).await;
    write(&server, 1);
    assert!(timeout(LONG, stream.next()).await.is_err());
    assert_eq!(feed.open_streams(), 1);
    feed.cut();
    assert!(timeout(LONG, stream.next()).await.unwrap().is_err());
    assert_eq!(feed.open_streams(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_has_heartbeats() {
    let server = ResourceServer::start().await;
    let feed = server.feed("/changes").heartbeat(Duration::from_secs(15));
    let (way, begun) = (in_process(&server), Instant::now());
    let mut stream = way.open(None).await;
    for n in 1..=3 {
        let chunk = stream.next().await.unwrap().unwrap();
        assert!(chunk.starts_with(b":"));
        assert_eq!(begun.elapsed(), n * Duration::from_secs(15));
    }
    write(&server, 1);
    assert_eq!(events(&mut stream, 1).await.len(), 1);
    drop(stream);
    assert_eq!(feed.open_streams(), 0);
}

#[tokio::test]
async fn a_lost_position_is_told_in_each_form() {
    for (server, feed, way) in servers().await {
        let feed = feed.history(1);
        write(&server, 3);
        for (form, told) in [
            (GoneForm::Event, Some(("/object/code", json!(410)))),
            (
                GoneForm::Canceled,
                Some(("/result/compact_revision", json!("3"))),
            ),
            (GoneForm::Empty, None),
        ] {
            feed.next_stream(FeedStep::new().gone(form));
            let mut stream = way.open(Some("1")).await;
            assert_eq!(stream.status, 200);
            let events = events(&mut stream, 9).await;
            assert_eq!(events.len(), usize::from(told.is_some()), "{form:?}");
            if let Some((pointer, expected)) = told {
                assert_eq!(events[0].2.pointer(pointer), Some(&expected), "{form:?}");
            }
        }
        feed.next_stream(FeedStep::new().gone(GoneForm::Status));
        assert_eq!(way.open(Some("1")).await.status, 410);
        feed.next_stream(FeedStep::new().answer(Reply::new(204)));
        let mut stream = way.open(Some("1")).await;
        assert_eq!(stream.status, 204);
        assert!(
            stream
                .next()
                .await
                .unwrap()
                .is_none_or(|chunk| chunk.is_empty())
        );
    }
}

#[tokio::test]
async fn events_are_sent_twice_or_in_reverse_order() {
    for (server, feed, way) in servers().await {
        write(&server, 3);
        feed.next_stream(FeedStep::new().duplicate());
        assert_eq!(way.ids(Some("0"), 6).await, ["1", "1", "2", "2", "3", "3"]);
        feed.next_stream(FeedStep::new().reverse());
        assert_eq!(way.ids(Some("0"), 3).await, ["3", "2", "1"]);
        assert_eq!(way.ids(Some("0"), 3).await, ["1", "2", "3"]);
    }
}

#[tokio::test]
async fn a_client_that_goes_away_closes_its_stream() {
    for (server, feed, way) in servers().await {
        let (one, mut other) = (way.open(None).await, way.open(None).await);
        drop(one);
        let closed = async {
            while feed.open_streams() != 1 {
                tokio::task::yield_now().await;
            }
        };
        timeout(Duration::from_secs(20), closed).await.unwrap();
        write(&server, 1);
        assert_eq!(events(&mut other, 1).await.len(), 1);
        feed.cut();
        assert!(other.next().await.is_err());
    }
}

#[tokio::test]
async fn a_listener_answers_every_request_as_the_server_does() {
    let server = ResourceServer::start().await;
    server.put("/notes/1", r#"{"n": 1, "by": "me"}"#);
    let listener = server.listen().await.unwrap();
    let notes = Client::new(listener.uri())
        .unwrap()
        .collection::<Value>("notes");
    assert_eq!(notes.list().await.unwrap().items.len(), 1);
    notes.head(1).await.unwrap();
    server.next_write(Step::new().edit(|note| note["by"] = "them".into()));
    server.next_write(Step::new().lose_reply());
    let saved = notes.update(1, |note| note["n"] = 2.into()).await.unwrap();
    assert_eq!((&saved["n"], &saved["by"]), (&json!(2), &json!("them")));
    assert_eq!(server.version("/notes/1"), Some(3));
    notes.delete(1).await.unwrap();
    server.requests().writes().unconditional().assert_none();
}
