//! The merge engine: rules, laws, what people and other tools made of the same merges, and what the derive says.

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
