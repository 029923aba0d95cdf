//! The merge engine: rules, laws, merges by people and by other tools, and the messages of the derive.

mod bad_input;
mod command;
mod derive;
mod documents;
mod halves;
mod laws;
mod lists;
mod rules;
mod ui;
mod units;
mod vectors;
