//! Any bytes as lines of JSON, in chunks of any size.
//!
//! Input: a byte each for the longest line and the nesting, the number of chunk sizes, that many sizes, then the lines.
//! The chunks take the sizes in turn.
#![no_main]

use ifmatch::json_lines::{JsonLines, JsonLinesError, TooLong};
use libfuzzer_sys::fuzz_target;

mod chunks;

use chunks::Chunks;

fuzz_target!(|bytes: &[u8]| {
    let [line, depth, bytes @ ..] = bytes else {
        return;
    };
    let Some(chunks) = Chunks::of(bytes) else {
        return;
    };
    let longest = usize::from(*line) * 4;
    let lines = || {
        JsonLines::new()
            .max_line(longest)
            .max_depth(usize::from(*depth))
    };

    let expected = decoded(&mut lines(), std::iter::once(chunks.text));
    let found = decoded(&mut lines(), chunks.iter());
    assert_eq!(found, expected);

    // The lines are those of the text.
    let (seen, failed) = &expected;
    let mut whole = chunks.text.split_inclusive(|byte| *byte == b'\n');
    for document in seen {
        let line = whole.find(|line| {
            let line = line.strip_suffix(b"\n").unwrap_or_default();
            line.iter()
                .any(|byte| !matches!(byte, b' ' | b'\t' | b'\r'))
        });
        let line = line.expect("there is a line for each document");
        assert!(line.len() <= longest + 1);
        if let Some(text) = document {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
            assert_eq!(text.as_bytes(), line);
        }
    }
    if failed.is_some() {
        let longest = chunks
            .text
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::len)
            .max();
        assert!(longest > Some(usize::from(*line) * 4));
    }
});

/// The documents, with `None` for a line that is no JSON, and the error at the end.
fn decoded<'c>(
    lines: &mut JsonLines,
    chunks: impl Iterator<Item = &'c [u8]>,
) -> (Vec<Option<String>>, Option<TooLong>) {
    let mut seen = Vec::new();
    for mut rest in chunks {
        loop {
            match lines.decode(&mut rest) {
                Ok(Some(document)) => seen.push(Some(document.as_str().to_owned())),
                Ok(None) => break,
                Err(JsonLinesError::Json(_)) => seen.push(None),
                Err(JsonLinesError::TooLong(failed)) => return (seen, Some(failed)),
                Err(_) => unreachable!("there are two kinds of errors"),
            }
        }
        assert!(rest.is_empty());
    }
    (seen, None)
}
