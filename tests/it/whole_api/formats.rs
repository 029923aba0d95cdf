//! Bodies that are not JSON: read, merged and written by the same rules as all others.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::format::{Blob, Bytes, Encoded, Form, Json, Text};
use ifmatch::profiles::WebDav;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{
    BoxError, Client, Collection, Document, ErrorKind, Format, LocalWins, Merge, Policy,
    RefusalKind, Reply, Rule, ThreeWay, WriteMode, async_trait,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What happens to one write.
enum Event {
    Plain,
    /// Another client stores this first.
    Foreign(&'static [u8]),
    /// It is carried out, and the response is lost.
    LoseResponse,
    /// It is answered so, and not carried out.
    Answer(u16, &'static str, &'static str),
    /// It is carried out, and answered with this page.
    Page(&'static str),
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, (u32, String, Vec<u8>)>,
    version: u32,
    script: VecDeque<Event>,
    seen: Vec<Request>,
}

/// A server that stores bytes with their media type; clones are the same one.
#[derive(Clone, Default)]
struct Files(Arc<Mutex<State>>);

impl Files {
    fn with(path: &str, media_type: &str, bytes: &[u8]) -> Self {
        let files = Self::default();
        files.put(path, media_type, bytes);
        files
    }

    fn put(&self, path: &str, media_type: &str, bytes: &[u8]) {
        let mut state = self.0.lock().unwrap();
        state.store(path, media_type, bytes);
    }

    fn script(&self, events: impl IntoIterator<Item = Event>) {
        self.0.lock().unwrap().script.extend(events);
    }

    fn file(&self, path: &str) -> (String, String) {
        let state = self.0.lock().unwrap();
        let (_, media_type, bytes) = &state.files[path];
        (
            media_type.clone(),
            String::from_utf8_lossy(bytes).into_owned(),
        )
    }

    fn last(&self) -> Request {
        self.0.lock().unwrap().seen.last().unwrap().clone()
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().seen.len()
    }

    fn client(&self) -> Client {
        let builder = Client::builder("http://files.test").transport(self.clone());
        builder.build().unwrap()
    }

    fn texts(&self) -> Collection<String> {
        self.client()
            .collection("f")
            .format(Text::new("text/calendar"))
    }
}

impl State {
    fn store(&mut self, path: &str, media_type: &str, bytes: &[u8]) {
        self.version += 1;
        let file = (self.version, media_type.to_owned(), bytes.to_vec());
        self.files.insert(path.to_owned(), file);
    }

    fn write(&mut self, request: &Request) -> Response {
        let path = request.url.path();
        let header = |name| {
            request
                .headers
                .get(name)
                .map(|value: &HeaderValue| value.to_str().unwrap())
        };
        let known = self
            .files
            .get(path)
            .map(|(version, ..)| format!("\"{version}\""));
        match (header("if-match"), header("if-none-match")) {
            (Some(tag), _) if known.as_deref() != Some(tag) => {
                return answer(412, "", "text/plain", "stale");
            }
            (None, Some("*")) if known.is_some() => return answer(412, "", "text/plain", "stale"),
            (None, None) => panic!("an unconditional write"),
            _ => {}
        }
        if request.method == Method::DELETE {
            self.files.remove(path);
            return answer(204, "", "", "");
        }
        let media_type = header("content-type").unwrap_or_default().to_owned();
        self.store(path, &media_type, &request.body);
        answer(204, &self.version.to_string(), "", "")
    }

    fn handle(&mut self, request: &Request) -> Result<Response, TransportError> {
        self.seen.push(request.clone());
        if request.method == Method::GET {
            return Ok(match self.files.get(request.url.path()) {
                Some((version, media_type, bytes)) => {
                    answer(200, &version.to_string(), media_type, bytes.clone())
                }
                None => answer(404, "", "text/plain", "nothing here"),
            });
        }
        match self.script.pop_front().unwrap_or(Event::Plain) {
            Event::Plain => Ok(self.write(request)),
            Event::Foreign(bytes) => {
                let media_type = self.files[request.url.path()].1.clone();
                self.store(request.url.path(), &media_type, bytes);
                Ok(self.write(request))
            }
            Event::LoseResponse => {
                self.write(request);
                Err(TransportError::new(Fate::Unknown, "cut"))
            }
            Event::Answer(status, media_type, body) => Ok(answer(status, "", media_type, body)),
            Event::Page(page) => {
                self.write(request);
                Ok(answer(201, &self.version.to_string(), "text/html", page))
            }
        }
    }
}

fn answer(status: u16, version: &str, media_type: &str, body: impl Into<bytes::Bytes>) -> Response {
    let mut headers = HeaderMap::new();
    if !version.is_empty() {
        let tag = HeaderValue::from_str(&format!("\"{version}\"")).unwrap();
        headers.insert("etag", tag);
    }
    if !media_type.is_empty() {
        headers.insert("content-type", HeaderValue::from_str(media_type).unwrap());
    }
    Response::new(StatusCode::from_u16(status).unwrap(), headers, body)
}

#[async_trait]
impl Transport for Files {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.lock().unwrap().handle(&request)
    }
}

const EVENT: &str =
    "BEGIN:VEVENT\r\nSUMMARY:Lunch\r\nLOCATION:Here\r\nDTSTART:1200\r\nEND:VEVENT\r\n";

#[tokio::test(start_paused = true)]
async fn a_text_is_merged_by_lines_and_keeps_the_ends_of_its_lines() {
    let files = Files::with("/f/1.ics", "text/calendar", EVENT.as_bytes());
    let texts = files.texts();
    let mut event = texts.get("1.ics").await.unwrap();
    *event = event.replace("Lunch", "Late lunch");
    files.script([Event::Foreign(
        b"BEGIN:VEVENT\r\nSUMMARY:Lunch\r\nLOCATION:Here\r\nDTSTART:1300\r\nEND:VEVENT\r\n",
    )]);
    let saved = texts.save(&event).await.unwrap();
    let merged = EVENT.replace("Lunch", "Late lunch").replace("1200", "1300");
    assert_eq!(
        (saved.as_str(), saved.report().merged),
        (merged.as_str(), 1)
    );
    assert_eq!(files.file("/f/1.ics"), ("text/calendar".to_owned(), merged));
    let accept = files.last().headers["accept"].to_str().unwrap().to_owned();
    assert!(accept.starts_with("text/calendar,"), "{accept}");
}

#[tokio::test(start_paused = true)]
async fn edits_of_one_line_are_a_conflict_with_all_sides_and_a_printable_difference() {
    let files = Files::with("/f/1", "text/calendar", b"a\nb\nc\n");
    let texts = files.texts();
    let mut text = texts.get("1").await.unwrap();
    *text = "a\nmine\nc\n".to_owned();
    files.script([Event::Foreign(b"a\ntheirs\nc\n")]);
    let error = texts.save(&text).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let sides = error.into_sides::<String>().unwrap();
    assert_eq!(sides.base.as_deref(), Some("a\nb\nc\n"));
    assert_eq!(sides.local.as_deref(), Some("a\nmine\nc\n"));
    let mut theirs = sides.remote.unwrap();
    assert_eq!(*theirs, "a\ntheirs\nc\n");
    theirs.push_str("mine too\n");
    texts.save(theirs).await.unwrap();
    assert_eq!(files.file("/f/1").1, "a\ntheirs\nc\nmine too\n");
}

#[tokio::test(start_paused = true)]
async fn texts_are_created_updated_and_removed_and_several_edits_go_together() {
    let files = Files::default();
    let texts = files.texts();
    texts.create("1", &"a\n".to_owned()).await.unwrap();
    assert_eq!(
        texts.create("1", &String::new()).await.unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    let edits = (0..4).map(|n| {
        texts.update("1", move |text| {
            *text += &[n.to_string(), String::new()].join("\n");
        })
    });
    for edit in edits.map(tokio::spawn).collect::<Vec<_>>() {
        edit.await.unwrap().unwrap();
    }
    let stored = files.file("/f/1").1;
    assert_eq!(stored.lines().count(), 5, "{stored}");
    files.script([Event::Foreign(b"other\n")]);
    texts
        .update("1", |text| text.push_str("last\n"))
        .await
        .unwrap();
    assert_eq!(files.file("/f/1").1, "other\nlast\n");
    texts.delete("1").await.unwrap();
    assert!(texts.get_opt("1").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn an_empty_text_is_a_text() {
    let files = Files::with("/f/1", "text/plain", b"");
    let text = files
        .client()
        .collection::<String>("f")
        .format(Text::plain());
    assert_eq!(*text.get("1").await.unwrap(), "");
    text.update("1", |text| text.push('x')).await.unwrap();
    text.update("1", String::clear).await.unwrap();
    assert_eq!(
        files.file("/f/1"),
        ("text/plain; charset=utf-8".to_owned(), String::new())
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_to_a_text_is_settled() {
    let files = Files::with("/f/1", "text/calendar", b"a\n");
    let texts = files.texts();
    let mut text = texts.get("1").await.unwrap();
    text.push_str("b\n");
    files.script([Event::LoseResponse]);
    let saved = texts.save(&text).await.unwrap();
    assert!(saved.report().settled);
    files.script([Event::LoseResponse]);
    let error = texts
        .update("1", |text| text.push_str("c\n"))
        .await
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::OutcomeUnknown,
        "adding a line twice differs from adding it once"
    );
    files.script([Event::LoseResponse]);
    let set = texts
        .update("1", |text| *text = "all new\n".to_owned())
        .await
        .unwrap();
    assert!(set.report().settled);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_text_is_told_with_its_place_and_never_written_over() {
    for (media_type, body, words) in [
        ("text/calendar", &b"ab\xffc"[..], "byte 2"),
        ("text/calendar; charset=iso-8859-1", b"abc", "iso-8859-1"),
        (
            "text/html",
            b"<!doctype html><title>Log in</title>",
            "HTML page",
        ),
        ("", b"<html><body>Log in</body></html>", "HTML page"),
    ] {
        let files = Files::with("/f/1", media_type, body);
        let texts = files.texts();
        let read = texts.get("1").await.unwrap_err();
        let written = texts.update("1", String::clear).await.unwrap_err();
        for error in [read, written] {
            assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
        assert_eq!(files.count(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_is_a_text_where_the_format_asks_for_pages() {
    let page = "<!doctype html>\n<title>Old</title>\n";
    let files = Files::with("/f/1", "text/html", page.as_bytes());
    let pages = files
        .client()
        .collection::<String>("f")
        .format(Text::new("text/html"));
    pages
        .update("1", |page| *page = page.replace("Old", "New"))
        .await
        .unwrap();
    assert_eq!(files.file("/f/1").1, page.replace("Old", "New"));
}

#[tokio::test(start_paused = true)]
async fn the_page_that_answers_a_write_is_not_taken_for_the_text() {
    let files = Files::with("/f/1", "text/calendar", b"a\n");
    let texts = files.texts();
    files.script([Event::Page("<html><body>Created</body></html>")]);
    let saved = texts
        .update("1", |text| text.push_str("b\n"))
        .await
        .unwrap();
    assert_eq!(*saved, "a\nb\n");
    files.script([Event::Answer(
        200,
        "text/html",
        "<html>Please log in</html>",
    )]);
    let saved = texts
        .update("1", |text| text.push_str("c\n"))
        .await
        .unwrap();
    assert_eq!((saved.as_str(), saved.report().requests), ("a\nb\nc\n", 3));
}

#[tokio::test(start_paused = true)]
async fn refusals_keep_their_own_reader() {
    let files = Files::with("/f/1", "text/calendar", b"a\n");
    let texts = files.texts();
    let problem = r#"{"type":"urn:locked","title":"The calendar is closed","status":403}"#;
    files.script([Event::Answer(403, "application/problem+json", problem)]);
    let error = texts.update("1", String::clear).await.unwrap_err();
    assert_eq!(
        error.problem().unwrap().title(),
        Some("The calendar is closed")
    );
    let builder = Client::builder("http://files.test").transport(files.clone());
    let client = builder.profile(WebDav).build().unwrap();
    let texts = client
        .collection::<String>("f")
        .format(Text::new("text/calendar"));
    let xml = r#"<D:error xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><C:no-uid-conflict/></D:error>"#;
    files.script([Event::Answer(403, "application/xml", xml)]);
    let error = texts.update("1", String::clear).await.unwrap_err();
    assert_eq!(error.refusal(), Some(RefusalKind::AlreadyExists), "{error}");
}

#[tokio::test(start_paused = true)]
async fn bytes_keep_their_media_type_and_are_never_merged() {
    let files = Files::with("/f/cat", "image/gif", b"GIF\xff\x00");
    let images = files.client().collection::<Blob>("f").format(Bytes::any());
    let mut cat = images.get("cat").await.unwrap();
    assert_eq!(
        (cat.media_type(), &cat.bytes()[..]),
        ("image/gif", &b"GIF\xff\x00"[..])
    );
    *cat = Blob::new("image/png", &b"PNG\xfe"[..]);
    files.script([Event::Foreign(b"GIF2")]);
    let error = images.save(&cat).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let sides = error.into_sides::<Blob>().unwrap();
    assert_eq!(&sides.remote.unwrap().bytes()[..], b"GIF2");
    let mine = images.clone().strategy(LocalWins);
    mine.save(&cat).await.unwrap();
    assert_eq!(files.file("/f/cat").0, "image/png");
    assert_eq!(&files.last().body[..], b"PNG\xfe");
    assert!(!format!("{cat:?}").contains("PNG"));
}

#[tokio::test(start_paused = true)]
async fn a_form_is_a_struct_of_texts() {
    #[derive(Serialize, Deserialize, Merge)]
    struct Node {
        value: String,
        ttl: String,
    }
    let files = Files::with(
        "/f/1",
        "application/x-www-form-urlencoded",
        b"value=a&ttl=5",
    );
    let nodes = files.client().collection::<Node>("f").format(Form);
    let mut node = nodes.get("1").await.unwrap();
    node.value = "x & y".to_owned();
    files.script([Event::Foreign(b"value=a&ttl=9&more=1")]);
    nodes.save(&node).await.unwrap();
    let (media_type, form) = files.file("/f/1");
    assert_eq!(media_type, "application/x-www-form-urlencoded");
    assert_eq!(form, "value=x+%26+y&ttl=9&more=1");
}

/// Lines of `name: value`, as a user's own format.
struct Lines;

impl Format for Lines {
    fn media_type(&self) -> &'static str {
        "text/x-lines"
    }

    fn read(&self, body: &[u8], _: Option<&str>) -> Result<Document, BoxError> {
        let lines = std::str::from_utf8(body)?.lines().enumerate();
        let members = lines.map(|(number, line)| {
            let pair = line
                .split_once(": ")
                .ok_or_else(|| format!("line {} has no colon", number + 1))?;
            Ok((pair.0.to_owned(), json!(pair.1)))
        });
        Ok(Document::from_value(&Value::Object(
            members.collect::<Result<_, BoxError>>()?,
        )))
    }

    fn write(&self, document: &Document) -> Result<Encoded, BoxError> {
        let mut text = String::new();
        for (name, value) in document.to_value().as_object().ok_or("not an object")? {
            let value = value
                .as_str()
                .ok_or_else(|| format!("{name} is not a text"))?;
            text += &[name, ": ", value, "\n"].concat();
        }
        Ok(text.into())
    }
}

#[tokio::test(start_paused = true)]
async fn a_format_of_the_application_goes_through_merges_and_its_errors_are_told() {
    let files = Files::with("/f/1", "text/x-lines", b"a: 1\nb: 2\n");
    let lines = files.client().collection::<Value>("f").format(Lines);
    let mut value = lines.get("1").await.unwrap();
    value["a"] = "mine".into();
    files.script([Event::Foreign(b"a: 1\nb: theirs\n")]);
    lines.save(&value).await.unwrap();
    assert_eq!(
        files.file("/f/1"),
        ("text/x-lines".to_owned(), "a: mine\nb: theirs\n".to_owned())
    );

    let before = files.count();
    let error = lines
        .update("1", |value| value["c"] = 3.into())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(
        chain(&error).contains("c is not a text"),
        "{}",
        chain(&error)
    );
    assert_eq!(files.count(), before);

    files.put("/f/1", "text/x-lines", b"a: 1\nno colon\n");
    let error = lines.get("1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Decode);
    assert!(!error.to_string().contains("line 2"), "{error}");
    let told = chain(&error);
    assert!(told.contains("line 2 has no colon"), "{told}");
}

/// The message of an error with those of its sources.
fn chain(error: &dyn std::error::Error) -> String {
    let source = error.source().map(chain).unwrap_or_default();
    format!("{error}; {source}")
}

struct Panics;

impl Format for Panics {
    fn media_type(&self) -> &'static str {
        "text/x-panics"
    }

    fn read(&self, body: &[u8], _: Option<&str>) -> Result<Document, BoxError> {
        assert!(body != b"bad");
        Ok(Document::encode(&1)?)
    }

    fn write(&self, _: &Document) -> Result<Encoded, BoxError> {
        panic!("no")
    }
}

#[tokio::test(start_paused = true)]
async fn a_format_that_panics_ends_its_own_call_and_is_named() {
    let files = Files::with("/f/1", "", b"bad");
    let broken = files.client().collection::<u32>("f").format(Panics);
    let read = broken.get("1").await.unwrap_err();
    files.put("/f/2", "", b"good");
    let written = broken.update("2", |n| *n += 1).await.unwrap_err();
    for (error, kind) in [(read, ErrorKind::Decode), (written, ErrorKind::Config)] {
        assert_eq!(error.kind(), kind, "{error}");
        assert!(
            error
                .to_string()
                .contains("the format of the bodies panicked"),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn patches_need_json_and_handles_with_different_formats_share_no_snapshot() {
    let files = Files::with("/f/1", "text/calendar", b"{\"a\":1}");
    let client = files.client();
    let texts = client
        .collection::<String>("f")
        .format(Text::new("text/calendar"));
    let blobs = client.collection::<Blob>("f").format(Bytes::any());
    let shapes = client
        .collection::<Value>("f")
        .format(Json::new("application/geo+json"));
    assert_eq!(*texts.get("1").await.unwrap(), "{\"a\":1}");
    assert_eq!(&blobs.get("1").await.unwrap().bytes()[..], b"{\"a\":1}");
    assert_eq!(*shapes.get("1").await.unwrap(), json!({"a": 1}));
    assert_eq!(
        files.last().headers["accept"],
        "application/geo+json, application/problem+json;q=0.9"
    );
    shapes
        .update("1", |shape| shape["a"] = 2.into())
        .await
        .unwrap();
    assert_eq!(
        files.file("/f/1"),
        ("application/geo+json".to_owned(), "{\"a\":2}".to_owned())
    );
    let patched = texts.write_mode(WriteMode::MergePatch);
    let error = patched.get("1").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("text/calendar"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_strategy_of_the_handle_wins_over_the_rule_of_its_format() {
    let files = Files::with("/f/1", "text/calendar", b"a\nb\n");
    let client = files.client();
    let atomic = ThreeWay::new(Policy::new().field("", Rule::Atomic));
    for handle in [
        client
            .collection_with::<String>("f", atomic.clone())
            .format(Text::new("text/calendar")),
        files.texts().strategy(atomic.clone()),
    ] {
        files.put("/f/1", "text/calendar", b"a\nb\n");
        let mut text = handle.get("1").await.unwrap();
        text.insert_str(0, "mine\n");
        files.script([Event::Foreign(b"a\nb\ntheirs\n")]);
        assert_eq!(
            handle.save(&text).await.unwrap_err().kind(),
            ErrorKind::Conflict
        );
    }
}

#[tokio::test(start_paused = true)]
async fn plain_requests_and_actions_speak_other_formats_too() {
    let files = Files::with("/f/1", "application/x-www-form-urlencoded", b"a=1&b=2");
    let client = files.client();
    let response = client.request(Method::GET, "f/1").await.unwrap();
    assert_eq!(
        response.read_as::<Value>(&Form).unwrap(),
        json!({"a": "1", "b": "2"})
    );
    assert_eq!(
        response.read_as::<String>(&Text::plain()).unwrap(),
        "a=1&b=2"
    );
    files.script([
        Event::Answer(200, "text/plain", "ok"),
        Event::Answer(200, "text/calendar", "done\n"),
    ]);
    client
        .request(Method::POST, "f")
        .write_as(&Form, &json!({"x": 1}))
        .await
        .unwrap();
    assert_eq!(
        files.last().headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    assert_eq!(&files.last().body[..], b"x=1");
    let csv = HeaderValue::from_static("text/csv");
    let action = files.texts().item("1").action("import");
    let reply: Reply<String> = action.send_bytes(csv, "a,b\n").await.unwrap();
    assert_eq!(reply.value().map(String::as_str), Some("done\n"));
    assert_eq!(files.last().headers["content-type"], "text/csv");
    let nested = client
        .request(Method::POST, "f")
        .write_as(&Form, &json!({"x": {"y": 1}}));
    assert_eq!(nested.await.unwrap_err().kind(), ErrorKind::Config);
}
