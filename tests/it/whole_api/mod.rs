//! The whole of an API goes through the client: actions, plain requests, and bodies in other formats.

mod action_errors;
mod action_outcomes;
mod action_requests;
mod action_turns;
mod actions;
mod format_bodies;
mod format_evidence;
mod formats;
mod orders;
mod request_formats;
mod requests;
mod site;
mod told_actions;
mod translated;
