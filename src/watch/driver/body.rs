//! The body of a feed, event by event.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;
use url::Url;

use crate::BoxError;
use crate::exchange::transport::{Streaming, TransportError};
use crate::protocol::event_stream::EventStream;
use crate::protocol::json_lines::{JsonLines, JsonLinesError};
use crate::protocol::turtle::{Turtle, TurtleError};
use crate::protocol::{FeedForm, FeedReader, Notice, StatementMembers, Translation, essence};

pub(super) const EVENT_STREAM: &str = "text/event-stream";
pub(super) const TURTLE: &str = "text/turtle";

/// A body that arrives in chunks. It holds one chunk and one event.
pub(super) struct FeedBody {
    stream: Streaming,
    decoder: Decoder,
    /// The rest of the chunk that is being read.
    rest: Bytes,
    last_sign: Instant,
    /// How long after the last sign of life the chunk came that is being read, until it shows an event.
    silence: Option<Duration>,
    /// Whether the last sign of life was a heartbeat.
    has_beaten: bool,
    /// Whether a chunk was read since the consumer was let in.
    has_to_rest: bool,
    depth: usize,
    /// What its lines mean, and the address of the request that opened it, if the API has no resources.
    translation: Option<(Translation, Url)>,
}

enum Decoder {
    Events(EventStream),
    Lines(JsonLines),
    Statements(Box<Turtle>),
}

/// What is known of a response before it is read.
pub(super) struct FeedResponse<'a> {
    pub(super) form: FeedForm,
    pub(super) url: &'a Url,
    pub(super) from: Option<&'a str>,
    pub(super) depth: usize,
    /// The longest event, in bytes, if it is not the usual one.
    pub(super) longest_event: Option<usize>,
}

impl FeedBody {
    /// Begins to read a response. Its content type tells what it is, not what was asked for. Returns the content type if
    /// it is none of a feed.
    pub(super) fn of(stream: Streaming, response: &FeedResponse<'_>) -> Result<Self, String> {
        let (kind, depth) = (essence(&stream.headers), response.depth);
        let decoder = match kind.as_deref() {
            Some(EVENT_STREAM) => {
                let from = response.from.unwrap_or_default();
                let mut events = EventStream::new().resume_after(from);
                if let Some(bytes) = response.longest_event {
                    events = events.max_line(bytes).max_event(bytes);
                }
                Decoder::Events(events)
            }
            Some(TURTLE) => Decoder::Statements(Box::new(Turtle::at(response.url.clone()))),
            // Some servers answer JSON to a request for events.
            Some(kind) if kind.contains("json") => {
                Decoder::Lines(JsonLines::new().max_depth(depth))
            }
            None | Some("text/plain" | "application/octet-stream")
                if response.form == FeedForm::Lines =>
            {
                Decoder::Lines(JsonLines::new().max_depth(depth))
            }
            Some(kind) => return Err(kind.to_owned()),
            None => return Err("without a content type".to_owned()),
        };
        Ok(Self {
            stream,
            decoder,
            rest: Bytes::new(),
            last_sign: Instant::now(),
            silence: None,
            has_beaten: false,
            has_to_rest: false,
            depth,
            translation: None,
        })
    }

    /// Sets what its lines mean. `opened` is the address of the request that opened it.
    pub(super) fn translated(mut self, translation: Option<Translation>, opened: &Url) -> Self {
        self.translation = translation.map(|translation| (translation, opened.clone()));
        self
    }

    pub(super) fn last_sign(&self) -> Instant {
        self.last_sign
    }

    /// Whether a chunk was read since the last call.
    pub(super) fn has_to_rest(&mut self) -> bool {
        std::mem::take(&mut self.has_to_rest)
    }

    /// Returns the wait before a reconnect that the feed asks for.
    pub(super) fn retry(&self) -> Option<Duration> {
        match &self.decoder {
            Decoder::Events(events) => events.retry(),
            Decoder::Lines(_) | Decoder::Statements(_) => None,
        }
    }

    /// Reads the next event of the chunk, if it has a whole one.
    pub(super) fn decode(&mut self, reader: &FeedReader) -> Result<Option<Vec<Notice>>, BoxError> {
        let mut rest = &self.rest[..];
        let notices = match &mut self.decoder {
            Decoder::Events(events) => events.decode(&mut rest)?.map(|event| {
                let id = Some(event.last_event_id());
                reader.event(
                    Some(event.event_type()),
                    id,
                    event.data().as_bytes(),
                    self.depth,
                )
            }),
            Decoder::Lines(lines) => match lines.decode(&mut rest) {
                Ok(document) => document.map(|line| match &self.translation {
                    None => reader.line(Some(&line)),
                    Some((translation, opened)) => {
                        let changes = translation.rules().changes(opened, &line);
                        let changes = changes.iter();
                        changes
                            .flat_map(|change| reader.line(Some(change)))
                            .collect()
                    }
                }),
                Err(JsonLinesError::Json(_)) => Some(reader.line(None)),
                Err(error) => return Err(error.into()),
            },
            Decoder::Statements(turtle) => {
                let mut members = StatementMembers::default();
                match turtle.decode(&mut rest, |triple| members.take(triple)) {
                    Ok(false) => None,
                    // A directive says nothing.
                    Ok(true) => Some(
                        members
                            .document()
                            .map_or_else(Vec::new, |document| reader.line(Some(&document))),
                    ),
                    Err(TurtleError::Invalid(_)) => Some(reader.line(None)),
                    Err(error @ TurtleError::TooLong(_)) => return Err(error.into()),
                }
            }
        };
        let read = self.rest.len() - rest.len();
        self.rest = self.rest.slice(read..);
        if notices.is_some() {
            (self.silence, self.has_beaten) = (None, false);
        }
        Ok(notices)
    }

    /// Returns how long after the one before a heartbeat came, once the chunk that it came in was read.
    pub(super) fn heartbeat(&mut self) -> Option<Duration> {
        let silence = self.silence.take()?;
        std::mem::replace(&mut self.has_beaten, true).then_some(silence)
    }

    /// Waits for the next chunk. Returns whether there is one.
    pub(super) async fn chunk(&mut self) -> Result<bool, TransportError> {
        let chunk = loop {
            match self.stream.next().await? {
                // No bytes are no sign of life.
                Some(chunk) if chunk.is_empty() => {}
                Some(chunk) => break chunk,
                None => return Ok(false),
            }
        };
        let now = Instant::now();
        self.silence = Some(now - std::mem::replace(&mut self.last_sign, now));
        (self.rest, self.has_to_rest) = (chunk, true);
        Ok(true)
    }
}
