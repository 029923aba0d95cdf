//! Solid pods: documents in containers, channels that stream notifications in Turtle.

use crate::protocol::{Feed, Profile};

/// Solid pods, such as the Community Solid Server.
///
/// A collection is a container, and its documents are JSON (`application/json`). Versions are strong entity tags. A pod that
/// is not public needs a token in each request, for example from an
/// [`authenticator`](crate::Authenticator).
///
/// [`watch`](crate::Collection::watch) follows the streaming channel of the container
/// (`StreamingHTTPChannel2023`), which the container names by a `Link`. The channel tells of additions and removals. It
/// does not tell when a resource in the container changes. So the container is also listed, every 30 seconds, and what
/// has another time there is read. The watch of a single resource follows the channel of that resource, which tells of
/// all its changes. A server without such channels is polled. `Solid.feed()` is a [`Feed`], whose
/// [`interval`](Feed::interval) can be changed for [`OpenWatch::feed`](crate::OpenWatch::feed).
///
/// What the Community Solid Server 7.2 does:
///
/// - It makes its tags of the time of the last change. With files they have milliseconds. With its storage in memory they
///   have whole seconds, so that two writes within one second have one version, and updates get lost whatever a client
///   does. [`Client::probe`](crate::Client::probe) finds that.
/// - It has no 412 for a write to a resource that was removed meanwhile. The write creates it anew.
/// - The response to a write has no tag, so the next edit reads first.
///
/// [Solid Protocol](https://solidproject.org/TR/protocol),
/// [notifications](https://solidproject.org/TR/notifications-protocol).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, profiles::Solid};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://pod.example.com").profile(Solid).build()?;
/// let notes = client.collection::<serde_json::Value>("notes");
/// # let _ = notes;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Solid;

const STREAMING_CHANNEL: &str = "http://www.w3.org/ns/solid/terms#updatesViaStreamingHttp2023";

impl Profile for Solid {
    fn feed(&self) -> Option<Feed> {
        let feed = Feed::turtle("")
            .linked_as(STREAMING_CHANNEL)
            .id_at("/object")
            .kind_at("/type")
            .misses_changes();
        Some(feed.list_at("./").list_is_container())
    }
}
