//! Writes of one client to one resource take turns, and no call waits for another that stands still.

mod schedules;
mod stalls;
mod write_queues;
