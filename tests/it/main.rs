//! The promises, each checked from outside.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed test may panic"
)]

mod support;

mod accepted;
mod accurate_outcomes;
mod api_versions;
mod bounded;
mod contention;
mod doubtful_successes;
mod dropped;
mod envelopes;
mod evidence;
mod handlers;
mod hidden_refusals;
mod lagging;
mod lost_replies;
mod lost_updates;
mod meanings;
mod no_double_apply;
mod no_limits;
mod nothing_dropped;
mod only_races;
mod other_documents;
mod other_places;
mod other_versions;
mod overload;
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
mod shared_outcomes;
mod slashes;
mod stalls;
mod stamps;
mod stored;
mod strategies;
mod trailers;
mod unconditional;
mod users;
mod versions_elsewhere;
mod versions_inside;
mod views;
mod write_queues;
