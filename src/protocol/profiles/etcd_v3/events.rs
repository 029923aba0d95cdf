//! The lines of a watch.

use serde_json::{Value, json};

use super::gateway::revision_of;
use super::keys::id_of;
use crate::json::Document;

/// Returns the changes that a line tells of, each with its position.
///
/// `first` is what all keys of the collection begin with, and `since` the revision after which the watch began.
pub(super) fn changes(first: &[u8], since: Option<u64>, line: &Document) -> Vec<Document> {
    let is = |at: &str| line.pointer(at).is_some_and(|it| it.as_str() == "true");
    let Some(result) = line.pointer("/result") else {
        // {"error": …}: the gateway ends the watch.
        let status = line
            .pointer("/error/http_code")
            .and_then(|code| code.as_id());
        return vec![error(status.as_deref())];
    };
    let now = revision_of(&result);
    if is("/result/canceled") {
        let is_compacted = result.pointer("/compact_revision").is_some();
        let reason = result
            .pointer("/cancel_reason")
            .and_then(|reason| reason.as_id());
        let status = reason.as_deref().and_then(status_of);
        return vec![error(if is_compacted { TOO_OLD } else { status })];
    }
    if is("/result/created") {
        // A store that is not there yet would stay silent until it is: it was restored from a backup.
        let is_behind = now.zip(since).is_some_and(|(now, since)| now < since);
        return if is_behind {
            vec![error(TOO_OLD)]
        } else {
            Vec::new()
        };
    }
    let events = result.elements_at("/events").unwrap_or_default();
    if events.is_empty() {
        let position = now.map(|now| json!({ "type": "BOOKMARK", "position": now.to_string() }));
        return position.iter().map(Document::from_value).collect();
    }
    let mut changes: Vec<_> = (0..events.len())
        .filter_map(|at| change(first, &events, at))
        .collect();
    // Events of other collections move the position too.
    if let Some(last) = events.last().and_then(revision) {
        changes.push(Document::from_value(
            &json!({ "type": "BOOKMARK", "position": last.to_string() }),
        ));
    }
    changes
}

fn change(first: &[u8], events: &[Document], at: usize) -> Option<Document> {
    let event = events.get(at)?;
    let kv = event.pointer("/kv")?;
    let id = id_of(&kv.pointer("/key")?.as_id()?, first)?;
    let kind = event.pointer("/type").and_then(|kind| kind.as_id());
    // A revision can have several keys. It is behind only once all of them are.
    let own = revision(event)?;
    let said = json!({
        "type": kind.unwrap_or_else(|| "PUT".to_owned()),
        "id": id,
        "position": own.saturating_sub(1).to_string(),
        "kv": Value::Null,
    });
    Document::from_value(&said).with("/kv", &kv).ok()
}

fn revision(event: &Document) -> Option<u64> {
    event.pointer("/kv/mod_revision")?.as_id()?.parse().ok()
}

/// The status of a position that is too old.
const TOO_OLD: Option<&str> = Some("410");

/// Returns the status that a request would get which is refused for the reason of a canceled watch.
fn status_of(reason: &str) -> Option<&'static str> {
    let is = |words: &[&str]| words.iter().any(|words| reason.contains(words));
    if is(&["permission denied"]) {
        Some("403")
    } else if is(&[
        "invalid auth token",
        "auth store is old",
        "user name is empty",
    ]) {
        Some("401")
    } else {
        None
    }
}

/// The change that stands for the end of the watch.
fn error(status: Option<&str>) -> Document {
    Document::from_value(&json!({ "type": "ERROR", "code": status }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use super::*;

    /// What the changes of a line are, below `s/`.
    fn told(since: Option<u64>, line: &str) -> Vec<String> {
        let line = Document::parse(line.as_bytes()).unwrap();
        let changes = changes(b"s/", since, &line);
        let text = |change: &Document, at: &str| change.pointer(at).and_then(|it| it.as_id());
        let told = changes.iter().map(|change| {
            let parts = ["/type", "/id", "/kv/mod_revision", "/position", "/code"];
            let parts: Vec<_> = parts.iter().filter_map(|at| text(change, at)).collect();
            parts.join(" ")
        });
        told.collect()
    }

    /// As etcd 3.4 answers.
    #[test]
    fn each_event_is_a_change_whose_position_has_no_other_event_of_its_revision_behind_it() {
        let line = r#"{"result":{"header":{"cluster_id":"9","revision":"4"},"events":[
            {"kv":{"key":"cy9h","create_revision":"2","mod_revision":"3","version":"2","value":"eyJuIjoxfQ=="}},
            {"kv":{"key":"cy9i","create_revision":"3","mod_revision":"3","version":"1","value":"eyJuIjoxfQ=="}},
            {"type":"DELETE","kv":{"key":"cy9i","mod_revision":"4"}}]}}"#;
        let expected = ["PUT a 3 2", "PUT b 3 2", "DELETE b 4 3", "BOOKMARK 4"];
        assert_eq!(told(None, line), expected);
    }

    #[test]
    fn a_key_of_a_collection_below_is_no_change() {
        // `s/x/y`, and a key that is no text.
        let line = r#"{"result":{"header":{"revision":"4"},"events":[
            {"kv":{"key":"cy94L3k=","mod_revision":"4"}},{"kv":{"key":"cy//","mod_revision":"5"}}]}}"#;
        assert_eq!(told(None, line), ["BOOKMARK 5"]);
    }

    #[test]
    fn a_revision_that_was_compacted_or_is_not_there_yet_is_too_old() {
        let compacted =
            r#"{"result":{"header":{"revision":"9"},"canceled":true,"compact_revision":"7"}}"#;
        assert_eq!(told(Some(3), compacted), ["ERROR 410"]);
        let created = r#"{"result":{"header":{"revision":"9"},"created":true}}"#;
        assert_eq!(told(Some(10), created), ["ERROR 410"]);
        assert!(told(Some(9), created).is_empty() && told(None, created).is_empty());
    }

    #[test]
    fn the_end_of_a_watch_has_the_status_of_its_reason() {
        for (ended, expected) in [
            (r#"{"error":{"grpc_code":14,"http_code":503}}"#, "ERROR 503"),
            (r#"{"error":{"grpc_code":7,"http_code":403}}"#, "ERROR 403"),
            (r#"{"error":{"grpc_code":14}}"#, "ERROR"),
            (r#"{"result":{"canceled":true}}"#, "ERROR"),
            (
                r#"{"result":{"canceled":true,"cancel_reason":"rpc error: code = PermissionDenied desc = etcdserver: permission denied"}}"#,
                "ERROR 403",
            ),
            (
                r#"{"result":{"canceled":true,"cancel_reason":"etcdserver: invalid auth token"}}"#,
                "ERROR 401",
            ),
        ] {
            assert_eq!(told(Some(3), ended), [expected], "{ended}");
        }
    }

    #[test]
    fn a_sign_of_progress_moves_the_position() {
        let progress = r#"{"result":{"header":{"revision":"12"}}}"#;
        assert_eq!(told(Some(3), progress), ["BOOKMARK 12"]);
    }
}
