//! Any bytes in the fields that carry a validator.
//!
//! Input: the values of `ETag` fields, one per line.
#![no_main]

use http::header::{CONTENT_TYPE, DATE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue};
use ifmatch::Validator;
use ifmatch::header_fields::{
    EntityTag, LastModified, Precondition, TagField, entity_tag_of, essence,
};
use ifmatch::header_fields::{is_html, is_json, is_problem, is_xml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut headers = HeaderMap::new();
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').take(8).collect();
    for line in &lines {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            for name in [ETAG, LAST_MODIFIED, DATE, CONTENT_TYPE] {
                headers.append(name, value.clone());
            }
        }
    }
    if let TagField::Found(tag) = entity_tag_of(&headers) {
        one_tag_comes_back(&tag);
    }
    for pair in lines.windows(2) {
        if let (Some(a), Some(b)) = (
            EntityTag::from_bytes(pair[0]),
            EntityTag::from_bytes(pair[1]),
        ) {
            comparisons_agree(&a, &b);
        }
    }
    for line in lines {
        if let Some(tag) = EntityTag::from_bytes(line) {
            one_tag_comes_back(&tag);
        }
        // A validator that a form or a file held meanwhile.
        let text = std::str::from_utf8(line).unwrap_or_default();
        if let Ok(validator) = text.parse::<Validator>() {
            assert_eq!(validator.to_string().parse().as_ref(), Ok(&validator));
        }
    }
    if let Some(date) = LastModified::from_header(&headers) {
        assert!(HeaderValue::from_str(date.as_str()).is_ok());
        let _ = (date.time(), date.is_strong_at(None), date.to_header_value());
    }
    if let Some(essence) = essence(&headers) {
        let _ = [is_json, is_problem, is_xml, is_html].map(|is| is(&essence));
        assert_eq!(essence, essence.to_ascii_lowercase());
    }
});

/// What goes back to the server is one tag, the one that came, byte for byte.
fn one_tag_comes_back(tag: &EntityTag) {
    assert_eq!(EntityTag::from_bytes(tag.as_bytes()).as_ref(), Some(tag));
    assert!(tag.as_bytes().len() <= EntityTag::MAX_LEN);
    assert!(!(tag.is_weak() && tag.is_strong()));
    assert!(tag.is_well_formed() || !tag.as_bytes().contains(&b','));
    let mut headers = HeaderMap::new();
    let precondition = Precondition::for_validator(&Validator::Tag(tag.clone()));
    precondition.apply(&mut headers);
    let sent: Vec<_> = headers.iter().collect();
    assert!(precondition.is_conditional() == !sent.is_empty() && sent.len() <= 1);
    if let [(_, value)] = sent[..] {
        assert_eq!(value.as_bytes(), tag.as_bytes());
        assert_ne!(value, "*");
    }
    if let Some(plain) = tag.without_gzip_suffix() {
        assert!(plain.as_bytes().len() < tag.as_bytes().len());
        one_tag_comes_back(&plain);
    }
}

fn comparisons_agree(a: &EntityTag, b: &EntityTag) {
    assert_eq!(a.strong_eq(b), b.strong_eq(a));
    assert_eq!(a.weak_eq(b), b.weak_eq(a));
    assert!(a.weak_eq(b) || !a.strong_eq(b));
    assert_eq!(a.strong_eq(a), a.is_strong());
}
