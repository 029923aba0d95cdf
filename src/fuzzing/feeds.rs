//! What feeds and conflict services say.

use crate::json::Document;
use crate::protocol::{ConflictService, Feed, Notice, Profile, profiles};

const DEPTH: usize = 64;
const LONGEST_ID: usize = 1_024;
const LONGEST_TEXT: usize = 4_096;

/// Reads bytes as an event, as a line and as a page of a feed, and as a conflict.
///
/// The first byte chooses the feed, the second one is the length of the event's name, which follows, and the rest is the
/// data.
///
/// # Panics
///
/// Panics if what was read is beyond the bounds.
pub fn feeds(bytes: &[u8]) {
    let [chosen, length, bytes @ ..] = bytes else {
        return;
    };
    let Some((name, data)) = bytes.split_at_checked(usize::from(*length)) else {
        return;
    };
    let feed = match chosen % 7 {
        0 => profiles::Kinto.feed(),
        1 => profiles::CouchDb.feed(),
        2 => profiles::Kubernetes.feed(),
        3 => Some(ConflictService::new().feed()),
        6 => profiles::EtcdV3::new().feed(),
        4 => Some(Feed::event_stream("").kind_at("/kind").position_at("/at")),
        _ => Some(Feed::pages("").tag_at("/tag").document_at("/doc")),
    };
    let Some(reader) = feed.map(|feed| feed.reader) else {
        panic!("the profile has no feed");
    };
    let name = std::str::from_utf8(name).ok();
    let told = reader.event(name, name, data, DEPTH);
    assert!(told.len() <= 2, "one event is one change and one position");
    told.iter().for_each(check);
    let Ok(document) = Document::parse_with_depth(data, DEPTH) else {
        return;
    };
    reader.line(Some(&document)).iter().for_each(check);
    reader.page(&document).iter().flatten().for_each(check);
    let service = ConflictService::new();
    if let Some(ids) = service.list(&document) {
        assert!(ids.iter().all(|id| id.len() <= data.len()));
    }
    if let Some(told) = service.read(&document) {
        let texts = [Some(told.id), Some(told.resource), told.kind, told.time];
        for text in texts.into_iter().flatten() {
            assert!(!text.is_empty() && text.len() <= LONGEST_TEXT);
        }
    }
}

fn check(notice: &Notice) {
    match notice {
        Notice::Put { id, body, .. } => {
            assert!(!id.is_empty() && id.len() <= LONGEST_ID);
            let is_object = |body: &Document| body.as_str().trim_start().starts_with('{');
            assert!(body.as_ref().is_none_or(is_object));
        }
        Notice::Gone { id, .. } => assert!(!id.is_empty() && id.len() <= LONGEST_ID),
        Notice::Position(position) => {
            assert!(!position.is_empty() && position.len() <= LONGEST_TEXT);
        }
        Notice::Something
        | Notice::TooOld
        | Notice::Failed
        | Notice::Unauthorized
        | Notice::Alive => {}
    }
}
