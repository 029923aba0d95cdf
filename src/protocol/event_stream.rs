//! The event stream format of server-sent events (`text/event-stream`, [WHATWG HTML 9.2]).
//!
//! [`EventStream`] decodes it from chunks of any size. It reads no clock and no socket, and keeps no more than one line and
//! one event.
//!
//! [WHATWG HTML 9.2]: https://html.spec.whatwg.org/multipage/server-sent-events.html

use std::fmt;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

pub use super::lines::TooLong;
use super::lines::{Ends, Lines};

/// The default for the longest event, in bytes: 1 MiB.
const MAX_EVENT: usize = 1024 * 1024;
/// A byte order mark, which one stream may begin with.
const BOM: &[u8] = b"\xef\xbb\xbf";
/// The type of an event that names none.
const MESSAGE: &str = "message";

/// Decodes an event stream that arrives in chunks.
///
/// The events are the same however the bytes are split into chunks. An event is decoded when its blank line has arrived.
/// So the last one is dropped if the stream breaks off in it. Comments are no events: that a chunk arrived is the sign of
/// life. Invalid UTF-8 is replaced, as the standard says.
///
/// # Default
///
/// | limit | default |
/// |---|---|
/// | [`max_line`](Self::max_line) | 1 MiB |
/// | [`max_event`](Self::max_event) | 1 MiB |
///
/// # Example
///
/// ```
/// use ifmatch::event_stream::EventStream;
///
/// let mut stream = EventStream::new();
/// let mut seen = Vec::new();
/// for chunk in ["id: 7\nevent: put\nda", "ta: a\ndata: b\n\n: a comm", "ent\n"] {
///     let mut rest = chunk.as_bytes();
///     while let Some(event) = stream.decode(&mut rest)? {
///         seen.push((event.event_type().to_owned(), event.data().to_owned()));
///     }
/// }
/// assert_eq!(seen, [("put".to_owned(), "a\nb".to_owned())]);
/// assert_eq!(stream.last_event_id(), "7");
/// # Ok::<(), ifmatch::event_stream::TooLong>(())
/// ```
#[derive(Clone)]
pub struct EventStream {
    lines: Lines,
    block: Block,
    failed: Option<TooLong>,
}

/// One event.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// Empty if the event names no type.
    kind: String,
    data: String,
    last_event_id: Arc<str>,
}

/// The buffers of the standard, for the event that has arrived in part.
#[derive(Clone)]
struct Block {
    max_event: usize,
    is_first_line: bool,
    event_type: String,
    /// The data, with an LF after each line.
    data: String,
    /// The id that becomes the last event id with the next blank line.
    id: String,
    last_event_id: Arc<str>,
    retry: Option<Duration>,
}

impl EventStream {
    /// Creates a decoder for one response.
    pub fn new() -> Self {
        Self {
            lines: Lines::new(Ends::CrOrLf),
            block: Block {
                max_event: MAX_EVENT,
                is_first_line: true,
                event_type: String::new(),
                data: String::new(),
                id: String::new(),
                last_event_id: Arc::default(),
                retry: None,
            },
            failed: None,
        }
    }

    /// Sets the last event id of the response before this one (default empty).
    ///
    /// It holds until an event has another id, so it is not lost if the connection breaks again before that.
    pub fn resume_after(mut self, last_event_id: &str) -> Self {
        self.block.id = last_event_id.to_owned();
        self.block.last_event_id = last_event_id.into();
        self
    }

    /// Sets the longest line, in bytes (default 1 MiB).
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.lines.set_limit(bytes);
        self
    }

    /// Sets the longest event, in bytes (default 1 MiB): its type, its data and the id together.
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.block.max_event = bytes;
        self
    }

    /// Decodes the next event, and removes its bytes from the input. Returns `None` once the input is used up.
    ///
    /// # Errors
    ///
    /// Returns an error if a line or an event is longer than its limit. Then all memory is freed, and every further call
    /// returns the same error.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Event>, TooLong> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        let decoded = self.next(input);
        if let Err(failed) = decoded {
            self.failed = Some(failed);
            self.lines = Lines::new(Ends::CrOrLf);
            (self.block.event_type, self.block.data) = (String::new(), String::new());
        }
        decoded
    }

    fn next(&mut self, input: &mut &[u8]) -> Result<Option<Event>, TooLong> {
        while let Some(line) = self.lines.next(input)? {
            if let Some(event) = self.block.line(line)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Returns the id to resume after, for the `Last-Event-ID` field of the next request. It is empty if there is none.
    ///
    /// A block without data is no event, but may set the id too.
    pub fn last_event_id(&self) -> &str {
        &self.block.last_event_id
    }

    /// Returns the last reconnection time that the server sent, or `None`.
    pub fn retry(&self) -> Option<Duration> {
        self.block.retry
    }
}

impl Default for EventStream {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The rest is data of the user.
        f.debug_struct("EventStream")
            .field("last_event_id", &self.last_event_id())
            .field("retry", &self.retry())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

impl Event {
    /// Returns the type: `message`, unless the event names another.
    pub fn event_type(&self) -> &str {
        if self.kind.is_empty() {
            MESSAGE
        } else {
            &self.kind
        }
    }

    /// Returns the data, with an LF between its lines.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// Returns the data.
    pub fn into_data(self) -> String {
        self.data
    }

    /// Returns the id of this event, or of the last one before it that had an id. It is empty if there is none.
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("event_type", &self.event_type())
            .field("data_bytes", &self.data.len())
            .field("last_event_id", &self.last_event_id)
            .finish_non_exhaustive()
    }
}

impl Block {
    /// Takes one line, and returns the event that ends with it.
    fn line(&mut self, mut line: &[u8]) -> Result<Option<Event>, TooLong> {
        if take(&mut self.is_first_line) {
            line = line.strip_prefix(BOM).unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.end());
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (field, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                self.data.push_str(&String::from_utf8_lossy(value));
                self.data.push('\n');
            }
            b"event" => self.event_type = String::from_utf8_lossy(value).into_owned(),
            b"id" if !value.contains(&0) => {
                self.id.clear();
                self.id.push_str(&String::from_utf8_lossy(value));
            }
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.retry = Some(Duration::from_millis(number(value)));
            }
            _ => {}
        }
        if self.event_type.len() + self.data.len() + self.id.len() > self.max_event {
            return Err(TooLong::Event(self.max_event));
        }
        Ok(None)
    }

    /// Ends the block. It is an event if it has data.
    fn end(&mut self) -> Option<Event> {
        if *self.id != *self.last_event_id {
            self.last_event_id = self.id.as_str().into();
        }
        let kind = take(&mut self.event_type);
        let mut data = take(&mut self.data);
        // Without data, there is no LF either.
        data.pop()?;
        Some(Event {
            kind,
            data,
            last_event_id: self.last_event_id.clone(),
        })
    }
}

/// The value of ASCII digits, or the largest number.
fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number: u64, digit| {
        let digit = u64::from(digit - b'0');
        number.saturating_mul(10).saturating_add(digit)
    })
}

#[cfg(test)]
mod tests;
