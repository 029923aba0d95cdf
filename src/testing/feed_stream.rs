//! One stream of a feed of the test server.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::watch;

use super::feed_step::{Ending, FeedStep};
use super::server::lock;
use super::state::SimulatedState;
use crate::exchange::transport::{Chunks, Fate, TransportError};

/// The comment that is sent when there is no event.
const HEARTBEAT: &str = ": still here\n\n";

/// Sends the changes of a feed as they are made, each as a chunk.
pub(super) struct FeedStream {
    pub(super) state: Arc<Mutex<SimulatedState>>,
    pub(super) path: String,
    pub(super) step: FeedStep,
    /// The id of the last change that was taken from the history.
    pub(super) after: u64,
    /// What is sent next.
    pub(super) ready: VecDeque<Bytes>,
    pub(super) cuts: watch::Receiver<u64>,
    /// The number of cuts when the stream was opened.
    pub(super) opened_at: u64,
    pub(super) heartbeat: Option<Duration>,
    /// The number of bytes sent.
    pub(super) sent: usize,
}

impl FeedStream {
    /// Takes the changes that were made since the last call.
    fn take_changes(&mut self) {
        let state = lock(&self.state);
        let changes = state.feeds.get(&self.path);
        let Some((mut events, last)) = changes.and_then(|feed| feed.after(self.after)) else {
            return;
        };
        self.after = last;
        if self.step.reverses {
            events.reverse();
        }
        let times = 1 + usize::from(self.step.duplicates);
        for event in events {
            let event = Bytes::copy_from_slice(event.as_bytes());
            self.ready.extend(std::iter::repeat_n(event, times));
        }
    }

    /// Waits for a change or a cut. Returns `false` if it is time for a heartbeat.
    async fn wait(&mut self) -> bool {
        let Some(time) = self.heartbeat else {
            // The sender is in the state, which this stream keeps.
            return self.cuts.changed().await.is_ok();
        };
        tokio::time::timeout(time, self.cuts.changed())
            .await
            .is_ok()
    }
}

#[async_trait]
impl Chunks for FeedStream {
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        let cut = || TransportError::new(Fate::Unknown, "the connection was cut");
        loop {
            let cuts = *self.cuts.borrow_and_update();
            if cuts != self.opened_at {
                return Err(cut());
            }
            let room = self
                .step
                .ending
                .map(|(bytes, ending)| (bytes.saturating_sub(self.sent), ending));
            match room {
                Some((0, Ending::Cut)) => return Err(cut()),
                Some((0, Ending::End)) => return Ok(None),
                Some((0, Ending::Stall)) => {
                    self.heartbeat = None;
                    self.wait().await;
                    continue;
                }
                _ => {}
            }
            if self.ready.is_empty() && self.step.gone.is_none() {
                self.take_changes();
            }
            let chunk = match self.ready.pop_front() {
                Some(chunk) => chunk,
                None if self.step.gone.is_some() => return Ok(None),
                None if self.wait().await => continue,
                None => Bytes::from_static(HEARTBEAT.as_bytes()),
            };
            let room = room.map_or(usize::MAX, |(bytes, _)| bytes);
            let chunk = chunk.slice(..chunk.len().min(room));
            self.sent += chunk.len();
            return Ok(Some(chunk));
        }
    }
}
