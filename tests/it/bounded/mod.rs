//! Promise 4. No endless loop: every loop is bounded in rounds and in time, and an overloaded server is spared.

mod limits;
mod no_limits;
mod overload;
mod rates;
