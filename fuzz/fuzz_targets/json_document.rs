//! Documents that are read, edited, compared and patched.
//!
//! Input: a document, a pointer and another document, separated by the byte 0x1E (RFC 7464).
#![no_main]

use ifmatch::json::Document;
use ifmatch::json::patch::{json_patch, merge_patch};
use ifmatch::merge::{Policy, changes, transplant};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.split(|byte| *byte == 0x1e);
    let (text, pointer, other) = (parts.next(), parts.next(), parts.next());
    let Some(document) = text.and_then(read) else {
        return;
    };
    reads_as_others_read(&document);
    if let Some(pointer) = pointer.and_then(|bytes| std::str::from_utf8(bytes).ok()) {
        edits_stay_where_they_belong(&document, pointer);
    }
    if let Some(other) = other.and_then(read) {
        differences_lead_to_the_other(&document, &other);
        if let Some(pointer) = pointer.and_then(|bytes| std::str::from_utf8(bytes).ok())
            && let Ok(changed) = document.with(pointer, &other)
        {
            differences_lead_to_the_other(&document, &changed);
            differences_lead_to_the_other(&changed, &document);
        }
    }
});

/// Reads strictly, and whatever is refused must be refused for a reason that others share.
fn read(bytes: &[u8]) -> Option<Document> {
    let theirs = serde_json::from_slice::<Value>(bytes);
    match Document::parse(bytes) {
        Ok(document) => Some(document),
        Err(error) => {
            assert!(
                theirs.is_err() || error.is_duplicate_key() || error.is_too_deep(),
                "refused without need: {error}"
            );
            None
        }
    }
}

fn reads_as_others_read(document: &Document) {
    let text = document.as_str();
    let again = Document::parse(text.as_bytes()).expect("our own text is read");
    assert!(again.same_text(document) && again == *document);
    let value = document.to_value();
    // What serde_json refuses (half of a surrogate pair, depth) may be refused for a type as well.
    if let Ok(theirs) = serde_json::from_str::<Value>(text) {
        assert_eq!(Document::from_value(&value), Document::from_value(&theirs));
        assert!(document.decode::<Value>().is_ok());
    }
    let written = Document::parse(Document::from_value(&value).as_str().as_bytes());
    assert!(written.is_ok());
}

fn edits_stay_where_they_belong(document: &Document, pointer: &str) {
    let mark = Document::parse(br#"{"mark":[1.50]}"#).unwrap();
    if let Ok(changed) = document.with(pointer, &mark) {
        if let Ok(read) = Document::parse(changed.as_str().as_bytes()) {
            assert!(read == changed);
        } else {
            assert!(pointer.matches('/').count() + 130 > Document::DEFAULT_DEPTH);
        }
        // Where `-` appended an element, the pointer names the place behind it.
        if !pointer.contains("/-") {
            assert_eq!(changed.pointer(pointer).as_ref(), Some(&mark));
        }
        if let Some(old) = document.pointer(pointer) {
            assert!(changed.with(pointer, &old).unwrap() == *document);
        }
    }
    let removed = document.without(pointer);
    assert!(Document::parse(removed.as_str().as_bytes()).is_ok());
    if document.pointer(pointer).is_none() {
        assert!(removed.same_text(document));
    }
}

fn differences_lead_to_the_other(from: &Document, to: &Document) {
    let none = Policy::new();
    assert_eq!(from == to, to == from);
    assert_eq!(changes(from, to, &none).is_empty(), from == to);
    assert!(transplant(from, from, to, &none) == *to);

    let patch = json_patch(from, to);
    assert_eq!(patch.as_str() == "[]", from == to);
    let patch = serde_json::from_str::<json_patch::Patch>(patch.as_str());
    let mut value = from.to_value();
    // Depth and numbers beyond the other implementation's reach are not ours to mend.
    if let Ok(patch) = patch {
        json_patch::patch(&mut value, &patch).expect("our patch applies");
        assert_eq!(
            Document::from_value(&value),
            Document::from_value(&to.to_value())
        );
    }
    if let Ok(patch) = merge_patch(from, to) {
        let mut value = from.to_value();
        json_patch::merge(&mut value, &patch.to_value());
        assert_eq!(
            Document::from_value(&value),
            Document::from_value(&to.to_value())
        );
    }
}
