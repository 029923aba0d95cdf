//! Promise 5. Only races are merged: a refusal for another reason goes to its handler, and a conflict to its strategy.

mod handlers;
mod meanings;
mod only_races;
mod renaming;
mod strategies;
