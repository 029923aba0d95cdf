//! Any bytes as an event stream, in chunks of any size.
//!
//! Input: a byte each for the longest line and the longest event, the number of chunk sizes, that many sizes, then the
//! stream. The chunks take the sizes in turn.
#![no_main]

use ifmatch::event_stream::{Event, EventStream, TooLong};
use libfuzzer_sys::fuzz_target;

mod chunks;

use chunks::Chunks;

fuzz_target!(|bytes: &[u8]| {
    let [line, event, bytes @ ..] = bytes else {
        return;
    };
    let Some(chunks) = Chunks::of(bytes) else {
        return;
    };
    let (line, event) = (usize::from(*line) * 4, usize::from(*event) * 4);
    let stream = || EventStream::new().max_line(line).max_event(event);

    let mut whole = stream();
    let expected = decoded(&mut whole, std::iter::once(chunks.text));
    let mut cut = stream();
    let found = decoded(&mut cut, chunks.iter());
    assert_eq!(found, expected);
    assert_eq!(cut.last_event_id(), whole.last_event_id());
    assert_eq!(cut.retry(), whole.retry());

    for event_seen in &expected.0 {
        assert!(event_seen.data().len() <= event);
        assert!(event_seen.last_event_id().len() <= event);
        assert!(!event_seen.last_event_id().contains('\0'));
        for text in [event_seen.event_type(), event_seen.last_event_id()] {
            assert!(!text.contains(['\n', '\r']));
        }
        assert!(!event_seen.event_type().is_empty() && !event_seen.data().contains('\r'));
    }
    if let Err(failed) = expected.1 {
        assert_eq!(cut.decode(&mut &b"data: 1\n\n"[..]), Err(failed));
    }
});

fn decoded<'c>(
    stream: &mut EventStream,
    chunks: impl Iterator<Item = &'c [u8]>,
) -> (Vec<Event>, Result<(), TooLong>) {
    let mut seen = Vec::new();
    for mut rest in chunks {
        loop {
            match stream.decode(&mut rest) {
                Ok(Some(event)) => seen.push(event),
                Ok(None) => break,
                Err(failed) => return (seen, Err(failed)),
            }
        }
        assert!(rest.is_empty());
    }
    (seen, Ok(()))
}
