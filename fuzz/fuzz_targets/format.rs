//! Any bytes as a body that is not JSON.
//!
//! Input: the media type on the first line, and the body after it.
#![no_main]

use ifmatch::Format;
use ifmatch::format::{Bytes, Form, Text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (head, body) = input.split_at(end.map_or(input.len(), |end| end + 1));
    let media_type = std::str::from_utf8(head).ok().map(str::trim_end);
    for format in [&Text::plain() as &dyn Format, &Bytes::any()] {
        let Ok(document) = format.read(body, media_type) else {
            continue;
        };
        let written = format
            .write(&document)
            .expect("what was read can be written");
        assert_eq!(written.bytes, body);
    }
    // A form has many spellings, so it is compared by its members.
    if let Ok(document) = Form.read(body, media_type) {
        let written = Form.write(&document).expect("what was read can be written");
        let again = Form
            .read(&written.bytes, None)
            .expect("what was written is a form");
        assert_eq!(again.as_str(), document.as_str());
    }
});
