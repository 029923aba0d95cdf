//! The services that grant leases, with a file for each.

pub(super) mod records;
