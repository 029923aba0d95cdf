//! The cases of the standard, and the limits.

use proptest::prelude::*;

use super::*;

/// Type, data and id of an event.
type Seen = (String, String, String);

/// Decodes chunks. After an error, the events before it are kept.
fn decoded<'c>(
    stream: &mut EventStream,
    chunks: impl IntoIterator<Item = &'c [u8]>,
) -> (Vec<Seen>, Result<(), TooLong>) {
    let mut seen = Vec::new();
    for mut rest in chunks {
        loop {
            match stream.decode(&mut rest) {
                Ok(Some(event)) => seen.push((
                    event.event_type().to_owned(),
                    event.data().to_owned(),
                    event.last_event_id().to_owned(),
                )),
                Ok(None) => break,
                Err(error) => return (seen, Err(error)),
            }
        }
        assert!(rest.is_empty());
    }
    (seen, Ok(()))
}

fn of(bytes: &[u8]) -> Vec<Seen> {
    let (seen, ended) = decoded(&mut EventStream::new(), [bytes]);
    assert_eq!(ended, Ok(()));
    seen
}

/// The data of the events.
fn data(text: &str) -> Vec<String> {
    of(text.as_bytes())
        .into_iter()
        .map(|(_, data, _)| data)
        .collect()
}

#[test]
fn the_data_of_each_case_is_what_the_standard_says() {
    for (text, expected) in [
        // The examples of the standard.
        ("data: YHOO\ndata: +2\ndata: 10\n\n", &["YHOO\n+2\n10"][..]),
        ("data\n\ndata\ndata\n\ndata:", &["", "\n"]),
        ("data:test\n\ndata: test\n\n", &["test", "test"]),
        // Lines end with LF, CR, or both.
        ("data: 1\r\n\r\ndata: 2\r\rdata: 3\n\n", &["1", "2", "3"]),
        ("data: 1\r\n\rdata: 2\n\r\n", &["1", "2"]),
        ("data: 1\rdata: 2\ndata: 3\r\n\n", &["1\n2\n3"]),
        // One space after the colon is left out.
        ("data:  two\n\n", &[" two"]),
        ("data:\ttab\n\n", &["\ttab"]),
        ("data: a:b: c\n\n", &["a:b: c"]),
        // Comments and unknown fields.
        (":\n: hi\n:data: no\n\ndata: yes\n\n", &["yes"]),
        ("data: 1\n:\ndata: 2\n\n", &["1\n2"]),
        ("Data: no\n data: no\ndata : no\ndataa: no\n\n", &[]),
        // An event is sent at a blank line only, and not without data.
        ("data: half", &[]),
        ("data: half\n", &[]),
        ("event: x\n\n\n\n", &[]),
        ("data: 1\n\nevent: x\nid: 1\n\ndata: 2\n\n", &["1", "2"]),
        // A byte order mark is left out at the start, and once.
        ("\u{feff}data: 1\n\n", &["1"]),
        ("\u{feff}\u{feff}data: 1\n\ndata: 2\n\n", &["2"]),
        ("\n\u{feff}data: 1\n\ndata: 2\n\n", &["2"]),
        ("\u{feff}\n\ndata: 1\n\n", &["1"]),
        // Other ends of lines are data.
        (
            "data: a\u{b}b\u{c}c\u{85}d\u{2028}e\n\n",
            &["a\u{b}b\u{c}c\u{85}d\u{2028}e"],
        ),
        ("data: \0\n\n", &["\0"]),
        ("", &[]),
    ] {
        assert_eq!(data(text), expected, "{text:?}");
    }
}

#[test]
fn invalid_text_is_replaced() {
    let seen = of(b"data: a\xffb\xe2\x82\ndata: \xc3\xa9\nevent: \xf0\n\n");
    let expected = ("\u{fffd}", "a\u{fffd}b\u{fffd}\n\u{e9}", "");
    assert_eq!(
        seen,
        [expected].map(|(t, d, i)| (t.into(), d.into(), i.into()))
    );
}

#[test]
fn the_type_is_that_of_the_last_field_and_holds_for_one_event() {
    let text =
        "event: a\nevent: put\ndata: 1\n\ndata: 2\n\nevent\ndata: 3\n\nevent: x\n\ndata: 4\n\n";
    let types: Vec<_> = of(text.as_bytes())
        .into_iter()
        .map(|(kind, ..)| kind)
        .collect();
    assert_eq!(types, ["put", "message", "message", "message"]);
}

#[test]
fn an_id_holds_until_another_one_and_counts_from_its_blank_line() {
    let ids = |text: &str| -> Vec<String> {
        of(text.as_bytes()).into_iter().map(|(.., id)| id).collect()
    };
    assert_eq!(
        ids("data: 0\n\nid: 1\ndata: 1\n\ndata: 2\n\nid\ndata: 3\n\nid: 4\nid: 5\ndata: 5\n\n"),
        ["", "1", "1", "", "5"]
    );
    // An id with NUL is ignored.
    assert_eq!(ids("id: 1\ndata: 1\n\nid: 2\0\ndata: 2\n\n"), ["1", "1"]);

    let mut stream = EventStream::new().resume_after("6");
    assert_eq!(stream.last_event_id(), "6");
    for (chunk, expected) in [
        ("data: 1\n\n", "6"),
        ("id: 7\ndata: 2", "6"),
        ("\n", "6"),
        ("\n", "7"),
    ] {
        let _ = decoded(&mut stream, [chunk.as_bytes()]);
        assert_eq!(stream.last_event_id(), expected, "{chunk:?}");
    }
    // A block without data sets it too.
    let (seen, _) = decoded(&mut stream, [&b"id: 8\n\n"[..]]);
    assert_eq!((seen.len(), stream.last_event_id()), (0, "8"));
}

#[test]
fn a_reconnection_time_has_digits_only() {
    let mut stream = EventStream::new();
    let ms = Duration::from_millis;
    for (text, expected) in [
        ("retry:\n", None),
        (
            "retry: 1.5\nretry: -1\nretry: 1 \nretry: +1\nretry: 1e3\n",
            None,
        ),
        ("retry: 2500\n", Some(ms(2500))),
        ("retry: x\n", Some(ms(2500))),
        ("retry:0\n", Some(ms(0))),
        ("retry: 99999999999999999999999\n", Some(ms(u64::MAX))),
    ] {
        let _ = decoded(&mut stream, [text.as_bytes()]);
        assert_eq!(stream.retry(), expected, "{text:?}");
    }
}

#[test]
fn what_is_too_long_is_an_error_and_stays_one() {
    let stream = || EventStream::new().max_line(8).max_event(10);
    for (text, expected) in [
        ("data: 12", Ok(())),
        ("data: 123", Err(TooLong::Line(8))),
        (": 3456789", Err(TooLong::Line(8))),
        ("data: 123\n\n", Err(TooLong::Line(8))),
        ("data: 1\r\n\r\ndata: 2\r\n\r\n", Ok(())),
        ("data:12\ndata:12\ndata:1\n", Ok(())),
        (
            "data:12\ndata:12\ndata:12\ndata:1\n",
            Err(TooLong::Event(10)),
        ),
        ("id:1234\ndata:12\ndata:12\n", Ok(())),
        ("id:12345\ndata:12\ndata:12\n", Err(TooLong::Event(10))),
        // What is replaced costs nothing.
        ("id:12345\nid:1\nid:12345\nid:\ndata:123\ndata:12\n", Ok(())),
    ] {
        let mut stream = stream();
        let (_, ended) = decoded(&mut stream, [text.as_bytes()]);
        assert_eq!(ended, expected, "{text:?}");
        let (seen, again) = decoded(&mut stream, [&b"\n\ndata: 1\n\n"[..]]);
        assert_eq!(again, expected, "{text:?}");
        assert!(seen.is_empty() || expected.is_ok());
    }
}

#[test]
fn an_endless_line_or_event_takes_no_more_memory_than_its_limit() {
    let mut line = EventStream::new();
    let mut event = EventStream::new();
    let long = [b'a'; 4096];
    let short = b"data: 0123456789\n".repeat(200);
    let (mut line_bytes, mut event_bytes) = (0, 0);
    let mut first = &b"data: "[..];
    assert_eq!(line.decode(&mut first), Ok(None));
    while line.decode(&mut &long[..]).is_ok() {
        line_bytes += long.len();
    }
    while event.decode(&mut &short[..]).is_ok() {
        event_bytes += short.len();
    }
    assert!(line_bytes <= 1024 * 1024);
    assert!(event_bytes <= 2 * 1024 * 1024);
    for stream in [&line, &event] {
        assert_eq!(stream.block.data.capacity(), 0);
    }
}

#[test]
fn no_data_is_shown() {
    let mut stream = EventStream::new();
    let mut rest = &b"data: secret\n\ndata: secret"[..];
    let event = stream.decode(&mut rest);
    assert!(matches!(event, Ok(Some(_))));
    let _ = stream.decode(&mut rest);
    assert!(!format!("{event:?} {stream:?}").contains("secret"));
}

/// Pieces that meet in all the ways that matter.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            &b"\n"[..],
            b"\r",
            b"\r\n",
            b"\n\n",
            b":",
            b" ",
            b"data",
            b"data: ",
            b"event: ",
            b"id: ",
            b"id",
            b"retry: ",
            b"\xef\xbb\xbf",
            b"\xef",
            b"\xbb",
            b"\0",
            b"\xe2\x82\xac",
            b"12",
            b"abc",
        ])
        .prop_map(<[u8]>::to_vec),
        prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_events_are_the_same_however_the_bytes_are_split(
        bytes in bytes(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        limits in prop_oneof![Just((1 << 20, 1 << 20)), (0_usize..40, 0_usize..60)],
    ) {
        let stream = || EventStream::new().max_line(limits.0).max_event(limits.1);
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let chunks = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
        let (mut whole, mut cut, mut single) = (stream(), stream(), stream());
        let expected = decoded(&mut whole, [&bytes[..]]);
        prop_assert_eq!(&decoded(&mut cut, chunks), &expected);
        prop_assert_eq!(&decoded(&mut single, bytes.chunks(1)), &expected);
        for stream in [cut, single] {
            prop_assert_eq!(stream.last_event_id(), whole.last_event_id());
            prop_assert_eq!(stream.retry(), whole.retry());
        }
    }

    #[test]
    fn what_is_written_as_the_standard_says_is_read_back(
        events in prop::collection::vec(("[a-z]{0,3}", "[ -~\u{e9}\n]{0,30}", "[ -~]{0,5}"), 0..6),
        end in prop::sample::select(vec!["\n", "\r", "\r\n"]),
    ) {
        let mut text = String::new();
        for (kind, data, id) in &events {
            let lines = data.split('\n').map(|line| format!("data: {line}{end}"));
            text.extend([format!(": {id}{end}event: {kind}{end}id: {id}{end}")]);
            text.extend(lines);
            text.push_str(end);
        }
        let expected: Vec<Seen> = events
            .into_iter()
            .map(|(kind, data, id)| (if kind.is_empty() { MESSAGE.to_owned() } else { kind }, data, id))
            .collect();
        prop_assert_eq!(of(text.as_bytes()), expected);
    }
}
