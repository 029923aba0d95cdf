//! Promise 4. No endless loop: every loop is bounded in rounds and in time, and a server in trouble is spared.

mod limits;
mod no_limits;
mod overload;
mod rates;
