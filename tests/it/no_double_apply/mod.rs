//! Promise 2. No phantom success, no double apply: a write whose response was lost is settled or reported as unknown,
//! and never sent blindly twice.

mod accepted;
mod accurate_outcomes;
mod applied_once;
mod causes;
mod creations;
mod doubtful_successes;
mod dropped;
mod hidden_refusals;
mod lagging;
mod lost_replies;
mod posts;
mod stamps;
