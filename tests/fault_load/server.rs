//! A server that keeps documents, accepts conditional writes, and records the changes of each.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::Value;

/// A request as it came off a connection.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) if_match: Option<String>,
    /// The edit that it is for, by its mark.
    pub(crate) edit: String,
    pub(crate) body: Vec<u8>,
}

/// What one applied write changed.
pub(crate) struct Entry {
    pub(crate) path: String,
    /// The edit that it was for, by its mark.
    pub(crate) edit: String,
    pub(crate) counted: i64,
    pub(crate) added: Vec<String>,
    pub(crate) removed: Vec<String>,
    /// The new title, if it is another one.
    pub(crate) titled: Option<String>,
}

struct Document {
    version: u64,
    text: String,
}

#[derive(Default)]
struct State {
    documents: HashMap<String, Document>,
    log: Vec<Entry>,
}

#[derive(Default)]
pub(crate) struct Server(Mutex<State>);

/// What every document is before the first write.
pub(crate) const EMPTY: &str = r#"{"n":0,"ids":[],"text":"","title":"","untouched":1.10}"#;

impl Server {
    /// The reply, as bytes.
    pub(crate) fn handle(&self, request: &Request) -> Vec<u8> {
        let mut state = self.0.lock().unwrap();
        let State { documents, log } = &mut *state;
        let document = documents
            .entry(request.path.clone())
            .or_insert_with(|| Document {
                version: 1,
                text: EMPTY.to_owned(),
            });
        let tag = format!("\"{}\"", document.version);
        if request.method == "GET" {
            return reply(200, Some(document.version), &document.text);
        }
        if request.method != "PUT" {
            return reply(405, None, "");
        }
        if request
            .if_match
            .as_ref()
            .is_some_and(|wanted| *wanted != tag)
        {
            return reply(412, None, r#"{"title":"stale"}"#);
        }
        let text = String::from_utf8(request.body.clone()).unwrap();
        log.push(Entry::between(request, &document.text, &text));
        (document.version, document.text) = (document.version + 1, text);
        reply(204, Some(document.version), "")
    }

    /// Everything that was applied, in order, and the final documents.
    pub(crate) fn close(&self) -> (Vec<Entry>, HashMap<String, Value>) {
        let mut state = self.0.lock().unwrap();
        let documents = state.documents.iter();
        let documents = documents.map(|(path, document)| (path.clone(), read(&document.text)));
        let documents = documents.collect();
        (std::mem::take(&mut state.log), documents)
    }
}

impl Entry {
    fn between(request: &Request, before: &str, after: &str) -> Self {
        let (before, after) = (read(before), read(after));
        let (old, new) = (marks(&before), marks(&after));
        Self {
            path: request.path.clone(),
            edit: request.edit.clone(),
            counted: after["n"].as_i64().unwrap() - before["n"].as_i64().unwrap(),
            added: without(&new, &old),
            removed: without(&old, &new),
            titled: (before["title"] != after["title"])
                .then(|| after["title"].as_str().unwrap().to_owned()),
        }
    }
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The marks that edits leave: the elements of the set, the lines of the text.
pub(crate) fn marks(document: &Value) -> Vec<String> {
    let ids = document["ids"].as_array().unwrap().iter();
    let ids = ids.map(|id| id.as_str().unwrap().to_owned());
    let lines = document["text"].as_str().unwrap().lines();
    let lines = lines
        .filter(|line| line.starts_with('e'))
        .map(str::to_owned);
    ids.chain(lines).collect()
}

/// What is more often in one list than in the other.
fn without(list: &[String], other: &[String]) -> Vec<String> {
    let mut left = other.to_vec();
    let mut more = Vec::new();
    for mark in list {
        match left.iter().position(|one| one == mark) {
            Some(at) => drop(left.swap_remove(at)),
            None => more.push(mark.clone()),
        }
    }
    more
}

/// A whole reply.
pub(crate) fn reply(status: u16, version: Option<u64>, body: &str) -> Vec<u8> {
    let tag = version.map_or(String::new(), |version| format!("etag: \"{version}\"\r\n"));
    // 204 has no length (RFC 9110 8.6).
    let length = match status {
        204 => String::new(),
        _ => format!(
            "content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        ),
    };
    format!("HTTP/1.1 {status} -\r\n{tag}{length}\r\n{body}").into_bytes()
}
