//! The promises, each checked from outside.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed test may panic"
)]

mod support;

mod accepted;
mod api_versions;
mod bounded;
mod crowds;
mod doubtful_successes;
mod dropped;
mod envelopes;
mod evidence;
mod handlers;
mod hidden_refusals;
mod lagging;
mod lanes;
mod lost_replies;
mod lost_updates;
mod meanings;
mod no_limits;
mod nothing_dropped;
mod once;
mod only_races;
mod other_documents;
mod other_places;
mod other_versions;
mod panicking;
mod posts;
mod preferences;
mod probing;
mod rates;
mod reading;
mod real_connections;
mod redirects;
mod removals;
mod renaming;
mod round_trips;
mod schedules;
mod secrets;
mod security;
mod serializable;
mod slashes;
mod stalls;
mod stamps;
mod stored;
mod strategies;
mod struggling;
mod told_together;
mod told_truly;
mod trailers;
mod unconditional;
mod users;
mod versions_elsewhere;
mod versions_inside;
mod views;
