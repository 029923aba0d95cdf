//! The body of a response for tower layers.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};

use super::{Streaming, TransportError};

/// The body of a response of [`TransportService`](super::TransportService): one frame of data and one of trailers, or the chunks of a stream.
#[derive(Debug)]
pub struct ResponseBody(Frames);

/// The frames that are left.
enum Frames {
    Whole {
        data: Option<Bytes>,
        trailers: Option<HeaderMap>,
    },
    /// `None` once the stream has ended.
    Arriving(Option<NextChunk>),
}

/// Reads one chunk, and returns the stream with it. Nothing is read before it is polled.
type NextChunk =
    Pin<Box<dyn Future<Output = (Streaming, Result<Option<Bytes>, TransportError>)> + Send>>;

fn next_chunk(mut stream: Streaming) -> NextChunk {
    Box::pin(async move {
        let chunk = stream.next().await;
        (stream, chunk)
    })
}

impl ResponseBody {
    pub(super) fn whole(body: Bytes, trailers: HeaderMap) -> Self {
        Self(Frames::Whole {
            data: Some(body).filter(|data| !data.is_empty()),
            trailers: Some(trailers).filter(|trailers| !trailers.is_empty()),
        })
    }

    pub(super) fn arriving(stream: Streaming) -> Self {
        Self(Frames::Arriving(Some(next_chunk(stream))))
    }
}

impl fmt::Debug for Frames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Whole { .. } => "Whole",
            Self::Arriving(_) => "Arriving",
        })
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = TransportError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TransportError>>> {
        match &mut self.0 {
            Frames::Whole { data, trailers } => {
                let data = data.take().map(Frame::data);
                let frame = data.or_else(|| trailers.take().map(Frame::trailers));
                Poll::Ready(frame.map(Ok))
            }
            Frames::Arriving(next) => {
                let Some(reading) = next else {
                    return Poll::Ready(None);
                };
                let (stream, chunk) = ready!(reading.as_mut().poll(context));
                let goes_on = matches!(chunk, Ok(Some(_)));
                *next = goes_on.then(|| next_chunk(stream));
                Poll::Ready(chunk.transpose().map(|chunk| chunk.map(Frame::data)))
            }
        }
    }
}
