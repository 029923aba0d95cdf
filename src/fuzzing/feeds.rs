//! What feeds and conflict services say.

use url::Url;

use crate::json::Document;
use crate::protocol::turtle::{Turtle, TurtleError};
use crate::protocol::{
    ConflictService, Feed, FeedReader, Notice, Profile, StatementMembers, members_of, profiles,
};

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
    let feed = match chosen % 9 {
        0 => profiles::Kinto.feed(),
        1 => profiles::CouchDb.feed(),
        2 => profiles::Kubernetes.feed(),
        3 => Some(ConflictService::new().feed()),
        4 => Some(Feed::event_stream("").kind_at("/kind").position_at("/at")),
        5 => Some(Feed::pages("").tag_at("/tag").document_at("/doc")),
        6 => profiles::Firebase.feed(),
        7 => profiles::Solid.feed(),
        _ => profiles::EtcdV3::new().feed(),
    };
    let Some(reader) = feed.map(|feed| feed.reader) else {
        panic!("the profile has no feed");
    };
    let name = std::str::from_utf8(name).ok();
    let told = reader.event(name, name, data, DEPTH);
    // A patch of a tree hints at several resources.
    let is_tree = chosen % 8 == 6;
    assert!(
        told.len() <= 2 || is_tree,
        "one event is one change and one position"
    );
    told.iter().for_each(check);
    statements(&reader, data);
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

/// Reads bytes as a channel and as a container of Solid.
fn statements(reader: &FeedReader, data: &[u8]) {
    let Ok(base) = Url::parse("http://pod.test/c/") else {
        panic!("it is an address");
    };
    let mut turtle = Turtle::at(base.clone()).max_statement(LONGEST_TEXT);
    let mut rest = data;
    loop {
        let mut members = StatementMembers::default();
        match turtle.decode(&mut rest, |triple| members.take(triple)) {
            Ok(false) => break,
            Ok(true) => {
                let document = members.document();
                let told = document
                    .iter()
                    .flat_map(|document| reader.line(Some(document)));
                told.for_each(|notice| check(&notice));
            }
            Err(TurtleError::Invalid(_)) => {}
            Err(TurtleError::TooLong(_)) => return,
        }
    }
    assert!(rest.is_empty());
    for member in members_of(&base, data).unwrap_or_default() {
        assert!(!member.id.is_empty() && member.id.len() <= LONGEST_ID);
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
        Notice::Whole(states) => {
            let is_id = |id: &String| !id.is_empty() && id.len() <= LONGEST_ID;
            assert!(states.iter().all(|(id, _)| is_id(id)));
        }
        Notice::Something
        | Notice::TooOld
        | Notice::Failed
        | Notice::Unauthorized
        | Notice::Forbidden
        | Notice::Alive => {}
    }
}
